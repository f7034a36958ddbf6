use std::fmt::Debug;

use async_trait::async_trait;

use super::{Change, StoreError};
use crate::model::{DocumentId, Page, PageRequest, Record, Timestamp};

/// Documents that expire before their partition does, one by one.
///
/// A document whose expiry was moved nearer by
/// [`DocumentChange::ExpiresAt`](super::DocumentChange::ExpiresAt), or that was inserted as one that
/// [expires early](crate::model::Document::expires_early), is found here by the moment of its
/// expiry, without looking at the others. All others go with their partition.
///
/// Laws, each a test of `crypt_keeper_conformance::sweeps`:
/// - `documents_that_expire_early_are_found`, once each, in pages, and only from that moment on;
///   those that expire with their class are not.
/// - `what_lives_by_the_stores_clock_is_not_swept`, whatever the caller's clock shows.
/// - `held_documents_are_not_swept`.
/// - `a_removed_document_leaves_nothing`: neither row nor entry; its record stays; removing it
///   again is `Missing`.
/// - `a_removal_needs_the_seen_version`.
#[async_trait]
pub trait Sweeps: Debug + Send + Sync + 'static {
    /// Documents that expire early, have expired at the earlier of `at` and what the store's clock
    /// shows, and are under no hold, in an order of the store's own that a walk sees each of them
    /// once by. The cursor is the document last seen.
    async fn expired_early(
        &self,
        at: Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError>;

    /// Removes the row and the entries of a document that is still at `seen_version` and under no
    /// hold (`Stale` otherwise), with the record.
    async fn remove_document(
        &self,
        id: DocumentId,
        seen_version: i64,
        record: &Record,
    ) -> Result<Change, StoreError>;
}

/// A document that has expired before its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpiredDocument {
    /// When it expired.
    pub expired_at: Timestamp,
    /// Which.
    pub id: DocumentId,
    /// Its version, for the removal.
    pub version: i64,
}
