//! What the domain needs of the outside: one trait a file. An adapter implements them; the laws in
//! their documentation are tests of the same name in `crypt-keeper-conformance`.
//!
//! - Every port is object-safe and held as `Arc<dyn Port>`.
//! - One method is one atomic fact: it happened whole, or not at all.
//! - What must be atomic with an act travels with it as its [`Record`](crate::model::Record).
//! - A miss is `Ok(None)`; a failure is a closed enum in domain words.

mod accounts;
mod audit_log;
mod blob_store;
mod bucket_rules;
mod clock;
mod entropy;
mod error;
mod hold_transfer;
mod holds;
mod key_registry;
mod key_vault;
mod metadata_store;
mod metadata_transfer;
mod object_copy;
mod partitions;
mod private_half_copy;
mod private_keys;
mod probe;
mod sweeps;

pub use accounts::{Accounts, ApiKeyInsert, UserInsert};
pub use audit_log::{AuditFilter, AuditLog};
pub use blob_store::{BlobError, BlobStore, GetTerms, ObjectInfo, PresignedUrl, PutTerms};
pub use bucket_rules::{BucketChange, BucketRules, Written};
pub use clock::Clock;
pub use entropy::{Entropy, EntropyError, EntropyExt};
pub use error::{BoxError, StoreError};
pub use hold_transfer::HoldTransfer;
pub use holds::{HoldOutcome, Holds};
pub use key_registry::{DuePairs, KeyRegistry, RegistryChange};
pub use key_vault::{KeyVault, OldWrap, Purpose, VaultError, WrapContext};
pub use metadata_store::{
    Change, DocumentChange, DocumentFilter, Found, InsertOutcome, ListOrder, MetadataStore,
    Release, ReleaseOutcome, Rewrap, RewrapOutcome, WalkStep, Walked, Wraps,
};
pub use metadata_transfer::{DocumentWithEntries, MetadataTransfer, PutOutcome};
pub use object_copy::ObjectCopy;
pub use partitions::Partitions;
pub use private_half_copy::PrivateHalfCopy;
pub use private_keys::{PrivateKeys, SealedPrivateHalf};
pub use probe::{Condition, Probe, ProbeError};
pub use sweeps::{ExpiredDocument, Sweeps};
