use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;

use super::EnsureKeyPair;
use super::copy_canonical::Canonical;
use super::copy_report::{CopiedKind, NotCopied};
use crate::Error;
use crate::model::{
    ApiKey, ApiKeyId, AuditEntry, AuditId, CallContext, DocumentId, Hold, KeyPair, KeyState, Page,
    PageLimit, PageRequest, RetentionClass, Serial, Timestamp, User, UserName,
};
use crate::ports::{
    Accounts, AuditFilter, AuditLog, Entropy, HoldTransfer, Holds as HoldsPort, KeyRegistry,
    KeyVault, MetadataTransfer, Partitions, PrivateHalfCopy, PutOutcome, VaultError,
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
    /// Its time partitions; `None` for a store that has no such port.
    pub partitions: Option<Arc<dyn Partitions>>,
    /// Its legal holds.
    pub holds: CopiedHolds,
}

/// The legal holds of a store.
#[derive(Clone, Debug)]
pub struct CopiedHolds {
    /// The holds.
    pub holds: Arc<dyn HoldsPort>,
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

/// Key pairs are one a rotation and scope: one page.
pub(super) struct Pairs;

/// A pair as the target has it.
fn in_target(copying: &Copying, pair: &KeyPair) -> KeyPair {
    let mut left = pair.clone();
    if copying.is_rewrapped() && pair.state != KeyState::Destroyed {
        left.state = KeyState::Destroyed;
        left.destroy_at = None;
        left.former_state = None;
        left.destroyed_at = Some(copying.context.at);
    }
    left
}

/// A pair for comparison: when one was left behind is another moment in every run.
fn compared(copying: &Copying, mut pair: KeyPair) -> Canonical {
    if copying.is_rewrapped() {
        pair.destroyed_at = None;
    }
    Canonical::pair(&pair)
}

#[async_trait]
impl Kind for Pairs {
    type Row = KeyPair;
    type Key = (Timestamp, Serial);
    type Cursor = Serial;

    const KIND: CopiedKind = CopiedKind::KeyPairs;

    fn key(row: &KeyPair) -> Self::Key {
        (row.created_at, row.serial)
    }

    fn name(row: &KeyPair) -> String {
        row.serial.to_string()
    }

    async fn page(side: &CopySide, _: Option<Serial>) -> Result<Page<KeyPair, Serial>, Error> {
        let items = side.registry.list_pairs().await?;
        Ok(Page { items, next: None })
    }

    fn expected(copying: &Copying, row: &KeyPair) -> Canonical {
        compared(copying, in_target(copying, row))
    }

    fn found(copying: &Copying, row: &KeyPair) -> Canonical {
        compared(copying, row.clone())
    }

    async fn put(copying: &Copying, rows: Vec<KeyPair>) -> Result<Vec<RowOutcome>, Error> {
        let pairs: Vec<_> = rows.iter().map(|row| in_target(copying, row)).collect();
        let outcomes = copying.target.transfer.put_pairs(&pairs).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// Carries the private half of a pair over; whether there was one to carry.
pub(super) async fn carry(
    halves: &dyn PrivateHalfCopy,
    pair: &KeyPair,
) -> Result<PutOutcome, NotCopied> {
    if pair.state == KeyState::Destroyed {
        return Ok(PutOutcome::Unchanged);
    }
    match halves.copy_private_half(pair).await {
        Ok(PutOutcome::Differs) => Err(NotCopied::Differs),
        Ok(outcome) => Ok(outcome),
        // It may be erased already.
        Err(VaultError::Corrupt(_)) if pair.destruction_has_begun() => Ok(PutOutcome::Unchanged),
        Err(error) => Err(NotCopied::Failed(error.into())),
    }
}

pub(super) struct Users;

#[async_trait]
impl Kind for Users {
    type Row = User;
    type Key = UserName;
    type Cursor = UserName;

    const KIND: CopiedKind = CopiedKind::Users;

    fn key(row: &User) -> UserName {
        row.name.clone()
    }

    fn name(row: &User) -> String {
        row.id.to_string()
    }

    async fn page(side: &CopySide, after: Option<UserName>) -> Result<Page<User, UserName>, Error> {
        Ok(side.accounts.list_users(&page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &User) -> Canonical {
        Canonical::user(row)
    }

    fn found(_: &Copying, row: &User) -> Canonical {
        Canonical::user(row)
    }

    async fn put(copying: &Copying, rows: Vec<User>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.transfer.put_users(&rows).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// API keys, user by user in the order of the users' names.
pub(super) struct ApiKeys;

/// How many users' keys are read in one page.
const USERS: usize = 100;

#[async_trait]
impl Kind for ApiKeys {
    type Row = (UserName, ApiKey);
    type Key = (UserName, Timestamp, ApiKeyId);
    type Cursor = UserName;

    const KIND: CopiedKind = CopiedKind::ApiKeys;

    fn key((name, key): &Self::Row) -> Self::Key {
        (name.clone(), key.created_at, key.id)
    }

    fn name((_, key): &Self::Row) -> String {
        key.id.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<UserName>,
    ) -> Result<Page<Self::Row, UserName>, Error> {
        let request = PageRequest {
            after,
            limit: PageLimit::clamped(USERS),
        };
        let users = side.accounts.list_users(&request).await?;
        let mut items = Vec::new();
        for user in users.items {
            let keys = side.accounts.list_api_keys(user.id).await?;
            items.extend(keys.into_iter().map(|key| (user.name.clone(), key)));
        }
        Ok(Page {
            items,
            next: users.next,
        })
    }

    fn expected(_: &Copying, (_, key): &Self::Row) -> Canonical {
        Canonical::api_key(key)
    }

    fn found(_: &Copying, (_, key): &Self::Row) -> Canonical {
        Canonical::api_key(key)
    }

    async fn put(copying: &Copying, rows: Vec<Self::Row>) -> Result<Vec<RowOutcome>, Error> {
        let keys: Vec<ApiKey> = rows.into_iter().map(|(_, key)| key).collect();
        let outcomes = copying.target.transfer.put_api_keys(&keys).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// Legal holds.
pub(super) struct Holds;

#[async_trait]
impl Kind for Holds {
    type Row = Hold;
    type Key = (RetentionClass, DocumentId);
    type Cursor = DocumentId;

    const KIND: CopiedKind = CopiedKind::Holds;

    fn key(row: &Hold) -> Self::Key {
        (row.document.class(), row.document)
    }

    fn name(row: &Hold) -> String {
        row.document.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, Error> {
        Ok(side.holds.holds.list_holds(&page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &Hold) -> Canonical {
        Canonical::hold(row)
    }

    fn found(_: &Copying, row: &Hold) -> Canonical {
        Canonical::hold(row)
    }

    async fn put(copying: &Copying, rows: Vec<Hold>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.holds.transfer.put_holds(&rows).await?;
        let told = |(outcome, hold): (PutOutcome, &Hold)| match outcome {
            PutOutcome::Differs if hold.completed_at.is_none() => Err(NotCopied::HoldIncomplete),
            outcome => Ok(outcome),
        };
        Ok(outcomes.into_iter().zip(&rows).map(told).collect())
    }
}

/// The audit log, the newest first, as it is listed.
pub(super) struct Audit;

#[async_trait]
impl Kind for Audit {
    type Row = AuditEntry;
    type Key = Reverse<AuditId>;
    type Cursor = AuditId;

    const KIND: CopiedKind = CopiedKind::Audit;

    fn key(row: &AuditEntry) -> Self::Key {
        Reverse(row.id)
    }

    fn name(row: &AuditEntry) -> String {
        row.id.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, Error> {
        let filter = AuditFilter::default();
        Ok(side.audit.list_audit(&filter, &page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &AuditEntry) -> Canonical {
        Canonical::audit(row)
    }

    fn found(_: &Copying, row: &AuditEntry) -> Canonical {
        Canonical::audit(row)
    }

    async fn put(copying: &Copying, rows: Vec<AuditEntry>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.transfer.put_audit(&rows).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// What a row is called, in words that need no context.
pub(super) fn called(kind: CopiedKind, name: impl Display) -> String {
    let one = match kind {
        CopiedKind::KeyPairs => "key pair",
        CopiedKind::Users => "user",
        CopiedKind::ApiKeys => "API key",
        CopiedKind::Documents => "document",
        CopiedKind::HeldDocuments => "the held copy of document",
        CopiedKind::Holds => "the legal hold of document",
        CopiedKind::Audit => "audit entry",
    };
    format!("{one} {name}")
}
