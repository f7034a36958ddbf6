use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    Algorithm, KeyPair, KeyPairChange, PageLimit, Record, Scope, Serial, Timestamp,
};

/// The key pairs: serial, scope, algorithm, state, public half, dates. It lies in the metadata
/// store of every backend, so that the state of a pair is read with the document's row and
/// stopping a pair takes effect at once.
///
/// Laws, each a test of `crypt_keeper_conformance::key_registry`:
/// - `inserted_pair_is_found`, every column of it.
/// - `one_active_pair_per_scope_and_algorithm`, also when many are activated at once.
/// - `changes_need_the_seen_versions`, all or nothing.
/// - `pairs_are_listed_oldest_first`.
/// - `due_pairs_are_found`, and no others, the oldest first.
#[async_trait]
pub trait KeyRegistry: Debug + Send + Sync + 'static {
    /// Enters a new pair, in whatever state it bears.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the serial is taken.
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError>;

    /// The pair of a serial.
    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError>;

    /// The pair that wraps new document keys of `scope` by `algorithm`.
    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError>;

    /// Every pair, ordered by creation and serial: one a rotation and scope.
    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError>;

    /// Pairs whose time has come, ordered by creation and serial, `limit` at most.
    async fn due_pairs(&self, due: DuePairs, limit: PageLimit) -> Result<Vec<KeyPair>, StoreError>;

    /// Makes all of the changes in one step, if every pair is still at the version seen; a
    /// rotation is two of them. They are applied in the order given.
    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError>;
}

/// Which pairs are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuePairs {
    /// To be rotated out: active, and first active at this moment or before.
    ActiveSince(Timestamp),
    /// To be retired: active, and of another algorithm than this.
    ActiveOtherThan(Algorithm),
    /// To be destroyed: destroy-scheduled for this moment or before.
    DestroyBy(Timestamp),
}

/// What became of a change to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryChange {
    /// It was made.
    Changed,
    /// Nothing was done: a pair has changed since, or is not there.
    Stale,
    /// Nothing was done: the scope has another active pair of the algorithm.
    AnotherIsActive,
}
