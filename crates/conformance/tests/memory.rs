//! The in-memory adapters keep every law.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    Harness, PrivateKeysHarness, StoreHarness, accounts_laws, audit_log_laws, key_registry_laws,
    metadata_store_laws, private_keys_laws,
};
use crypt_keeper_domain::memory::{ManualClock, MemoryPrivateKeys, MemoryStore};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{
    Accounts, AuditLog, Clock, KeyRegistry, MetadataStore, PrivateKeys,
};

struct Store {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
}

async fn store() -> Option<Store> {
    // 2026-03-01T12:00:00.000001Z
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(
        1_772_366_400_000_001,
    )));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    Some(Store { clock, store })
}

#[async_trait]
impl Harness for Store {
    async fn teardown(self) {}
}

impl StoreHarness for Store {
    fn metadata_store(&self) -> Arc<dyn MetadataStore> {
        self.store.clone()
    }

    fn accounts(&self) -> Arc<dyn Accounts> {
        self.store.clone()
    }

    fn audit_log(&self) -> Arc<dyn AuditLog> {
        self.store.clone()
    }

    fn key_registry(&self) -> Arc<dyn KeyRegistry> {
        self.store.clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
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

metadata_store_laws!(store());
accounts_laws!(store());
audit_log_laws!(store());
key_registry_laws!(store());
private_keys_laws!(keys());
