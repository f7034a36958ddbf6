use std::fmt::Debug;

use async_trait::async_trait;

use super::{Change, StoreError};
use crate::model::{DocumentId, Hold, ObjectKey, Page, PageRequest, Partition, Record, WrappedKey};

/// Legal holds: documents that are kept beyond their expiry until the hold is taken off.
///
/// A hold is begun, its object is copied and its key wrapped anew, and then it is completed: the
/// document's row and entries are copied to a place that no partition's drop reaches. That place is
/// a [`MetadataStore`](super::MetadataStore) of its own, which the adapter hands out beside this
/// port, with the same laws for what is in it.
///
/// Laws, each a test of `crypt_keeper_conformance::holds`:
/// - `a_hold_is_begun_once`, also by many at once, and begun or complete it is listed.
/// - `a_begun_hold_keeps_the_partition_from_being_emptied`, and no hold begins after that: of a
///   race, one is refused.
/// - `a_hold_is_completed_under_an_active_pair`.
/// - `a_held_document_outlives_its_partition`: row, entries, the new wrap and the object's copy are
///   in the held place after the drop.
/// - `a_revoke_reaches_the_held_copy`.
/// - `a_grant_reaches_the_held_copy`, before it is complete and after.
/// - `a_held_document_does_not_expire`: its release is recorded after its expiry.
/// - `a_hold_that_is_taken_off_leaves_nothing_behind`.
#[async_trait]
pub trait Holds: Debug + Send + Sync + 'static {
    /// Enters a hold that is not complete yet, and marks the document's row as held, its version
    /// counted up, with the record. So whoever saw the row before changes nothing of it any more.
    async fn begin_hold(&self, hold: &Hold, record: &Record) -> Result<HoldOutcome, StoreError>;

    /// Copies the document's row, as it is now, and its entries to the held place, with another
    /// wrap and another object key; the hold is complete then. `Unchanged`, and no record, if it is
    /// already; `Missing` if it was not begun, or the document is gone. `Stale` if the pair of the new
    /// wrap is not active (any more), from stores that can lock its row.
    async fn complete_hold(
        &self,
        id: DocumentId,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// Takes the hold off, complete or not: removes it and its copies, and the mark of the
    /// document's row where there is one. `Missing` if there is no hold.
    async fn end_hold(&self, id: DocumentId, record: &Record) -> Result<Change, StoreError>;

    /// One hold.
    async fn find_hold(&self, id: DocumentId) -> Result<Option<Hold>, StoreError>;

    /// All of them, in order of class and id.
    async fn list_holds(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, StoreError>;

    /// How many holds of a partition's documents are begun and not complete.
    async fn incomplete_holds(&self, partition: Partition) -> Result<u64, StoreError>;
}

/// What became of a hold that was to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldOutcome {
    /// It has begun.
    Begun,
    /// There is one already, complete or not; nothing was done.
    AlreadyHeld,
    /// The objects of the document's partition are being deleted, or are gone; nothing was done.
    TooLate,
    /// There is no such document, or it is deleted; nothing was done.
    Missing,
}
