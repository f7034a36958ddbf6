use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    ApiKey, AuditEntry, Document, DocumentId, Entry, KeyPair, Page, PageRequest, User,
};

/// Moves rows between metadata stores as they are: in every state, with every date and version, from
/// any time. It is an optional power beside [`MetadataStore`](super::MetadataStore) and the other
/// ports of the store, which make new things and refuse old ones.
///
/// It puts what is missing, and never overwrites: so it may be repeated, by any number at once, and
/// goes on where it was interrupted. A row stands for an act of long ago, so no record is written
/// for it; the records are rows themselves.
///
/// Laws, each a test of `crypt_keeper_conformance::metadata_transfer`:
/// - `copied_documents_survive`: every column, in every state, of any age, with all entries, under
///   a key pair in any state.
/// - `documents_are_walked_with_their_entries`, each once, whatever the pages.
/// - `what_is_there_is_never_overwritten`: the same is unchanged, anything else differs, and stays.
/// - `a_document_is_copied_with_all_of_its_entries`, however many, or not at all.
/// - `copied_pairs_survive` in every state, and one active pair of a scope and algorithm is enough.
/// - `copied_users_and_api_keys_survive`: their limits hold for what is new alone.
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

    /// Puts documents, each with its whole access list and its record as one fact. Their key pairs
    /// must be there, and whatever their partition needs.
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
