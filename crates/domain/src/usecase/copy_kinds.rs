use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;

use super::EnsureKeyPair;
use super::copy_canonical::Canonical;
use super::copy_report::{CopiedKind, NotCopied};
use crate::Error;
use crate::model::{CallContext, KeyPair, Page, PageLimit, PageRequest, Serial};
use crate::ports::{
    Accounts, AuditLog, Entropy, HoldTransfer, Holds, KeyRegistry, KeyVault, MetadataTransfer,
    Partitions, PrivateHalfCopy, PutOutcome,
};

/// One of the two stores of a copy.
#[derive(Clone, Debug)]
pub struct CopySide {
    /// Users and API keys.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The key pairs.
    pub registry: Arc<dyn KeyRegistry>,
    /// What reads and puts rows as they are.
    pub transfer: Arc<dyn MetadataTransfer>,
    /// Its time partitions.
    pub partitions: Arc<dyn Partitions>,
    /// Its legal holds.
    pub holds: CopiedHolds,
}

/// The legal holds of a store.
#[derive(Clone, Debug)]
pub struct CopiedHolds {
    /// The holds.
    pub holds: Arc<dyn Holds>,
    /// What puts them as they are.
    pub transfer: Arc<dyn HoldTransfer>,
    /// What reads and puts the copies that they keep.
    pub documents: Arc<dyn MetadataTransfer>,
}

/// What becomes of the keys in a copy.
#[derive(Clone, Debug)]
pub enum CopiedKeys {
    /// Both sides use one vault: private halves stay where they are.
    SameVault,
    /// Private halves are carried over, and wraps stay as they are.
    Carried(Arc<dyn PrivateHalfCopy>),
    /// Private halves do not leave their vault, or cannot be taken in: document keys are wrapped
    /// anew under key pairs of the target. Those of the source are left behind: in the target they
    /// are destroyed ones, which say what once was.
    Rewrapped(RewrappedKeys),
}

/// The vaults of both sides.
#[derive(Clone, Debug)]
pub struct RewrappedKeys {
    /// What unwraps.
    pub from: Arc<dyn KeyVault>,
    /// What wraps.
    pub to: Arc<dyn KeyVault>,
    /// Makes the target's active pair of a scope where there is none.
    pub ensure: EnsureKeyPair,
}

/// A copy under way.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) context: CallContext,
    pub(super) source: CopySide,
    pub(super) target: CopySide,
    pub(super) keys: CopiedKeys,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The source's key pairs: its documents are read by them.
    pub(super) pairs: HashMap<Serial, KeyPair>,
}

impl Copying {
    pub(super) fn is_rewrapped(&self) -> bool {
        matches!(self.keys, CopiedKeys::Rewrapped(_))
    }
}

/// What became of a row.
pub(super) type RowOutcome = Result<PutOutcome, NotCopied>;

/// The rows of one kind.
#[async_trait]
pub(super) trait Kind: Send + Sync + 'static {
    type Row: Clone + Send + Sync;
    type Key: Ord + Send;
    type Cursor: Clone + Send + Sync;

    const KIND: CopiedKind;

    fn key(row: &Self::Row) -> Self::Key;

    /// What a row is called where it is told of.
    fn name(row: &Self::Row) -> String;

    /// The next rows of a side, in the order of their keys.
    async fn page(
        side: &CopySide,
        after: Option<Self::Cursor>,
    ) -> Result<Page<Self::Row, Self::Cursor>, Error>;

    /// What the target should have in the place of a row of the source.
    fn expected(copying: &Copying, row: &Self::Row) -> Canonical;

    /// What it has.
    fn found(copying: &Copying, row: &Self::Row) -> Canonical;

    /// Whether a row that is there and differs is put as well: the target takes on what it may.
    const GOES_ON: bool = false;

    /// Puts rows of the source into the target; each is answered in its place.
    async fn put(copying: &Copying, rows: Vec<Self::Row>) -> Result<Vec<RowOutcome>, Error>;
}

/// The largest page.
pub(super) fn page_after<C>(after: Option<C>) -> PageRequest<C> {
    PageRequest {
        after,
        limit: PageLimit::MAX,
    }
}

/// What a row is called, in words that need no context.
pub(super) fn called(kind: CopiedKind, name: impl Display) -> String {
    let one = match kind {
        CopiedKind::KeyPairs => "key pair",
        CopiedKind::Users => "user",
        CopiedKind::ApiKeys => "API key",
        CopiedKind::Partitions => "partition",
        CopiedKind::Documents => "document",
        CopiedKind::HeldDocuments => "the held copy of document",
        CopiedKind::Holds => "the legal hold of document",
        CopiedKind::Audit => "audit entry",
    };
    format!("{one} {name}")
}
