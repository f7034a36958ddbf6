//! `bench`: how fast the service is, beside what its parts could do at most, in one run.
//!
//! Figures of a machine are worth little without a ceiling that was taken on the same machine a
//! moment before: `ceilings.rs` and `pgbench.rs` take them, between the runs they are ceilings of.
//! Nothing here is asserted but that no request failed.

mod captured;
mod ceilings;
mod crypto;
mod database;
mod http;
mod load;
mod machine;
mod partitions;
mod pgbench;
mod plan;
mod process_cost;
mod programs;
mod report;
mod requests;
mod rewrap;
mod scale;
mod script;
mod seed;
mod service;
mod transfer;
mod vault;

use clap::{Args, ValueEnum};
use crypt_keeper_test_services::{Postgres, PostgresOptions};

use crate::step::{Failure, Result, print, tell};
use machine::Machine;
use plan::Plan;
use programs::Programs;

/// What to measure, and how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure; everything if nothing is named
    #[arg(value_enum)]
    parts: Vec<Part>,

    /// Short runs and small files, in two minutes: to try things, not to quote
    #[arg(long)]
    quick: bool,

    /// Put the result into docs/performance.md, in place of the former one
    #[arg(long)]
    write: bool,
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Uploads and downloads asked for over HTTP, on SQLite and PostgreSQL, beside their ceilings
    Requests,
    /// `ckc` beside curl, on a local folder and on MinIO
    Transfer,
    /// A request's cost with ten thousand and with a million documents
    Scale,
    /// Encryption of documents, wrapping of keys
    Crypto,
    /// Unwraps through each key vault; a download under a hybrid key pair beside one under RSA
    Vault,
    /// Documents rewrapped beside a service at work, to the cryptography alone
    Rewrap,
    /// A partition dropped and listed, of few documents and of many; an installation copied
    Partitions,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Requests,
        Self::Transfer,
        Self::Scale,
        Self::Crypto,
        Self::Vault,
        Self::Rewrap,
        Self::Partitions,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Transfer => "transfer",
            Self::Scale => "scale",
            Self::Crypto => "crypto",
            Self::Vault => "vault",
            Self::Rewrap => "rewrap",
            Self::Partitions => "partitions",
        }
    }
}

/// What every part is given.
struct Bench {
    plan: Plan,
    programs: Programs,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let bench = Bench {
        plan: if arguments.quick {
            Plan::QUICK
        } else {
            Plan::FULL
        },
        programs: Programs::build()?,
    };
    let parts = match arguments.parts.as_slice() {
        [] => &Part::ALL[..],
        named => named,
    };
    let mut failures = Vec::new();
    for part in parts {
        // Load and commit as they are now, not as they were when the first part began.
        let machine = Machine::now(arguments.quick);
        let measured = match part {
            Part::Requests => requests::measure(&bench),
            Part::Transfer => transfer::measure(&bench),
            Part::Scale => scale::measure(&bench),
            Part::Crypto => crypto::measure(&bench),
            Part::Vault => vault::measure(&bench),
            Part::Rewrap => rewrap::measure(&bench),
            Part::Partitions => partitions::measure(&bench),
        };
        let measured = match measured {
            Ok(measured) => measured,
            Err(Failure::Said(message)) => {
                tell(format!("{} failed: {message}", part.name()));
                failures.push(part.name());
                continue;
            }
            Err(other) => return Err(other),
        };
        let text = format!("{machine}\n\n{}", measured.text);
        print(format!("\n## {}\n\n{text}", part.name()));
        if measured.errors > 0 {
            tell(format!(
                "{}: {} requests failed: the figures are void",
                part.name(),
                measured.errors
            ));
            failures.push(part.name());
        } else if arguments.write {
            report::write(part.name(), &text)?;
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(format!(
            "error: no valid figures of: {}",
            failures.join(", ")
        )))
    }
}

/// What a part has found out.
struct Measured {
    /// Markdown.
    text: String,
    /// Requests that failed.
    errors: u64,
}

/// A PostgreSQL whose acknowledged commits are on the disk, otherwise with its own defaults.
fn start_postgres() -> Result<Postgres> {
    Ok(Postgres::start(&PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    })?)
}

fn failed(message: impl std::fmt::Display) -> Failure {
    Failure::Said(format!("error: {message}"))
}
