//! What the end-to-end tests share: the two built commands, a service over real parts, a terminal
//! for `ckc`, a bare HTTP client, and eyes for what lies in the databases.
//!
//! ```no_run
//! use crypt_keeper_tests::{Blobs, Metadata, Parts, Server};
//!
//! let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else { return };
//! let server = Server::start(&parts);
//! let alice = server.user("alice");
//! let ckc = server.ckc(&alice);
//! ckc.write("report.pdf", b"of substance");
//! let id = ckc.succeeds(&["-q", "upload", "report.pdf"]).line();
//! ckc.succeeds(&["download", &id, "-o", "copy.pdf"]);
//! assert_eq!(ckc.read("copy.pdf"), b"of substance");
//! ```
//! Everything is a test's own: its data folder, its database, its bucket, its port.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail their test"
)]

mod api;
mod backups;
mod binaries;
mod ckc;
mod dynamodb;
pub mod fuzz;
pub mod http;
mod installation;
mod kept;
mod objects;
mod old_command;
mod opened;
mod parts;
mod secrets;
mod server;
mod sql;
mod stored;
mod vault;
mod writers;

pub use api::{Account, Api, Upload};
pub use backups::{BackedUp, Backups};
pub use binaries::binaries;
pub use ckc::{Ckc, Ran};
pub use dynamodb::Tables;
pub use installation::{Installation, Place};
pub use kept::assert_kept;
pub use objects::StoredObjects;
pub use old_command::OldCommand;
pub use opened::{Opened, system_call};
pub use parts::{Blobs, Metadata, Parts};
pub use secrets::{Found, Secrets};
pub use server::Server;
pub use sql::Database;
pub use sql::StoredPair;
pub use stored::Stored;
pub use vault::{Engine, KeysInVault};
pub use writers::{Record, WRITERS, Writers};

use std::io::Write as _;

/// Says something past libtest's capture: results that one wants to see of a passing test.
pub fn announce(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Random bytes of the operating system.
#[must_use]
pub fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("entropy");
    bytes
}

/// A random number below `bound`.
#[must_use]
pub fn random_below(bound: u64) -> u64 {
    u64::from_le_bytes(random()) % bound
}

/// So many bytes that repeat nowhere near: a counter through a multiplier.
#[must_use]
pub fn content(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64, Marsaglia 2003: no pattern that a cut or a swap of segments would keep.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
