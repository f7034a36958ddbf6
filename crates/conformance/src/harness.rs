use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{Accounts, AuditLog, KeyRegistry, MetadataStore, PrivateKeys};

/// An adapter made ready for one law, empty and alone: a database, a bucket, a mount of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Gives back what was taken: closes connections, then drops the database. Also called when
    /// the law did not hold. By then the laws have let go of the ports.
    async fn teardown(self)
    where
        Self: Sized;
}

/// The four ports that lie in one store, since acts of each are recorded in the same audit log.
pub trait StoreHarness: Harness {
    /// Documents and entries.
    fn metadata_store(&self) -> Arc<dyn MetadataStore>;

    /// Users and API keys of the same store.
    fn accounts(&self) -> Arc<dyn Accounts>;

    /// The audit log of the same store.
    fn audit_log(&self) -> Arc<dyn AuditLog>;

    /// The key pairs of the same store.
    fn key_registry(&self) -> Arc<dyn KeyRegistry>;

    /// What the store's clock shows, by which it judges the moments in new ids.
    fn now(&self) -> Timestamp;

    /// How far a list may lag behind an acknowledged write; zero where all are complete at once.
    /// The laws wait that long before they read a list.
    fn list_bound(&self) -> Duration;
}

/// The store of sealed private halves.
pub trait PrivateKeysHarness: Harness {
    /// The store.
    fn private_keys(&self) -> Arc<dyn PrivateKeys>;
}
