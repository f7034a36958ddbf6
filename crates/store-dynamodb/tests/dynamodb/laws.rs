//! The laws of the ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    Harness, HoldHarness, HoldTransferHarness, Outage, StoreHarness, SweepHarness, TransferHarness,
    accounts_laws, audit_log_laws, hold_transfer_laws, holds_laws, key_registry_laws,
    metadata_store_laws, metadata_transfer_laws, partition_transfer_laws, partitions_laws,
    store_outage_laws, sweeps_laws,
};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{
    Clock, HoldTransfer, Holds, MetadataStore, MetadataTransfer, Partitions, Sweeps,
};
use crypt_keeper_store_dynamodb::DynamoDbStore;
use crypt_keeper_test_services::{Fault, FaultProxy};

use crate::support::Site;

#[async_trait]
impl Harness for Site {
    async fn teardown(self) {
        self.remove().await;
    }
}

impl StoreHarness for Site {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    fn partitions(&self) -> Option<Arc<dyn Partitions>> {
        Some(self.store.clone())
    }

    /// It stands still: however slow the machine, no wrap grows old.
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// DynamoDB Local writes its indexes with the tables.
    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

impl SweepHarness for Site {
    fn sweeps(&self) -> Arc<dyn Sweeps> {
        self.store.clone()
    }
}

impl HoldHarness for Site {
    fn holds(&self) -> Arc<dyn Holds> {
        self.store.clone()
    }

    fn held(&self) -> Arc<dyn MetadataStore> {
        Arc::new(self.store.held())
    }
}

impl HoldTransferHarness for Site {
    fn hold_transfer(&self) -> Arc<dyn HoldTransfer> {
        self.store.clone()
    }
}

impl TransferHarness for Site {
    fn transfer(&self) -> Arc<dyn MetadataTransfer> {
        self.store.clone()
    }
}

/// A store behind a proxy that can be cut off.
struct Remote {
    site: Site,
    store: Arc<DynamoDbStore>,
    proxy: FaultProxy,
}

async fn remote() -> Option<Remote> {
    let site = Site::new().await?;
    let proxy = FaultProxy::start(site.upstream()).unwrap();
    let store = site.through(proxy.address());
    Some(Remote { site, store, proxy })
}

#[async_trait]
impl Harness for Remote {
    async fn teardown(self) {
        self.site.remove().await;
    }
}

impl StoreHarness for Remote {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    /// Not by way of the proxy: what a scene needs is there before the outage.
    fn partitions(&self) -> Option<Arc<dyn Partitions>> {
        Some(self.site.store.clone())
    }

    fn now(&self) -> Timestamp {
        self.site.clock.now()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

#[async_trait]
impl Outage for Remote {
    async fn begin(&self) {
        self.proxy.set(Fault::Refuse).unwrap();
    }

    async fn end(&self) {
        self.proxy.set(Fault::None).unwrap();
    }

    /// What meets a dead connection is tried again on another.
    fn pool_size(&self) -> usize {
        1
    }
}

metadata_store_laws!(Site::new());
metadata_transfer_laws!(Site::new());
partition_transfer_laws!(Site::new());
partitions_laws!(Site::new());
sweeps_laws!(Site::new());
holds_laws!(Site::new());
hold_transfer_laws!(Site::new());
accounts_laws!(Site::new());
audit_log_laws!(Site::new());
key_registry_laws!(Site::new());
store_outage_laws!(remote());

/// The place of held documents, which is a store with the same laws.
struct Held {
    site: Site,
    store: Arc<DynamoDbStore>,
}

async fn held_place() -> Option<Held> {
    let site = Site::new().await?;
    let store = Arc::new(site.store.held());
    Some(Held { site, store })
}

#[async_trait]
impl Harness for Held {
    async fn teardown(self) {
        self.site.remove().await;
    }
}

impl StoreHarness for Held {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    fn now(&self) -> Timestamp {
        self.site.clock.now()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

mod held {
    use super::*;

    metadata_store_laws!(held_place());
}
