//! The programs of a run: ours, built for release, and the tools that drive and compare.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services::run;

use super::failed;
use crate::step::{Result, cargo, tell};

/// Where they are.
#[derive(Debug)]
pub(super) struct Programs {
    /// The service.
    pub(super) service: PathBuf,
    /// The command-line client.
    pub(super) ckc: PathBuf,
    /// `crates/xtask/examples/ceilings`.
    pub(super) ceilings: PathBuf,
    /// `crates/xtask/examples/unwraps`.
    pub(super) unwraps: PathBuf,
}

impl Programs {
    /// Builds ours as they are released, and the service with DynamoDB.
    pub(super) fn build() -> Result<Self> {
        crate::step::run(cargo(&["build", "--release"]).args([
            "--package",
            "crypt-keeper-server",
            "--package",
            "crypt-keeper-client",
            "--package",
            "xtask",
            "--bin",
            "crypt-keeper",
            "--bin",
            "ckc",
            "--example",
            "ceilings",
            "--example",
            "unwraps",
            "--features",
            "crypt-keeper-server/dynamo",
        ]))?;
        let metadata = run(&mut cargo(&["metadata", "--no-deps", "--format-version=1"]))?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(failed)?;
        let target = metadata["target_directory"]
            .as_str()
            .ok_or_else(|| failed("cargo metadata names no target directory"))?;
        let release = Path::new(target).join("release");
        Ok(Self {
            service: release.join("crypt-keeper"),
            ckc: release.join("ckc"),
            ceilings: release.join("examples/ceilings"),
            unwraps: release.join("examples/unwraps"),
        })
    }
}

/// wrk, which sends HTTP requests; Debian has it as a package.
pub(super) fn wrk() -> Result<PathBuf> {
    find_or_install("wrk", "wrk", &[])
}

/// pgbench, which Debian keeps beside the server, not on the PATH.
pub(super) fn pgbench() -> Result<PathBuf> {
    find_or_install("pgbench", "postgresql", &debian_postgres())
}

/// curl.
pub(super) fn curl() -> Result<PathBuf> {
    find_or_install("curl", "curl", &[])
}

/// strace, which tells what system calls take.
pub(super) fn strace() -> Result<PathBuf> {
    find_or_install("strace", "strace", &[])
}

fn debian_postgres() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect()
}

fn find_or_install(program: &str, package: &str, elsewhere: &[PathBuf]) -> Result<PathBuf> {
    if let Some(path) = find(program, elsewhere) {
        return Ok(path);
    }
    tell(format!("installing {package} for {program}"));
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive");
    let installed = run(&mut install);
    match (find(program, elsewhere), installed) {
        (Some(path), _) => Ok(path),
        (None, Err(error)) => Err(failed(format!(
            "`{program}` is not on the PATH, and could not be installed: install it. {error}"
        ))),
        (None, Ok(_)) => Err(failed(format!(
            "`{program}` is not on the PATH, and the package {package} does not bring it: \
             install it"
        ))),
    }
}

fn find(program: &str, elsewhere: &[PathBuf]) -> Option<PathBuf> {
    let mut which = Command::new("sh");
    which.args(["-c", "command -v \"$0\"", program]);
    if let Ok(path) = run(&mut which) {
        return Some(PathBuf::from(path.trim()));
    }
    elsewhere
        .iter()
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
