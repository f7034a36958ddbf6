//! cargo-deny: a pinned one in the cache.

use std::path::PathBuf;
use std::process::Command;

use crypt_keeper_test_services::{Cache, run};

use crate::step::{Result, tell};

const VERSION: &str = "0.20.2";

/// The program's path, installed if need be. The dev profile builds in a minute and checks in two
/// seconds.
pub(crate) fn program() -> Result<PathBuf> {
    let cache = Cache::open()?;
    let folder = cache.install(
        &format!("tools/cargo-deny-{VERSION}"),
        "bin/cargo-deny",
        |folder| {
            tell(format!("installing cargo-deny {VERSION} (once, a minute)"));
            let build = folder.join("build");
            run(Command::new("cargo")
                .args(["install", "--quiet", "--locked", "--debug", "--root"])
                .arg(folder)
                .arg(format!("cargo-deny@{VERSION}"))
                // Its dependencies are none of this workspace's.
                .env("CARGO_TARGET_DIR", &build)
                .current_dir(folder))?;
            std::fs::remove_dir_all(&build).map_err(|source| {
                crypt_keeper_test_services::Error::File {
                    doing: "remove",
                    path: build.clone(),
                    source,
                }
            })
        },
    )?;
    Ok(folder.join("bin/cargo-deny"))
}
