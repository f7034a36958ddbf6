//! SQLite keeps every law of the ports.
#![cfg(feature = "sqlite")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

#[path = "../support/clock.rs"]
mod clock;
mod file;
#[path = "../support/gathered.rs"]
mod gathered;
mod gathering;
#[path = "../support/holds.rs"]
mod holds;
mod migrations;
#[path = "../support/scripts.rs"]
mod scripts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    Harness, Outage, PrivateKeysHarness, StoreHarness, TransferHarness, accounts_laws,
    audit_log_laws, expiry_laws, key_registry_laws, metadata_store_laws, metadata_transfer_laws,
    partition_transfer_laws, partitions_laws, private_keys_laws, private_keys_outage_laws,
    row_lock_laws, store_outage_laws,
};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{MetadataTransfer, Partitions, PrivateKeys};
use crypt_keeper_store_sql::{SqlitePrivateKeys, SqliteStore};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// The most connections that a store keeps to its file.
const CONNECTIONS: usize = 4;

/// A store in a file of its own.
struct Rig<S> {
    store: Arc<S>,
    path: PathBuf,
    /// Absent if the file lies in a folder of the test.
    _folder: Option<TempDir>,
}

type Store = Rig<SqliteStore>;
type Keys = Rig<SqlitePrivateKeys>;

impl Store {
    async fn open(path: &Path) -> Self {
        let store = SqliteStore::open(path, Handle::current()).await.unwrap();
        store.migrate().await.unwrap();
        Self {
            store: Arc::new(store),
            path: path.to_owned(),
            _folder: None,
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

async fn store() -> Option<Store> {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&folder.path().join("metadata.db")).await;
    store._folder = Some(folder);
    Some(store)
}

/// The folder that the file is in is not mounted, so to speak.
#[async_trait]
impl<S: Send + Sync> Outage for Rig<S> {
    async fn begin(&self) {
        std::fs::rename(&self.path, self.path.with_extension("away")).unwrap();
    }

    async fn end(&self) {
        std::fs::rename(self.path.with_extension("away"), &self.path).unwrap();
    }

    fn pool_size(&self) -> usize {
        CONNECTIONS
    }
}

#[async_trait]
impl Harness for Store {
    async fn teardown(self) {
        self.store.shutdown().await;
    }
}

impl StoreHarness for Store {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    fn partitions(&self) -> Option<Arc<dyn Partitions>> {
        Some(self.store.clone())
    }

    fn now(&self) -> Timestamp {
        clock::machine_clock()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

impl TransferHarness for Store {
    fn transfer(&self) -> Arc<dyn MetadataTransfer> {
        self.store.clone()
    }
}

metadata_store_laws!(store());
partition_transfer_laws!(store());
partitions_laws!(store());
expiry_laws!(store());
metadata_transfer_laws!(store());
accounts_laws!(store());
audit_log_laws!(store());
key_registry_laws!(store());
row_lock_laws!(store());
store_outage_laws!(store());

async fn keys() -> Option<Keys> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.db");
    let store = SqlitePrivateKeys::open(&path, Handle::current())
        .await
        .unwrap();
    store.migrate().await.unwrap();
    Some(Keys {
        store: Arc::new(store),
        path,
        _folder: Some(folder),
    })
}

#[async_trait]
impl Harness for Keys {
    async fn teardown(self) {
        self.store.shutdown().await;
    }
}

impl PrivateKeysHarness for Keys {
    fn private_keys(&self) -> Arc<dyn PrivateKeys> {
        self.store.clone()
    }
}

private_keys_laws!(keys());
private_keys_outage_laws!(keys());
