use std::fmt::Debug;

use async_trait::async_trait;

use super::{Change, StoreError};
use crate::model::{Lifetime, Partition, PartitionEntry, PartitionState, Record, Timestamp};

/// The time partitions of a metadata store: the catalogue of what there is, and the places that
/// documents and entries lie in. A power beside
/// [`MetadataStore`](super::MetadataStore), which never makes or removes a partition on its own.
///
/// A partition is in the catalogue before its place is made, and its entry outlives the place: so
/// a place that is missing is one that was never made, or was dropped, or is lost, and the catalogue
/// says which.
///
/// Laws, each a test of `crypt_keeper_conformance::partitions`:
/// - `a_made_partition_takes_documents`, and is in the catalogue; `find_partition` and
///   `list_partitions` agree.
/// - `making_is_idempotent`, also by many at once.
/// - `a_lifetime_is_only_ever_raised`.
/// - `a_partition_takes_its_steps_in_order`, each once, with its record, also if many try at once.
/// - `a_closed_partition_is_never_made_again`.
/// - `a_drop_takes_every_row_of_the_partition`, spares its neighbours, and is harmless to repeat.
/// - `a_drop_needs_an_emptied_partition`.
/// - `an_unmade_partition_holds_nothing`: a find in it is a miss, not an error.
/// - `the_stores_clock_is_told`: the one that new ids and releases are judged by.
#[async_trait]
pub trait Partitions: Debug + Send + Sync + 'static {
    /// Every partition of the catalogue, expired ones too, in order of class and period.
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError>;

    /// One of them.
    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError>;

    /// Sees to it that the partition is in the catalogue, that documents can be put into it, and
    /// that its lifetime is `lifetime` at least; its entry as it is then. One that is not open
    /// (any more) is left as it is. Any number of callers may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] also if it took too long; it may be made later then.
    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError>;

    /// Takes a partition from the state before `to` to `to`, with the record. `Unchanged`, and no
    /// record, if it is at `to` or beyond already; `Stale` if it is not as far as the state before
    /// `to`, or if `to` is [`Emptying`](PartitionState::Emptying) and a hold of one of its documents
    /// has begun and is not complete; `Missing` if there is no such partition. Of a step to
    /// [`Closed`](PartitionState::Closed) the record's moment is kept as
    /// [`closed_at`](PartitionEntry::closed_at).
    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// Removes the rows of an emptied partition: all documents and entries of it. It may do so in
    /// steps: repeating goes on to the end, and is harmless after. It does not move the partition
    /// to [`Dropped`](PartitionState::Dropped): that is recorded after.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the partition is not [`Emptied`](PartitionState::Emptied) or
    /// beyond.
    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError>;

    /// How many documents the partition holds, as far as it is known without counting them all: an
    /// estimate, or exact where that is cheap. `None` if the store cannot say.
    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError>;

    /// What the store's clock shows: so that nothing is removed for a caller's clock alone.
    async fn now(&self) -> Result<Timestamp, StoreError>;
}
