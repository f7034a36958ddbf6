use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{Algorithm, Timestamp};
use crypt_keeper_domain::ports::{
    Accounts, AuditLog, BlobStore, HoldTransfer, Holds, KeyRegistry, KeyVault, MetadataStore,
    MetadataTransfer, ObjectCopy, Partitions, PrivateKeys, Sweeps,
};

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
pub trait Store: MetadataStore + Accounts + AuditLog + KeyRegistry {}

impl<S: MetadataStore + Accounts + AuditLog + KeyRegistry> Store for S {}

/// A store.
pub trait StoreHarness: Harness {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Its documents and entries.
    fn metadata_store(&self) -> Arc<dyn MetadataStore> {
        self.store()
    }

    /// Its users and API keys.
    fn accounts(&self) -> Arc<dyn Accounts> {
        self.store()
    }

    /// Its audit log.
    fn audit_log(&self) -> Arc<dyn AuditLog> {
        self.store()
    }

    /// Its key pairs.
    fn key_registry(&self) -> Arc<dyn KeyRegistry> {
        self.store()
    }

    /// Its time partitions; `None` for a store that takes documents wherever their partition is, as
    /// one without the port. A scene makes the partitions of its documents where there are any.
    fn partitions(&self) -> Option<Arc<dyn Partitions>> {
        None
    }

    /// What the store's clock shows, by which it judges the moments in new ids.
    fn now(&self) -> Timestamp;

    /// How far a list may lag behind an acknowledged write; zero where all are complete at once.
    /// The laws wait that long before they read a list.
    fn list_bound(&self) -> Duration;
}

/// A store whose documents may expire one by one.
pub trait SweepHarness: StoreHarness {
    /// What finds and removes them.
    fn sweeps(&self) -> Arc<dyn Sweeps>;
}

/// A store that keeps documents under legal hold.
pub trait HoldHarness: StoreHarness {
    /// The holds.
    fn holds(&self) -> Arc<dyn Holds>;

    /// The place of the held documents, as a store of its own.
    fn held(&self) -> Arc<dyn MetadataStore>;
}

/// A store that rows can be moved from and to.
pub trait TransferHarness: StoreHarness {
    /// The same store.
    fn transfer(&self) -> Arc<dyn MetadataTransfer>;
}

/// A store that legal holds can be moved to.
pub trait HoldTransferHarness: HoldHarness {
    /// The same store.
    fn hold_transfer(&self) -> Arc<dyn HoldTransfer>;
}

/// The store of sealed private halves.
pub trait PrivateKeysHarness: Harness {
    /// The store.
    fn private_keys(&self) -> Arc<dyn PrivateKeys>;
}

/// A key vault and the registry that it looks into.
pub trait KeyVaultHarness: Harness {
    /// The vault.
    fn key_vault(&self) -> Arc<dyn KeyVault>;

    /// The registry, which the laws write to.
    fn key_registry(&self) -> Arc<dyn KeyRegistry>;

    /// The algorithm that the vault wraps by.
    fn algorithm(&self) -> Algorithm;

    /// What the clock shows.
    fn now(&self) -> Timestamp;

    /// Whether the wrapped bytes themselves are bound to their document; else the commitment alone
    /// is, and whoever knows the key can make one that fits.
    fn binds_document_in_wrap(&self) -> bool {
        true
    }

    /// How long the vault may go by what it remembers of the registry; zero if it asks each time.
    /// The laws wait that long after a change of the registry; best make it short.
    fn state_bound(&self) -> Duration;
}

/// An object store, and a bare client that knows nothing but the URLs it is given.
#[async_trait]
pub trait BlobStoreHarness: Harness {
    /// The store.
    fn blob_store(&self) -> Arc<dyn BlobStore>;

    /// Sends a request with a body and no header that HTTP does not need: no content type, no
    /// credentials. Redirects are not followed.
    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer;

    /// What the clock shows.
    fn now(&self) -> Timestamp;

    /// Lets time pass for the store: moves its clock, or waits.
    async fn pass_time(&self, time: Duration);

    /// Whether a URL to PUT to is held to its greatest length.
    fn bounds_length(&self) -> bool;
}

/// An object store that makes copies within itself.
pub trait ObjectCopyHarness: BlobStoreHarness {
    /// What copies.
    fn object_copy(&self) -> Arc<dyn ObjectCopy>;
}

/// What a bare client is answered.
#[derive(Clone, PartialEq, Eq)]
pub struct BareAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl BareAnswer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header field of a name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| value.as_str())
    }
}

/// The beginning of the body is enough: it may have megabytes.
impl std::fmt::Debug for BareAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let beginning = &self.body[..self.body.len().min(500)];
        f.debug_struct("BareAnswer")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("length", &self.body.len())
            .field("body", &String::from_utf8_lossy(beginning))
            .finish()
    }
}
