//! The adapters in use, seen through the domain's ports.

use std::sync::Arc;

use crypt_keeper_domain::ports::{
    Accounts, AuditLog, BlobStore, Clock, Entropy, KeyRegistry, KeyVault, MetadataStore, Probe,
};

/// Every port the service stands on; what is behind them is the wiring's choice.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Documents and their access lists.
    pub store: Arc<dyn MetadataStore>,
    /// Users and API keys.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Key pairs.
    pub registry: Arc<dyn KeyRegistry>,
    /// What wraps and unwraps document keys.
    pub vault: Arc<dyn KeyVault>,
    /// What signs URLs to objects.
    pub blobs: Arc<dyn BlobStore>,
    /// What says whether a part is ready.
    pub probes: Vec<Arc<dyn Probe>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
}
