use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{EnsureKeyPair, require};
use crate::Error;
use crate::model::{
    CallContext, Lifetime, Partition, PartitionEntry, PartitionState, RetentionClass,
    RetentionClasses, RetentionPolicy, Scope, Scopes, Timestamp,
};
use crate::ports::Partitions;

/// Makes the partitions of the configured retention classes ahead of time, and their key pairs with
/// them. Any number of instances may run it at once.
#[derive(Clone, Debug)]
pub struct KeepUpPartitions {
    /// Where they are made.
    pub partitions: Arc<dyn Partitions>,
    /// Whose partitions are made.
    pub retention: RetentionClasses,
    /// Makes the key pair of each; `None` where partitions have no key pairs of their own.
    pub first_pair: Option<EnsureKeyPair>,
}

/// What was made.
#[derive(Debug, Default)]
pub struct KeptPartitions {
    /// Every partition there is now.
    pub entries: Vec<PartitionEntry>,
    /// Partitions that were not there before.
    pub made: Vec<Partition>,
    /// Partitions that were given their key pair.
    pub paired: Vec<Partition>,
    /// Partitions for which it did not work; they are tried the next time again.
    pub failures: Vec<(Partition, Error)>,
}

impl KeepUpPartitions {
    /// How many partitions of a class are made ahead of the one of now.
    pub const AHEAD: usize = 3;
    /// How long before its period begins a partition is given the lifetime of its class.
    pub const SOON: Duration = Duration::from_secs(60 * 60);
    /// With fewer ahead something is wrong: somebody should look.
    pub const ENOUGH: usize = 2;

    /// Makes what is missing of the current partition of each class and the
    /// [`AHEAD`](Self::AHEAD) after it. What is made ahead has the shortest lifetime there is, until
    /// its period begins: then it has that of its class, which may have been changed meanwhile, and
    /// those who may make no partition can put documents into it.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like if it cannot be known what is
    /// there.
    pub async fn run(&self, context: &CallContext) -> Result<KeptPartitions, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut kept = KeptPartitions {
            entries: self.partitions.list_partitions().await?,
            ..KeptPartitions::default()
        };
        for policy in self.retention.policies() {
            for partition in due(policy.class, context.at) {
                let done = self.keep_up(context, policy, partition, &mut kept).await;
                if let Err(error) = done {
                    kept.failures.push((partition, error));
                }
            }
        }
        Ok(kept)
    }

    async fn keep_up(
        &self,
        context: &CallContext,
        policy: &RetentionPolicy,
        partition: Partition,
        kept: &mut KeptPartitions,
    ) -> Result<(), Error> {
        let begins_soon = partition.starts_at() <= context.at.plus(Self::SOON);
        let lifetime = if begins_soon {
            policy.lifetime
        } else {
            Lifetime::SHORTEST
        };
        let there = kept
            .entries
            .iter_mut()
            .find(|entry| entry.partition == partition);
        let ensure = || {
            self.partitions
                .ensure_partition(partition, lifetime, context.at)
        };
        match there {
            Some(entry) if entry.lifetime >= lifetime => {}
            Some(entry) => *entry = ensure().await?,
            None => {
                kept.entries.push(ensure().await?);
                kept.made.push(partition);
            }
        }
        if let Some(first_pair) = &self.first_pair {
            let scope = Scope::Partition(partition);
            if first_pair.run(context, scope).await?.is_some() {
                kept.paired.push(partition);
            }
        }
        Ok(())
    }

    /// The partitions that [`run`](Self::run) makes at `at`, where there are `entries`.
    #[must_use]
    pub fn missing(
        retention: &RetentionClasses,
        entries: &[PartitionEntry],
        at: Timestamp,
    ) -> Vec<Partition> {
        let policies = retention.policies().iter();
        let due = policies.flat_map(|policy| due(policy.class, at));
        due.filter(|due| entries.iter().all(|entry| entry.partition != *due))
            .collect()
    }

    /// Makes one partition, whatever its class and period; its entry as it is then.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`] and the like.
    pub async fn make(
        &self,
        context: &CallContext,
        partition: Partition,
    ) -> Result<PartitionEntry, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let made = self
            .partitions
            .ensure_partition(partition, Lifetime::SHORTEST, context.at)
            .await?;
        Ok(made)
    }

    /// Whether somebody should look: a class has fewer partitions ahead than
    /// [`ENOUGH`](Self::ENOUGH).
    #[must_use]
    pub fn is_behind(ahead: &BTreeMap<RetentionClass, usize>) -> bool {
        ahead.values().any(|count| *count < Self::ENOUGH)
    }

    /// For each configured class, how many partitions are made without a gap after the one of `at`,
    /// which counts for nothing if it is missing itself.
    #[must_use]
    pub fn ahead(
        retention: &RetentionClasses,
        entries: &[PartitionEntry],
        at: Timestamp,
    ) -> BTreeMap<RetentionClass, usize> {
        let is_open = |partition: &Partition| {
            let mut all = entries.iter();
            all.any(|entry| entry.partition == *partition && entry.state == PartitionState::Open)
        };
        let classes = retention.policies().iter().map(|policy| policy.class);
        classes
            .map(|class| {
                let first = Partition::at(class, at);
                let made = std::iter::successors(Some(first), |partition| partition.next());
                let made = made.take_while(is_open).take(entries.len()).count();
                (class, made.saturating_sub(1))
            })
            .collect()
    }
}

/// The partition of a class at a moment, and those after it that should be there.
fn due(class: RetentionClass, at: Timestamp) -> impl Iterator<Item = Partition> {
    let first = Partition::at(class, at);
    std::iter::successors(Some(first), |partition| partition.next())
        .take(KeepUpPartitions::AHEAD + 1)
}
