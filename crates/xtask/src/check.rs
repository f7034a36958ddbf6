//! `check`: what guards the tree besides tests.

use std::process::Command;

use crypt_keeper_test_services::SERVER_FEATURES;

use crate::step::{self, Failure, Result, cargo, tell};
use crate::{deny, small_servers};

type Check = fn() -> Result<()>;

/// Runs every check, those after a failed one too, and ends by naming what failed.
pub(crate) fn run() -> Result<()> {
    let steps: [(&str, Check); 4] = [
        ("formatting", || {
            step::run(&mut cargo(&["fmt", "--all", "--check"]))
        }),
        ("bans, licenses, sources", bans),
        ("clippy", clippy),
        ("documentation", documentation),
    ];
    let mut failed = Vec::new();
    for (name, check) in steps {
        if let Err(failure) = check() {
            failure.message().iter().for_each(tell);
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Said(format!(
        "error: failed checks: {}",
        failed.join("; ")
    )))
}

fn bans() -> Result<()> {
    let mut command = Command::new(deny::program()?);
    command.args(["check", "bans", "licenses", "sources"]);
    step::run(&mut command)
}

fn documentation() -> Result<()> {
    let mut command = cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--features",
        SERVER_FEATURES,
    ]);
    step::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn clippy() -> Result<()> {
    let strict = ["--", "-D", "warnings"];
    let whole = ["clippy", "--workspace", "--all-targets"];
    step::run(
        cargo(&whole)
            .args(["--features", SERVER_FEATURES])
            .args(strict),
    )?;
    step::run(cargo(&whole).arg("--all-features").args(strict))?;
    // What `cargo run` builds: without Vault.
    step::run(cargo(&["clippy"]).args(strict))?;
    small_servers::ALL
        .iter()
        .chain(&["dynamo,vault,s3"]) // on AWS, without a database of its own
        .try_for_each(|feature| step::run(small_servers::cargo("clippy", feature).args(strict)))
}
