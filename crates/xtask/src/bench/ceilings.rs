//! Ceilings that `crates/xtask/examples/ceilings` takes: the store without HTTP, the cryptography.

use std::process::Command;

use crypt_keeper_test_services::run;
use serde::Deserialize;

use super::Bench;
use super::failed;
use super::load::Kind;
use super::service::Service;
use crate::step::Result;

/// Operations a second of the store through its own API: the very statements of the request,
/// through diesel, in a process of their own. The service must be idle meanwhile.
pub(super) fn store(
    bench: &Bench,
    service: &Service,
    kind: Kind,
    concurrency: u32,
    seconds: u64,
) -> Result<f64> {
    let name = match kind {
        Kind::Download => "download",
        Kind::Upload => "upload",
    };
    let key = service.account().key_id();
    let numbers = [concurrency.to_string(), seconds.to_string()];
    let more = [key, name, &numbers[0], &numbers[1]];
    service.database().ceiling(&bench.programs, "store", &more)
}

/// What one primitive does.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Primitive {
    /// Like `wrap CK-RSA-OAEP-256`.
    pub(super) name: String,
    /// On how many threads.
    pub(super) threads: usize,
    /// Of `unit`, by all threads together.
    pub(super) per_second: f64,
    /// `GB` or `operations`.
    pub(super) unit: String,
}

/// Every primitive on one thread and on all cores, each for so many seconds.
pub(super) fn primitives(bench: &Bench, seconds: u64) -> Result<Vec<Primitive>> {
    let mut command = Command::new(&bench.programs.ceilings);
    command.args(["crypto", &seconds.to_string()]);
    run(&mut command)?
        .lines()
        .map(|line| serde_json::from_str(line).map_err(failed))
        .collect()
}
