//! What a drop would take.

use std::fmt;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{
    DocumentId, KeyPair, KeyState, ObjectPrefix, PageLimit, PageRequest, Partition, PartitionEntry,
    PartitionState, Timestamp,
};
use crypt_keeper_domain::ports::{DocumentFilter, StoreError};
use crypt_keeper_domain::usecase::RetirePartitionPairs;
use serde_json::{Value, json};

use super::super::administration::Administration;
use super::super::times::seconds;
use super::super::{Failure, Output};
use super::{all_pairs, pairs_of};

/// What a drop would take, and what it would leave.
pub(super) struct Plan {
    entry: PartitionEntry,
    documents: Documents,
    held: u64,
    held_incomplete: u64,
    pairs: Vec<KeyPair>,
    now: Timestamp,
}

impl Plan {
    pub(super) async fn of(
        entry: PartitionEntry,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<Self, Failure> {
        let partition = entry.partition;
        let documents = if entry.state < PartitionState::Dropped {
            Documents::count(partition, admin, output).await?
        } else {
            Documents::Counted(0)
        };
        let (held, held_incomplete) = count_holds(partition, admin).await?;
        let pairs = all_pairs(admin).await?;
        Ok(Self {
            entry,
            documents,
            held,
            held_incomplete,
            pairs: pairs_of(partition, &pairs).cloned().collect(),
            now: admin.call.at,
        })
    }

    fn has_ended(&self) -> bool {
        RetirePartitionPairs::has_ended(self.entry.partition, self.now)
    }

    pub(super) fn json(&self) -> Value {
        let partition = self.entry.partition;
        let pairs = self.pairs.iter().map(|pair| {
            json!({
                "serial": pair.serial.to_string(),
                "state": pair.state.as_str(),
                "then": fate(pair.state),
            })
        });
        json!({
            "partition": partition.to_string(),
            "state": self.entry.state.as_str(),
            "may_be_dropped": self.has_ended(),
            "documents": self.documents.known(),
            "documents_are_counted": matches!(self.documents, Documents::Counted(_)),
            "objects_under": ObjectPrefix::partition(partition).to_string(),
            "held": self.held,
            "held_incomplete": self.held_incomplete,
            "key_pairs": pairs.collect::<Vec<_>>(),
        })
    }

    pub(super) fn tell(&self, output: &mut Output) -> Result<(), Failure> {
        let partition = self.entry.partition;
        let prefix = ObjectPrefix::partition(partition);
        output.result(format_args!("partition {partition}, {}", self.entry.state))?;
        output.result(format_args!("documents: {}, deleted", self.documents))?;
        output.result(format_args!(
            "objects: all under {prefix}, versions and unfinished uploads too, deleted"
        ))?;
        output.result(format_args!(
            "under legal hold: {}, kept where the hold has put them",
            self.held
        ))?;
        if self.held_incomplete > 0 {
            output.result(format_args!(
                "holds that are not complete: {}; nothing is deleted before they are (`crypt-keeper \
                 hold list`)",
                self.held_incomplete
            ))?;
        }
        for pair in &self.pairs {
            output.result(format_args!(
                "key pair {}: {}, {}",
                pair.serial,
                pair.state,
                fate(pair.state)
            ))?;
        }
        if !self.has_ended() {
            let until = partition.ends_at();
            let until = until.map_or_else(
                || "its period never ends".to_owned(),
                |end| {
                    let end = end.plus(DocumentId::MAX_BEHIND);
                    format!("its period has not ended: wait until {}", seconds(end))
                },
            );
            output.result(format_args!("It may not be dropped now: {until}"))?;
        }
        Ok(())
    }
}

/// How many documents there are.
enum Documents {
    Counted(u64),
    /// Some cannot be read, so that they cannot be counted one by one.
    Estimated(Option<u64>),
}

impl Documents {
    /// Looks at each of them: an estimate is not what one deletes by.
    async fn count(
        partition: Partition,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<Self, Failure> {
        let mut count = 0_u64;
        let mut page = PageRequest {
            after: partition.before_first(),
            limit: PageLimit::MAX,
        };
        loop {
            let listed = admin.stores.store.list(&DocumentFilter::Every, &page).await;
            let listed = match listed {
                Ok(listed) => listed,
                // Of a partition whose tables are lost nothing is known, and it can be dropped.
                Err(StoreError::Corrupt(_) | StoreError::Unavailable(_)) => {
                    let partitions = &admin.stores.partitions;
                    let estimate = partitions.estimate_documents(partition).await;
                    return Ok(Self::Estimated(estimate.map_err(Error::from)?));
                }
                Err(error) => return Err(Error::from(error).into()),
            };
            // In order of class and id: those of one partition are together.
            let ids = listed.items.iter().map(|document| document.id.partition());
            let is_over = ids.clone().any(|of| of > partition);
            count += ids.map(|of| u64::from(of == partition)).sum::<u64>();
            match listed.next.filter(|_| !is_over) {
                Some(next) => page.after = Some(next),
                None => return Ok(Self::Counted(count)),
            }
            if output.at_terminal() {
                output.progress(format_args!("{count} documents so far"));
            }
        }
    }

    fn known(&self) -> Option<u64> {
        match self {
            Self::Counted(count) => Some(*count),
            Self::Estimated(estimate) => *estimate,
        }
    }
}

impl fmt::Display for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counted(count) => count.fmt(f),
            Self::Estimated(Some(count)) => {
                write!(f, "some {count}, of which some cannot be read")
            }
            Self::Estimated(None) => f.write_str("all, of which some cannot be read"),
        }
    }
}

/// What becomes of a key pair of a dropped partition.
fn fate(state: KeyState) -> &'static str {
    match state {
        KeyState::PreActive => "destroyed",
        KeyState::Active | KeyState::Deactivated | KeyState::Suspended | KeyState::Compromised => {
            "scheduled for destruction"
        }
        KeyState::DestroyScheduled | KeyState::Destroyed => "stays so",
    }
}

/// How many holds of the partition's documents are complete, and how many are not.
async fn count_holds(partition: Partition, admin: &Administration) -> Result<(u64, u64), Failure> {
    let (mut complete, mut incomplete) = (0, 0);
    // In order of class and id: those of one partition are together.
    let mut page = PageRequest {
        after: partition.before_first(),
        limit: PageLimit::MAX,
    };
    loop {
        let found = admin.stores.holds.list_holds(&page).await;
        let found = found.map_err(Error::from)?;
        for hold in &found.items {
            let of = hold.document.partition();
            if of > partition {
                return Ok((complete, incomplete));
            }
            if of == partition {
                *(if hold.completed_at.is_some() {
                    &mut complete
                } else {
                    &mut incomplete
                }) += 1;
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok((complete, incomplete)),
        }
    }
}
