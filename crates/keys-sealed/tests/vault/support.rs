//! A vault over stores in memory that count what they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_domain::memory::{FaultSwitch, ManualClock, MemoryPrivateKeys, MemoryStore};
use crypt_keeper_domain::model::{
    Algorithm, AuditAction, DocumentId, KeyPair, KeyPairChange, KeyState, Record, RetentionClass,
    Scope, Serial, Timestamp, WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, PrivateKeys, Purpose, RegistryChange, StoreError, VaultError,
    WrapContext,
};
use crypt_keeper_keys_sealed::{SealedVault, SealedVaultConfig};
use crypt_keeper_secret::DocumentKey;

/// 2026-03-01T12:00:00.000001Z
pub(crate) const NOON: i64 = 1_772_366_400_000_001;
/// Long enough for a test on a busy machine to be within it.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) struct Scene {
    pub(crate) registry: Arc<CountedRegistry>,
    pub(crate) private_keys: Arc<MemoryPrivateKeys>,
    pub(crate) ring: MasterKeyRing,
    pub(crate) vault: Arc<SealedVault>,
    pub(crate) make: Fixtures,
}

impl Scene {
    /// A vault that remembers for as long as the test takes.
    pub(crate) fn new() -> Self {
        Self::with(|config| config.registry_life = LONG)
    }

    pub(crate) fn with(change: impl FnOnce(&mut SealedVaultConfig)) -> Self {
        let now = Timestamp::from_micros(NOON);
        let mut config = SealedVaultConfig::default();
        change(&mut config);
        let registry = Arc::new(CountedRegistry::new());
        let private_keys = Arc::new(MemoryPrivateKeys::default());
        let ring = MasterKeyRing::new(MasterKey::generate().unwrap());
        let vault =
            SealedVault::new(registry.clone(), private_keys.clone(), ring.clone(), config).unwrap();
        Self {
            registry,
            private_keys,
            ring,
            vault: Arc::new(vault),
            make: Fixtures::new(now),
        }
    }

    /// Another process on the same stores, with another ring.
    pub(crate) fn vault_with_ring(&self, ring: &MasterKeyRing) -> SealedVault {
        SealedVault::new(
            self.registry.clone(),
            self.private_keys.clone(),
            ring.clone(),
            SealedVaultConfig::default(),
        )
        .unwrap()
    }

    pub(crate) async fn active_pair(&self, scope: Scope) -> KeyPair {
        let mut pair = self.make.pair(scope, KeyState::Active);
        pair.algorithm = self.vault.algorithm();
        pair.public_half = self
            .vault
            .create(pair.serial, &pair.scope, pair.algorithm)
            .await
            .unwrap();
        self.enter(&pair).await;
        pair
    }

    pub(crate) async fn enter(&self, pair: &KeyPair) {
        let record = self.make.record(AuditAction::KeyPairCreated);
        let entered = self.registry.store.insert_pair(pair, &record).await;
        assert_eq!(entered.unwrap(), RegistryChange::Changed);
    }

    pub(crate) async fn set_state(&self, pair: &KeyPair, state: KeyState) -> KeyPair {
        let mut after = pair.clone();
        after.state = state;
        after.version += 1;
        let change = KeyPairChange {
            seen_version: pair.version,
            after: after.clone(),
        };
        let record = self.make.record(AuditAction::KeyPairChanged);
        let store = &self.registry.store;
        let changed = store.change_pairs(&[change], &[record]).await;
        assert_eq!(changed.unwrap(), RegistryChange::Changed);
        after
    }

    pub(crate) async fn wrapped(&self) -> Wrapped {
        let (id, key) = (self.document_id(), self.make.document_key());
        let wrapped = self.vault.wrap(&key, &context(id)).await.unwrap();
        Wrapped { id, key, wrapped }
    }

    pub(crate) fn document_id(&self) -> DocumentId {
        self.make
            .document_id(RetentionClass::DEFAULT, self.make.at())
    }
}

pub(crate) struct Wrapped {
    pub(crate) id: DocumentId,
    pub(crate) key: DocumentKey,
    pub(crate) wrapped: WrappedKey,
}

impl Wrapped {
    pub(crate) async fn release(&self, vault: &SealedVault) -> Result<DocumentKey, VaultError> {
        vault.unwrap(&self.wrapped, self.id, Purpose::Release).await
    }
}

pub(crate) fn context(document: DocumentId) -> WrapContext {
    WrapContext {
        document,
        scope: Scope::Shared,
        refused: None,
    }
}

/// An error and all that is behind it.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// A registry that counts how often it is read.
#[derive(Debug)]
pub(crate) struct CountedRegistry {
    pub(crate) store: MemoryStore,
    reads: AtomicU64,
}

impl CountedRegistry {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
        Self {
            store: MemoryStore::new(clock),
            reads: AtomicU64::new(0),
        }
    }

    pub(crate) fn faults(&self) -> &FaultSwitch {
        self.store.faults()
    }

    /// How often it was read since it was last asked this.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl KeyRegistry for CountedRegistry {
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError> {
        self.store.insert_pair(pair, record).await
    }

    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.store.find_pair(serial).await
    }

    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.store.active_pair(scope, algorithm).await
    }

    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        self.store.list_pairs().await
    }

    async fn due_pairs(
        &self,
        due: crypt_keeper_domain::ports::DuePairs,
        limit: crypt_keeper_domain::model::PageLimit,
    ) -> Result<Vec<KeyPair>, StoreError> {
        self.store.due_pairs(due, limit).await
    }

    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        self.store.change_pairs(changes, records).await
    }
}

/// Puts other bytes into the row of a serial.
pub(crate) async fn overwrite(keys: &dyn PrivateKeys, serial: Serial, bytes: Vec<u8>) {
    let seen = keys.get(serial).await.unwrap().unwrap();
    let other = crypt_keeper_domain::ports::SealedPrivateHalf::new(bytes);
    assert!(keys.replace(serial, &seen, &other).await.unwrap());
}
