use crypt_keeper_domain::model::PartitionState;
use crypt_keeper_domain::ports::StoreError;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::catalogue::Catalogue;
use crate::schema::is_ours;
use crate::store::Core;
use crate::tables::Kind;

/// Tables that are asked about at once.
const AT_ONCE: usize = 8;

impl Core {
    pub(crate) async fn lost_tables(&self) -> Result<Vec<String>, StoreError> {
        let partitions = Catalogue::partitions(&self.calls).await?;
        let due = partitions
            .iter()
            .filter(|one| one.is_made && one.entry.state < PartitionState::Emptied)
            .map(|one| self.calls.tables.documents(one.entry.partition));
        let lost = due.map(|table| async move {
            match self.calls.describe(&table).await? {
                None => Ok(Some(table)),
                Some(found) => {
                    is_ours(&table, Kind::Documents, &found)?;
                    Ok::<_, StoreError>(None)
                }
            }
        });
        let lost: Vec<_> = lost.collect();
        let lost: Vec<Option<String>> = stream::iter(lost).buffered(AT_ONCE).try_collect().await?;
        Ok(lost.into_iter().flatten().collect())
    }
}
