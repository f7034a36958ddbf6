use std::cmp::Ordering;
use std::fmt::Debug;
use std::num::NonZeroU32;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    ApiKeyId, Document, DocumentId, DocumentState, Entry, KeyState, Page, PageRequest, Principal,
    Record, Rights, Serial, StoredObject, Timestamp, UserId, WrappedKey,
};

/// Documents and their access lists.
///
/// Laws, each a test of `crypt_keeper_conformance::metadata_store`:
/// - `inserted_is_found`: what [`insert`](Self::insert) acknowledged, the next
///   [`find`](Self::find) sees, to the microsecond and the last character.
/// - `failed_insert_leaves_nothing`: neither document nor entry nor audit entry.
/// - `one_of_many_inserts_wins`: 20 concurrent inserts of one id give one success.
/// - `insert_needs_an_active_pair_of_the_same_scope`.
/// - `insert_refuses_ids_outside_the_window`.
/// - `find_shows_only_the_callers_entries`.
/// - `grant_is_idempotent`, and an unchanged grant writes no audit entry.
/// - `revoked_is_gone`.
/// - `release_is_recorded_or_refused`: by entry, its expiry, its rights, document, user, API key
///   and key pair, each on its own.
/// - `a_release_is_judged_by_the_stores_clock_if_that_is_later` than the caller's.
/// - `no_release_after_a_revoke`: in a race, none recorded after the revoke was acknowledged.
/// - `pages_show_each_document_once`, in the order of the filter, whatever is inserted meanwhile.
/// - `change_needs_the_seen_version`.
/// - `rewrap_needs_the_seen_serial_and_an_active_pair`, of the scope that the document is of.
/// - `rewrap_changes_the_wrap_alone`, and of many at once one takes place.
/// - `exposed_stays_exposed`: documents under a compromised pair are marked, by the mark or by the
///   rewrap that takes them away from it, and so are those that had left it before.
/// - `wrapped_documents_are_counted`: each live one once, whatever the steps.
/// - `wraps_are_walked`: those of the live documents of a pair, each once, whatever the steps.
///
/// Stores that can be away keep those of `crypt_keeper_conformance::outage` too, and stores that
/// can lock a row those of `crypt_keeper_conformance::row_locks`: no insert and no rewrap after its
/// pair was stopped, no live document under a destroyed pair.
#[async_trait]
pub trait MetadataStore: Debug + Send + Sync + 'static {
    /// Stores a new document with its owner's entry, and the record, in one step.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken.
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError>;

    /// A document, the state of its key pair, and those of its entries that speak of
    /// `principals`; one round trip. Expired and deleted documents are found too: what may be
    /// done with them is not the store's to say.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its key pair is not in the registry, or bears another algorithm.
    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError>;

    /// The whole access list of a document in the order in which the entries were granted; empty
    /// if there is no such document.
    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError>;

    /// Documents that `filter` selects, in [its order](DocumentFilter::order): a page holds what
    /// comes after the cursor in that order, so that all of them together show each exactly once.
    /// The cursor need not be a document that there is. A list through an index may lag behind by
    /// a bound the adapter states. A document that cannot be read may end its page before it; as
    /// the first of a page it is answered with [`StoreError::Corrupt`].
    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError>;

    /// Gives `entry`'s principal its rights, added to those it has. `Unchanged`, and no record,
    /// if it has them all already with the same expiry. `Missing` if there is no such document.
    async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError>;

    /// Takes back every right of `principal`. `Unchanged`, and no record, if it has none.
    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// The last step before a document key leaves the service: checks once more, in the store and
    /// in the same atomic step that writes the record, that one live entry of the principals has
    /// the rights needed, that user and API key are in force, that the document is neither
    /// deleted nor expired, and that its key pair may release. So a revoke that was acknowledged
    /// is never followed by a release.
    async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError>;

    /// Changes a document that is still at `seen_version`, and counts its version up.
    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// Puts other wraps in the place of those of some documents. Each is an act of its own, with
    /// its record, and is answered in its place; a store may commit them together. On an error
    /// some or none have taken place, and repeating them is harmless.
    ///
    /// A rewrap takes place if the document's key is still wrapped under the pair that was seen,
    /// and the new pair is active and of that pair's scope: as in [`insert`](Self::insert), whoever
    /// ends the new pair's active life waits for it or is seen. It changes neither the document's
    /// version nor anything else of it, but marks it [exposed](Document::key_exposed) if the pair
    /// it leaves is compromised.
    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError>;

    /// Marks those documents of a step [exposed](Document::key_exposed) that are wrapped under
    /// `serial` or, as the audit log says, once were; counts those that were not marked before.
    /// Deleted documents are marked too.
    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError>;

    /// Counts the live documents of a step whose key is wrapped under `serial`: those that are not
    /// deleted. Expired ones count until they are: a legal hold may keep them.
    async fn count_wrapped_by(&self, serial: Serial, step: &WalkStep)
    -> Result<Walked, StoreError>;

    /// The wraps of those documents of a step that [`count_wrapped_by`](Self::count_wrapped_by)
    /// counts, in order of class and id. A wrap that cannot be read is answered with
    /// [`StoreError::Corrupt`] in its place: it does not hide the others.
    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError>;
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOutcome {
    /// Document, entry and record are stored.
    Inserted,
    /// Nothing is stored: the key pair is not active (any more), or its scope or algorithm is not
    /// the document's. Wrapping anew under the active pair helps.
    KeyPairNotActive,
    /// Nothing is stored: the id's moment is not within 5 minutes before and 1 minute after the
    /// store's clock.
    OutsideWindow,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made, and its record written.
    Changed,
    /// All was so already; no record was written.
    Unchanged,
    /// Somebody else changed it first; nothing was done.
    Stale,
    /// There is no such thing; nothing was done.
    Missing,
}

/// A document as [`MetadataStore::find`] sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The document.
    pub document: Document,
    /// The entries of the principals asked for.
    pub entries: Vec<Entry>,
    /// The state of its key pair.
    pub key_state: KeyState,
}

/// Which documents to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentFilter {
    /// All of them.
    Every,
    /// Those that an owner uploaded.
    OwnedBy(UserId),
    /// Those of which the principals have an entry, live or not.
    VisibleTo(Vec<Principal>),
    /// Those whose key is wrapped under a key pair.
    WrappedBy(Serial),
    /// Those that are marked [exposed](Document::key_exposed).
    KeyExposed,
    /// Those still pending that were created before a moment.
    PendingBefore(Timestamp),
}

impl DocumentFilter {
    /// The order that its documents are listed in. What people look at begins with the newest; all
    /// else is walked over.
    #[must_use]
    pub fn order(&self) -> ListOrder {
        match self {
            Self::OwnedBy(_) | Self::VisibleTo(_) => ListOrder::NewestFirst,
            Self::Every | Self::WrappedBy(_) | Self::KeyExposed | Self::PendingBefore(_) => {
                ListOrder::ClassAndId
            }
        }
    }
}

/// An order that documents are listed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    /// By class, then by id: the documents of a partition are together, the oldest first.
    ClassAndId,
    /// As [`DocumentId::newest_first`] has it.
    NewestFirst,
}

impl ListOrder {
    /// Which of two documents is listed first: the lesser.
    #[must_use]
    pub fn compare(self, one: DocumentId, other: DocumentId) -> Ordering {
        match self {
            Self::ClassAndId => (one.class(), one).cmp(&(other.class(), other)),
            Self::NewestFirst => one.newest_first().cmp(&other.newest_first()),
        }
    }
}

/// A release to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The document.
    pub document: DocumentId,
    /// The rights that one live entry must have.
    pub need: Rights,
    /// Whom the entry may speak of.
    pub principals: Vec<Principal>,
    /// The user who asks; must be active.
    pub user: UserId,
    /// The API key he showed; must be live.
    pub api_key: ApiKeyId,
    /// The moment of the request. Expiry is judged at it, or at what the store's clock shows if that
    /// is later: a caller's clock that is slow, or was set back, releases nothing that has expired.
    pub at: Timestamp,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// It is recorded: the key may leave.
    Recorded,
    /// Something has changed since it was decided; nothing was recorded, the key stays.
    Refused,
}

/// A change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentChange {
    /// Its object was confirmed: it becomes available.
    Confirm(StoredObject),
    /// Its state.
    State(DocumentState),
    /// Its expiry.
    ExpiresAt(Option<Timestamp>),
}

/// Another wrap of a document's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrap {
    /// The document.
    pub document: DocumentId,
    /// The pair that its key was seen to be wrapped under.
    pub seen_serial: Serial,
    /// The new wrap.
    pub wrapped: WrappedKey,
    /// Its record: [`DocumentRewrapped`](crate::model::AuditAction::DocumentRewrapped), with the
    /// document and, as the serial, the pair that it leaves.
    pub record: Record,
}

/// What became of a rewrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapOutcome {
    /// The document's key is wrapped under the new pair.
    Rewrapped,
    /// Nothing was done: the key is not wrapped under the pair that was seen (any more).
    Stale,
    /// Nothing was done: the new pair is not active (any more), or not of the algorithm or scope.
    KeyPairNotActive,
    /// There is no such document.
    Missing,
}

/// One step of a walk over all documents, in the order of class and id. A step is bounded by what
/// it looks at, not by what it finds, so that none takes long however many documents there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkStep {
    /// The last document of the step before; `None` at the beginning.
    pub after: Option<DocumentId>,
    /// How many documents to look at, at most.
    pub examine: NonZeroU32,
}

impl WalkStep {
    /// How many documents a step looks at unless told otherwise.
    pub const EXAMINE: NonZeroU32 = NonZeroU32::new(10_000).unwrap();
}

impl Default for WalkStep {
    /// The first of a walk in steps of 10,000.
    fn default() -> Self {
        Self {
            after: None,
            examine: Self::EXAMINE,
        }
    }
}

/// What a step of a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How many documents it was about.
    pub count: u64,
    /// Where the next step begins; `None` if this was the last.
    pub next: Option<DocumentId>,
}

/// The wraps that a step of a walk found.
#[derive(Debug)]
pub struct Wraps {
    /// Whose they are, and what they are.
    pub found: Vec<(DocumentId, Result<WrappedKey, StoreError>)>,
    /// Where the next step begins; `None` if this was the last.
    pub next: Option<DocumentId>,
}
