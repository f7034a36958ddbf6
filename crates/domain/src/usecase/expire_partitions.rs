use std::sync::Arc;
use std::time::Duration;

use super::{DestroyKeys, RetirePartitionPairs, ScheduleDestruction, require};
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, KeyState, ObjectPrefix, Partition, PartitionEntry,
    PartitionState, Record, Scope, Scopes, Timestamp,
};
use crate::ports::{BlobStore, Change, EntropyExt, Partitions};

/// Removes partitions whose documents have all expired, whole: nobody is given them any more, their
/// objects are deleted, their rows are dropped, their key pairs are scheduled for destruction.
///
/// Each step is recorded in the catalogue and in the audit log before the next begins, and is
/// harmless to repeat: whoever runs it after a crash goes on, and of any number of instances that
/// run it at once each step is recorded by one.
#[derive(Clone, Debug)]
pub struct ExpirePartitions {
    /// Where partitions are.
    pub partitions: Arc<dyn Partitions>,
    /// Where their objects lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Rotates out what still wraps.
    pub retire: RetirePartitionPairs,
    /// Schedules the destruction of their key pairs.
    pub schedule: ScheduleDestruction,
    /// Destroys those that never wrapped.
    pub destroy: DestroyKeys,
    /// How long scheduled destructions wait.
    pub destroy_wait: Duration,
    /// How long after it was closed a partition's objects stay: until every service has seen the
    /// close, and presigned URLs that were handed out before it have expired.
    pub drain: Duration,
}

/// What became of the partitions that were due.
#[derive(Debug, Default)]
pub struct ExpiredPartitions {
    /// Steps that were taken, in their order.
    pub steps: Vec<(Partition, PartitionState)>,
    /// How many objects were deleted.
    pub objects: u64,
    /// What some wait for; they are looked at the next time again.
    pub waiting: Vec<(Partition, Waiting)>,
    /// Partitions for which it did not work; they are tried the next time again.
    pub failures: Vec<(Partition, Error)>,
}

/// What the next step of a partition waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Presigned URLs may be in use until then.
    UrlsUntil(Timestamp),
    /// A legal hold of one of its documents has begun and is not complete.
    Hold,
    /// A key pair left active service less than a day ago.
    KeyPairUntil(Timestamp),
}

/// How far a partition came.
enum Step {
    Taken(PartitionState),
    Waits(Waiting),
    Over,
}

impl ExpirePartitions {
    /// The least that [`drain`](Self::drain) may be: services go by what they have seen of the
    /// catalogue for 10 seconds, and their clocks may differ.
    pub const MIN_DRAIN: Duration = Duration::from_secs(60);

    /// Takes what has expired at the call's moment, and what was begun before, as far as it goes. If
    /// the store's clock is behind the call's moment all is judged by, and recorded at, what it shows:
    /// a clock that is fast, or was set forward, closes nothing early, and nobody could open it again.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like if it cannot be known what is due.
    pub async fn run(&self, context: &CallContext) -> Result<ExpiredPartitions, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut expired = ExpiredPartitions::default();
        let entries = self.partitions.list_partitions().await?;
        let context = &context.not_after(self.partitions.now().await?);
        for entry in entries {
            let is_due = match entry.state {
                PartitionState::Open => entry.is_expired(context.at),
                PartitionState::Expired => false,
                _ => true,
            };
            if is_due {
                self.take_along(context, entry, &mut expired).await;
            }
        }
        Ok(expired)
    }

    /// Removes one partition now, whether its documents have expired or not, as far as it goes: an
    /// operator's act. The period must have ended, so that nothing is put into it any more. A clock
    /// that is fast is judged as in [`run`](Self::run).
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`], [`Error::PartitionNotEnded`], [`Error::Forbidden`],
    /// [`Error::Unavailable`].
    pub async fn drop_now(
        &self,
        context: &CallContext,
        partition: Partition,
    ) -> Result<ExpiredPartitions, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let entry = self.partitions.find_partition(partition).await?;
        let entry = entry.ok_or(Error::NoSuchPartition(partition))?;
        let context = &context.not_after(self.partitions.now().await?);
        if !RetirePartitionPairs::has_ended(partition, context.at) {
            return Err(Error::PartitionNotEnded {
                partition,
                ends_at: partition.ends_at(),
            });
        }
        let mut expired = ExpiredPartitions::default();
        self.take_along(context, entry, &mut expired).await;
        Ok(expired)
    }

    async fn take_along(
        &self,
        context: &CallContext,
        mut entry: PartitionEntry,
        expired: &mut ExpiredPartitions,
    ) {
        let partition = entry.partition;
        loop {
            match self.step(context, &entry, &mut expired.objects).await {
                Ok(Step::Taken(to)) => {
                    expired.steps.push((partition, to));
                    if to == PartitionState::Closed {
                        entry.closed_at = Some(context.at);
                    }
                    entry.state = to;
                }
                Ok(Step::Waits(waiting)) => return expired.waiting.push((partition, waiting)),
                Ok(Step::Over) => return,
                Err(error) => return expired.failures.push((partition, error)),
            }
        }
    }

    /// Does what lies between a state and the next, and records that.
    async fn step(
        &self,
        context: &CallContext,
        entry: &PartitionEntry,
        objects: &mut u64,
    ) -> Result<Step, Error> {
        let partition = entry.partition;
        match entry.state {
            PartitionState::Open => {}
            PartitionState::Closed => {
                let closed_at = entry.closed_at.unwrap_or(context.at);
                let until = closed_at.plus(self.drain.max(Self::MIN_DRAIN));
                if context.at < until {
                    return Ok(Step::Waits(Waiting::UrlsUntil(until)));
                }
            }
            PartitionState::Emptying => {
                let prefix = ObjectPrefix::partition(partition);
                *objects += self.blobs.delete_prefix(&prefix).await?;
            }
            PartitionState::Emptied => self.partitions.drop_partition(partition).await?,
            PartitionState::Dropped => {
                if let Some(until) = self.see_to_pairs(context, partition).await? {
                    return Ok(Step::Waits(Waiting::KeyPairUntil(until)));
                }
            }
            PartitionState::Expired => return Ok(Step::Over),
        }
        let Some(to) = entry.state.next() else {
            return Ok(Step::Over);
        };
        let record = self.record(context, partition, to)?;
        match self
            .partitions
            .advance_partition(partition, to, &record)
            .await?
        {
            // Unchanged: somebody else has recorded it.
            Change::Changed | Change::Unchanged => Ok(Step::Taken(to)),
            Change::Stale if to == PartitionState::Emptying => Ok(Step::Waits(Waiting::Hold)),
            Change::Stale => Err(Error::Conflict),
            Change::Missing => Err(Error::NoSuchPartition(partition)),
        }
    }

    fn record(
        &self,
        context: &CallContext,
        partition: Partition,
        to: PartitionState,
    ) -> Result<Record, Error> {
        let action = match to {
            PartitionState::Open | PartitionState::Closed => AuditAction::PartitionClosed,
            PartitionState::Emptying => AuditAction::PartitionEmptying,
            PartitionState::Emptied => AuditAction::PartitionEmptied,
            PartitionState::Dropped => AuditAction::PartitionDropped,
            PartitionState::Expired => AuditAction::PartitionExpired,
        };
        let mut audit = AuditEntry::new(context, action, self.schedule.entropy.bytes()?);
        audit.partition = Some(partition);
        Ok(Record::from(audit))
    }

    /// Schedules the destruction of every pair of the partition's scope, or destroys it where it
    /// never wrapped; the moment until which one of them has to wait.
    async fn see_to_pairs(
        &self,
        context: &CallContext,
        partition: Partition,
    ) -> Result<Option<Timestamp>, Error> {
        let mut waits = None;
        for pair in self.schedule.registry.list_pairs().await? {
            if pair.scope != Scope::Partition(partition) {
                continue;
            }
            let mut pair = pair;
            if pair.state == KeyState::Active {
                pair = self.retire.retire(context, &pair).await?.pair;
            }
            match pair.state {
                KeyState::PreActive => {
                    self.destroy.run(context, pair.serial).await?;
                }
                KeyState::Deactivated | KeyState::Suspended | KeyState::Compromised => {
                    if let Some(until) = pair.rests_until().filter(|until| context.at < *until) {
                        waits = waits.max(Some(until));
                        continue;
                    }
                    let wait = self.destroy_wait;
                    self.schedule.run(context, pair.serial, wait).await?;
                }
                // Somebody else is at it.
                KeyState::Active => return Err(Error::Conflict),
                KeyState::DestroyScheduled | KeyState::Destroyed => {}
            }
        }
        Ok(waits)
    }
}
