use async_trait::async_trait;

use super::copy_canonical::Canonical;
use super::copy_kinds::{CopySide, Copying, Kind, RowOutcome};
use super::copy_report::CopiedKind;
use crate::Error;
use crate::model::{Page, Partition, PartitionEntry};

/// The catalogue of time partitions, which has one a period and class: one page. They come before
/// what lies in them, so that nothing is ever to be had in the target that was refused in the source.
pub(super) struct Partitions;

#[async_trait]
impl Kind for Partitions {
    type Row = PartitionEntry;
    type Key = Partition;
    type Cursor = Partition;

    const KIND: CopiedKind = CopiedKind::Partitions;
    const GOES_ON: bool = true;

    fn key(row: &PartitionEntry) -> Partition {
        row.partition
    }

    fn name(row: &PartitionEntry) -> String {
        row.partition.to_string()
    }

    async fn page(
        side: &CopySide,
        _: Option<Partition>,
    ) -> Result<Page<PartitionEntry, Partition>, Error> {
        let items = side.partitions.list_partitions().await?;
        Ok(Page { items, next: None })
    }

    fn expected(_: &Copying, row: &PartitionEntry) -> Canonical {
        Canonical::partition(row)
    }

    fn found(_: &Copying, row: &PartitionEntry) -> Canonical {
        Canonical::partition(row)
    }

    async fn put(copying: &Copying, rows: Vec<PartitionEntry>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.transfer.put_partitions(&rows).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}
