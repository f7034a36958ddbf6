use std::time::Duration;

use aws_sdk_dynamodb::types::TableStatus;
use crypt_keeper_domain::model::{Partition, PartitionState};
use crypt_keeper_domain::ports::StoreError;
use tokio::time::Instant;

use crate::calls::{Calls, call, within};
use crate::catalogue::Catalogue;
use crate::error::{CallError, Fault};
use crate::store::Core;

/// How long one waits for a table to go. What is being deleted goes in any case. A server that
/// counts a table before it describes it, and deletes it before it answers, is given as long for each.
const GONE_WITHIN: Duration = Duration::from_secs(20);
/// How soon one looks again, first and at most: twice as long from one time to the next.
const LOOK_AFTER: Duration = Duration::from_millis(10);
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Core {
    /// Deletes the table: its cost does not depend on what is in it.
    pub(crate) async fn drop_partition(&self, partition: &Partition) -> Result<(), StoreError> {
        let found = Catalogue::partition(&self.calls, *partition).await?;
        if found.is_none_or(|found| found.entry.state < PartitionState::Emptied) {
            return Err(StoreError::Conflict);
        }
        let table = self.calls.tables.documents(*partition);
        Ok(self.calls.delete_table(&table).await?)
    }
}

impl Calls {
    /// Deletes a table if it is there, and waits until it is gone or on its way: from there on
    /// nothing holds it up, and whoever reads it may find a row of it for some seconds.
    pub(crate) async fn delete_table(&self, table: &str) -> Result<(), CallError> {
        let deadline = Instant::now() + GONE_WITHIN;
        let mut pause = LOOK_AFTER;
        loop {
            let status = match self.describe_within(table, GONE_WITHIN).await? {
                None => return Ok(()),
                Some(found) => found.table_status,
            };
            if status != Some(TableStatus::Deleting) {
                let request = self.client.delete_table().table_name(table);
                let attempt = || {
                    let request = request.clone().customize();
                    request.config_override(within(GONE_WITHIN)).send()
                };
                match call("DeleteTable", table, attempt).await {
                    Ok(_) => continue,
                    Err(error) if error.fault == Fault::NoSuchTable => return Ok(()),
                    // It is being made, changed or deleted.
                    Err(error) if error.fault == Fault::TableExists => {}
                    Err(error) => return Err(error),
                }
            }
            if Instant::now() >= deadline {
                if status == Some(TableStatus::Deleting) {
                    return Ok(());
                }
                let waited = format!("waited {} s for it to be free", GONE_WITHIN.as_secs());
                return Err(CallError {
                    call: "DeleteTable",
                    table: table.to_owned(),
                    fault: Fault::TimedOut,
                    detail: Some(waited),
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY);
        }
    }
}
