//! The in-memory adapters keep every law.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    BareAnswer, BlobStoreHarness, Harness, HoldHarness, HoldTransferHarness, KeyVaultHarness,
    ObjectCopyHarness, Outage, PrivateKeysHarness, StoreHarness, SweepHarness, TransferHarness,
    accounts_laws, audit_log_laws, blob_outage_laws, blob_store_laws, expiry_laws,
    hold_transfer_laws, holds_laws, key_registry_laws, key_vault_laws, metadata_store_laws,
    metadata_transfer_laws, object_copy_laws, partition_transfer_laws, partitions_laws,
    private_keys_laws, private_keys_outage_laws, row_lock_laws, store_outage_laws, sweeps_laws,
};
use crypt_keeper_domain::memory::{
    Fault, ManualClock, MemoryBlobs, MemoryPrivateKeys, MemoryStore, MemoryVault, SeededEntropy,
};
use crypt_keeper_domain::model::{Algorithm, Timestamp};
use crypt_keeper_domain::ports::{
    BlobStore, Clock, HoldTransfer, Holds, KeyRegistry, KeyVault, MetadataStore, MetadataTransfer,
    ObjectCopy, Partitions, PrivateKeys, Sweeps,
};

/// 2026-03-01T12:00:00.000001Z
const NOON: i64 = 1_772_366_400_000_001;

struct Store {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

async fn store() -> Option<Store> {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    Some(Store { clock, store })
}

#[async_trait]
impl Harness for Store {
    async fn teardown(self) {}
}

impl StoreHarness for Store {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    fn partitions(&self) -> Option<Arc<dyn Partitions>> {
        Some(self.store.clone())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

impl SweepHarness for Store {
    fn sweeps(&self) -> Arc<dyn Sweeps> {
        self.store.clone()
    }
}

impl HoldHarness for Store {
    fn holds(&self) -> Arc<dyn Holds> {
        self.store.clone()
    }

    fn held(&self) -> Arc<dyn MetadataStore> {
        Arc::new(self.store.held())
    }
}

impl HoldTransferHarness for Store {
    fn hold_transfer(&self) -> Arc<dyn HoldTransfer> {
        self.store.clone()
    }
}

impl TransferHarness for Store {
    fn transfer(&self) -> Arc<dyn MetadataTransfer> {
        self.store.clone()
    }
}

struct Keys(Arc<MemoryPrivateKeys>);

async fn keys() -> Option<Keys> {
    Some(Keys(Arc::default()))
}

#[async_trait]
impl Harness for Keys {
    async fn teardown(self) {}
}

impl PrivateKeysHarness for Keys {
    fn private_keys(&self) -> Arc<dyn PrivateKeys> {
        self.0.clone()
    }
}

struct Vault {
    store: Store,
    vault: Arc<MemoryVault>,
}

async fn vault() -> Option<Vault> {
    let store = store().await?;
    let entropy = Arc::new(SeededEntropy::new(1));
    let vault = Arc::new(MemoryVault::new(store.store.clone(), entropy));
    Some(Vault { store, vault })
}

#[async_trait]
impl Harness for Vault {
    async fn teardown(self) {}
}

impl KeyVaultHarness for Vault {
    fn key_vault(&self) -> Arc<dyn KeyVault> {
        self.vault.clone()
    }

    fn key_registry(&self) -> Arc<dyn KeyRegistry> {
        self.store.store.clone()
    }

    fn algorithm(&self) -> Algorithm {
        MemoryVault::ALGORITHM
    }

    fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    fn state_bound(&self) -> Duration {
        Duration::ZERO
    }
}

struct Blobs {
    clock: Arc<ManualClock>,
    blobs: Arc<MemoryBlobs>,
}

async fn blobs() -> Option<Blobs> {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
    let entropy = Arc::new(SeededEntropy::new(2));
    let blobs = Arc::new(MemoryBlobs::new(clock.clone(), entropy));
    Some(Blobs { clock, blobs })
}

#[async_trait]
impl Harness for Blobs {
    async fn teardown(self) {}
}

#[async_trait]
impl BlobStoreHarness for Blobs {
    fn blob_store(&self) -> Arc<dyn BlobStore> {
        self.blobs.clone()
    }

    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer {
        let answer = self.blobs.request(method, url, &body);
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        BareAnswer {
            status: answer.status,
            headers: answer.headers.into_iter().map(text).collect(),
            body: answer.body,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass_time(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn bounds_length(&self) -> bool {
        true
    }
}

impl ObjectCopyHarness for Blobs {
    fn object_copy(&self) -> Arc<dyn ObjectCopy> {
        self.blobs.clone()
    }
}

#[async_trait]
impl Outage for Store {
    async fn begin(&self) {
        self.store.faults().fail(Fault::Unavailable);
    }

    async fn end(&self) {
        self.store.faults().heal();
    }

    fn pool_size(&self) -> usize {
        0
    }
}

#[async_trait]
impl Outage for Keys {
    async fn begin(&self) {
        self.0.faults().fail(Fault::Unavailable);
    }

    async fn end(&self) {
        self.0.faults().heal();
    }

    fn pool_size(&self) -> usize {
        0
    }
}

#[async_trait]
impl Outage for Blobs {
    async fn begin(&self) {
        self.blobs.faults().fail(Fault::Unavailable);
    }

    async fn end(&self) {
        self.blobs.faults().heal();
    }

    fn pool_size(&self) -> usize {
        0
    }
}

metadata_store_laws!(store());
metadata_transfer_laws!(store());
expiry_laws!(store());
holds_laws!(store());
hold_transfer_laws!(store());
partition_transfer_laws!(store());
partitions_laws!(store());
row_lock_laws!(store());
sweeps_laws!(store());
store_outage_laws!(store());
accounts_laws!(store());
audit_log_laws!(store());
key_registry_laws!(store());
private_keys_laws!(keys());
private_keys_outage_laws!(keys());
key_vault_laws!(vault());
blob_store_laws!(blobs());
object_copy_laws!(blobs());
blob_outage_laws!(blobs());
