use std::time::Duration;

use crypt_keeper_domain::model::{Lifetime, Partition, PartitionEntry, PartitionState, Timestamp};
use crypt_keeper_domain::ports::StoreError;

use crate::catalogue::{Catalogue, condition_failed, put_if_new};
use crate::error::{OpenError, unavailable};
use crate::expression::Expression;
use crate::items::{MADE, lifetime_value, partition_item, partition_key, text};
use crate::store::Core;
use crate::tables::Kind;

/// How long one waits for a table: it is made in some ten seconds.
const MADE_WITHIN: Duration = Duration::from_secs(20);
/// Steps until a partition is as it is to be: each is taken once, unless others are at it too.
const STEPS: usize = 32;

impl Core {
    /// Takes one step after the other, and looks again after each: whoever else is at it has taken
    /// it as well.
    pub(crate) async fn ensure_partition(
        &self,
        partition: &Partition,
        lifetime: &Lifetime,
        at: &Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        let catalogue = self.calls.tables.catalogue();
        for _ in 0..STEPS {
            let Some(found) = Catalogue::partition(&self.calls, *partition).await? else {
                let item = partition_item(&PartitionEntry {
                    partition: *partition,
                    state: PartitionState::Open,
                    lifetime: *lifetime,
                    made_at: *at,
                    closed_at: None,
                });
                let put = put_if_new(&self.calls, &catalogue, item).await;
                put.map_err(OpenError::from)?;
                continue;
            };
            if found.entry.state != PartitionState::Open {
                return Ok(found.entry);
            }
            if found.entry.lifetime < *lifetime {
                let longer = lifetime_value(*lifetime);
                let raise = is_open()
                    .and_is_less("lifetime", longer.clone())
                    .set("lifetime", longer);
                self.change_partition(*partition, &raise).await?;
            } else if !found.is_made {
                self.make_documents_table(*partition).await?;
            } else {
                return Ok(found.entry);
            }
        }
        Err(unavailable("others change the same partition all the time"))
    }

    async fn make_documents_table(&self, partition: Partition) -> Result<(), StoreError> {
        let table = self.calls.tables.documents(partition);
        self.calls
            .make_table(&table, Kind::Documents, MADE_WITHIN)
            .await?;
        let is_made = is_open().set("table", Some(text(MADE)));
        if self.change_partition(partition, &is_made).await? {
            return Ok(());
        }
        // It was closed meanwhile. If it was dropped, too, what was just made is nobody's.
        let found = Catalogue::partition(&self.calls, partition).await?;
        if found.is_some_and(|found| found.entry.state >= PartitionState::Emptied) {
            self.calls.delete_table(&table).await?;
        }
        Ok(())
    }

    /// Changes a partition's item where it is as it has to be; whether it was.
    async fn change_partition(
        &self,
        partition: Partition,
        change: &Expression,
    ) -> Result<bool, StoreError> {
        let catalogue = self.calls.tables.catalogue();
        let key = partition_key(partition);
        match self.calls.update(&catalogue, key, change).await {
            Ok(()) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            // The service's own rights may stop short of it, as of making tables.
            Err(error) => Err(OpenError::from(error).into()),
        }
    }
}

fn is_open() -> Expression {
    Expression::is_there().and_is("state", Some(text(PartitionState::Open.as_str())))
}
