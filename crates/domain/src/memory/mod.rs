//! In-memory adapters of every port, a clock that is set by hand, and seeded entropy: the fakes of
//! everyone's tests. They pass the same conformance suite as the real adapters.

mod accounts;
mod audit_log;
mod blob_store;
mod bucket_rules;
mod clock;
mod entropy;
mod faults;
mod holds;
mod key_registry;
mod key_vault;
mod metadata_store;
mod metadata_transfer;
mod partitions;
mod private_keys;
mod store;
mod sweeps;

pub use blob_store::{MemoryAnswer, MemoryBlobs};
pub use bucket_rules::MemoryBucketRules;
pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use faults::{Fault, FaultSwitch, InducedFault};
pub use key_vault::MemoryVault;
pub use private_keys::MemoryPrivateKeys;
pub use store::MemoryStore;
