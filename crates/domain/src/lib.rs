//! The hexagon of Crypt-Keeper: what a secure document exchange *is*, free of frameworks,
//! databases, HTTP and cryptographic libraries.
//!
//! - [`model`]: values that cannot be wrong once made: documents, entries, users, key pairs, ids.
//! - [`ports`]: one trait a file; its documentation states the laws an adapter keeps and names the
//!   conformance test of each.
//! - [`usecase`]: one verb a file; a struct that holds the ports it needs and runs one act.
//! - [`access`]: the access decision, a pure function.
//! - [`memory`]: an in-memory adapter of every port, a manual clock and seeded entropy. They are
//!   the fakes of everyone's tests, and pass the same conformance suite as the real adapters.
//!
//! Another service embeds this crate, brings adapters of its own, and runs
//! `crypt-keeper-conformance` on them; `examples/embed.rs` shows it in under 100 lines.

pub mod access;
pub mod error;
pub mod memory;
pub mod model;
mod partition_gate;
pub mod ports;
pub mod usecase;

pub use error::Error;
pub use partition_gate::PartitionGate;
