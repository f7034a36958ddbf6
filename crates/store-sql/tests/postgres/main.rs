//! PostgreSQL keeps every law of the ports.
#![cfg(feature = "postgres")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

#[path = "../support/clock.rs"]
mod clock;
mod database;
mod first_ranges;
#[path = "../support/gathered.rs"]
mod gathered;
mod gathering;
mod hold_races;
#[path = "../support/holds.rs"]
mod holds;
mod ingest;
mod language;
mod lock_order;
mod lost_partitions;
mod migrations;
mod outage;
mod partition_drops;
mod partition_tables;
mod races;
#[path = "../support/scripts.rs"]
mod scripts;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    Harness, Outage, PrivateKeysHarness, StoreHarness, TransferHarness, accounts_laws,
    audit_log_laws, expiry_laws, key_registry_laws, metadata_store_laws, metadata_transfer_laws,
    partition_transfer_laws, partitions_laws, private_keys_laws, private_keys_outage_laws,
    row_lock_laws, store_outage_laws,
};
use crypt_keeper_domain::model::{DocumentId, RetentionClass, Timestamp};
use crypt_keeper_domain::ports::{MetadataTransfer, Partitions, PrivateKeys};
use crypt_keeper_store_sql::{PostgresPrivateKeys, PostgresStore};
use database::{Database, POOL_SIZE, migrated, options};

/// A store in a database of its own.
struct Rig<S> {
    store: Arc<S>,
    database: Database,
}

type Store = Rig<PostgresStore>;
type Keys = Rig<PostgresPrivateKeys>;

async fn store() -> Option<Store> {
    let database = Database::create().await?;
    let store = migrated(&database.proxied_url()).await;
    Some(Store {
        store: Arc::new(store),
        database,
    })
}

/// The network between store and server is cut.
#[async_trait]
impl<S: Send + Sync> Outage for Rig<S> {
    async fn begin(&self) {
        self.database.cut_off();
    }

    async fn end(&self) {
        self.database.bring_back();
    }

    fn pool_size(&self) -> usize {
        POOL_SIZE.into()
    }
}

#[async_trait]
impl Harness for Store {
    async fn teardown(self) {
        self.store.shutdown().await;
        self.database.drop().await;
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
    let database = Database::create().await?;
    let store = PostgresPrivateKeys::connect(options(&database.proxied_url()))
        .await
        .unwrap();
    store.migrate().await.unwrap();
    Some(Keys {
        store: Arc::new(store),
        database,
    })
}

#[async_trait]
impl Harness for Keys {
    async fn teardown(self) {
        self.store.shutdown().await;
        self.database.drop().await;
    }
}

impl PrivateKeysHarness for Keys {
    fn private_keys(&self) -> Arc<dyn PrivateKeys> {
        self.store.clone()
    }
}

private_keys_laws!(keys());
private_keys_outage_laws!(keys());

/// The id of no document.
fn document_id() -> DocumentId {
    DocumentId::new(RetentionClass::DEFAULT, clock::machine_clock(), [7; 10])
}
