use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    ApiKey, AuditEntry, Document, DocumentId, Entry, KeyPair, Page, PageRequest, PartitionEntry,
    User,
};

/// Moves rows between metadata stores as they are: in every state, with every date and version, from
/// any time. It is an optional power beside [`MetadataStore`](super::MetadataStore) and the other
/// ports of the store, which make new things and refuse old ones.
///
/// It puts what is missing, and never overwrites, but that a partition goes on its way: so it may be
/// repeated, by any number at once, and goes on where it was interrupted. A row stands for an act of long ago, so no record is written
/// for it; the records are rows themselves.
///
/// Laws, each a test of `crypt_keeper_conformance::metadata_transfer`, or those of partitions of
/// `partition_transfer`:
/// - `copied_documents_survive`: every column, in every state, of any age, with all entries, under
///   a key pair in any state.
/// - `documents_are_walked_with_their_entries`, each once, whatever the pages.
/// - `what_is_there_is_never_overwritten`: the same is unchanged, anything else differs, and stays.
/// - `a_document_is_copied_with_all_of_its_entries`, however many, or not at all.
/// - `copied_pairs_survive` in every state, and one active pair of a scope and algorithm is enough.
/// - `copied_users_and_api_keys_survive`: their limits hold for what is new alone.
/// - `copied_partitions_survive` in every state, with their lifetimes, whatever class they are of.
/// - `a_copied_partition_only_ever_goes_on`: one that is open goes as far as the one put; no other
///   is changed.
/// - `a_copied_partition_takes_its_documents` also if it is closed, until its rows are gone.
/// - `copied_audit_entries_survive`, and what they tell of documents that were rewrapped counts.
#[async_trait]
pub trait MetadataTransfer: Debug + Send + Sync + 'static {
    /// Names the store itself, however it is reached. Compared with what another one answers at the
    /// same time, it says whether they are one; it is good for nothing else.
    async fn identity(&self) -> Result<String, StoreError>;

    /// Documents with their whole access lists, in order of class and id: deleted and expired ones
    /// too. A document that cannot be read may end its page before it; as the first of a page it is
    /// answered with [`StoreError::Corrupt`].
    async fn documents_with_entries(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, StoreError>;

    /// Puts partitions into the catalogue as they are, in whatever state, each with the place of its
    /// documents unless its rows are [gone](crate::model::PartitionState::Dropped). One that is
    /// there and open takes on the state and the longer lifetime of the one put, since nobody may
    /// be let in to what was refused already; but not that its rows are gone. When a partition was
    /// made is put, and not compared.
    ///
    /// # Errors
    /// As of [`ensure_partition`](super::Partitions::ensure_partition).
    async fn put_partitions(
        &self,
        partitions: &[PartitionEntry],
    ) -> Result<Vec<PutOutcome>, StoreError>;

    /// Puts documents, each with its whole access list and its record as one fact. Their key pairs
    /// and partitions must be there; a partition that is closed takes them, too.
    ///
    /// On an error some or none are there, and repeating them is harmless; so in all puts.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if somebody else puts the same at the same time, or the id of a
    /// record is taken.
    async fn put_documents(
        &self,
        documents: &[DocumentWithEntries],
    ) -> Result<Vec<PutOutcome>, StoreError>;

    /// Puts accounts. One whose name another account bears differs.
    async fn put_users(&self, users: &[User]) -> Result<Vec<PutOutcome>, StoreError>;

    /// Puts API keys. One whose user is not there differs.
    async fn put_api_keys(&self, keys: &[ApiKey]) -> Result<Vec<PutOutcome>, StoreError>;

    /// Puts key pairs. An active one beside another active one of its scope and algorithm differs.
    async fn put_pairs(&self, pairs: &[KeyPair]) -> Result<Vec<PutOutcome>, StoreError>;

    /// Puts lines of the audit log. Those that tell of a rewrap must come after the document, if it
    /// comes at all.
    async fn put_audit(&self, entries: &[AuditEntry]) -> Result<Vec<PutOutcome>, StoreError>;
}

/// A document and all that hangs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentWithEntries {
    /// The document.
    pub document: Document,
    /// Its whole access list, in any order.
    pub entries: Vec<Entry>,
    /// What is written with it, if it is stored: that its key was
    /// [rewrapped](crate::model::AuditAction::DocumentRewrapped) on the way. Never read back.
    pub rewrapped: Option<AuditEntry>,
}

impl DocumentWithEntries {
    /// Whether two of them are the same, in whatever order their entries are; the record does not
    /// count.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let sorted = |one: &Self| {
            let mut entries = one.entries.clone();
            entries.sort_by_key(|entry| entry.principal);
            entries
        };
        self.document == other.document && sorted(self) == sorted(other)
    }
}

/// What became of a row that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was not there, and is now.
    Stored,
    /// It is there, just like that; nothing was done.
    Unchanged,
    /// Nothing was done: another row stands in its place, or what it hangs on is not there.
    Differs,
}
