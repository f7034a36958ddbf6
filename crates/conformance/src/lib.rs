//! The laws of every port, as named tests that each adapter passes.
//!
//! The documentation of each port in [`crypt_keeper_domain::ports`] states its laws; the module of
//! the same name here holds one function a law, and a macro that makes one test of each. An
//! adapter implements the harness trait of its ports, writes a function that builds a fresh one,
//! and names that function:
//!
//! ```text
//! use crypt_keeper_conformance::{metadata_store_laws, Harness, StoreHarness};
//!
//! /// A database of its own for each law; `None`, after saying SKIPPED and why, if there is no
//! /// server.
//! async fn harness() -> Option<MyHarness> { /* ... */ }
//!
//! metadata_store_laws!(harness());
//! accounts_laws!(harness());
//! ```
//!
//! The tests are called `metadata_store::inserted_is_found` and so on; put the macros of several
//! backends into a module each. The calling crate needs `tokio` with `macros` and
//! `rt-multi-thread` among its dev-dependencies.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a law that does not hold is a test that panics"
)]

pub mod accounts;
mod any_time;
pub mod audit_log;
pub mod blob_store;
pub mod bucket_rules;
mod concurrency;
pub mod expiry;
pub mod fixtures;
mod harness;
pub mod hold_transfer;
pub mod holds;
pub mod key_registry;
pub mod key_vault;
mod laws;
pub mod metadata_store;
pub mod metadata_transfer;
pub mod object_copy;
pub mod outage;
pub mod partition_transfer;
pub mod partitions;
pub mod private_keys;
pub mod row_locks;
mod scene;
pub mod sweeps;

pub use any_time::AnyTime;
pub use bucket_rules::BucketRulesHarness;
pub use harness::{
    BareAnswer, BlobStoreHarness, Harness, HoldHarness, HoldTransferHarness, KeyVaultHarness,
    ObjectCopyHarness, PrivateKeysHarness, Store, StoreHarness, SweepHarness, TransferHarness,
};
pub use laws::uphold;
pub use outage::Outage;
pub use scene::Scene;
