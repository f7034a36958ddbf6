//! `check`: what guards the tree besides tests.

use std::process::Command;

use crypt_keeper_test_services::SERVER_FEATURES;

use crate::deny;
use crate::step::{self, Failure, Result, cargo, tell};

/// Servers on one store, without what the others need.
const SMALL_SERVERS: [&str; 2] = ["sqlite", "postgres"];

/// What a build must not contain.
struct Absence {
    package: &'static str,
    features: &'static [&'static str],
    crates: &'static [&'static str],
}

const ABSENCES: [Absence; 4] = [
    Absence {
        package: "crypt-keeper-server",
        features: &["--no-default-features", "--features", "sqlite"],
        crates: &[
            "tokio-postgres",
            "postgres-openssl",
            "aws-sdk-s3",
            "aws-config",
        ],
    },
    Absence {
        package: "crypt-keeper-server",
        features: &["--no-default-features", "--features", "postgres"],
        crates: &["libsqlite3-sys", "aws-sdk-s3", "aws-config"],
    },
    Absence {
        package: "crypt-keeper-server",
        features: &[],
        crates: &[
            "ring",
            "aws-sdk-dynamodb",
            "vaultrs",
            "rustify",
            "crypt-keeper-keys-vault",
            "crypt-keeper-test-services",
        ],
    },
    Absence {
        package: "crypt-keeper-domain",
        features: &[],
        crates: &[
            "serde_json",
            "openssl",
            "actix-web",
            "diesel",
            "aws-sdk-s3",
            "reqwest",
        ],
    },
];

type Check = fn() -> Result<()>;

/// Runs every check, those after a failed one too, and ends by naming what failed.
pub(crate) fn run() -> Result<()> {
    let steps: [(&str, Check); 5] = [
        ("formatting", || {
            step::run(&mut cargo(&["fmt", "--all", "--check"]))
        }),
        ("bans, licenses, sources", bans),
        ("what a build must not contain", || {
            ABSENCES.iter().try_for_each(prove)
        }),
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
    step::run(command.current_dir(step::workspace()))
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
    SMALL_SERVERS.iter().try_for_each(|features| {
        step::run(
            cargo(&[
                "clippy",
                "--package",
                "crypt-keeper-server",
                "--no-default-features",
            ])
            .args(["--features", features])
            .args(strict),
        )
    })
}

/// `cargo tree` knows what a build contains without building it.
fn prove(absence: &Absence) -> Result<()> {
    let what = [&[absence.package], absence.features].concat().join(" ");
    let mut tree = cargo(&["tree", "--quiet", "--edges", "normal", "--prefix", "none"]);
    tree.args(["--package", absence.package])
        .args(absence.features);
    let tree = crypt_keeper_test_services::run(&mut tree)?;
    for name in absence.crates {
        if tree
            .lines()
            .any(|line| line.split(' ').next() == Some(name))
        {
            return Err(Failure::Said(format!(
                "error: {what} must not contain {name}"
            )));
        }
    }
    tell(format!("==> {what}: without {}", absence.crates.join(", ")));
    Ok(())
}
