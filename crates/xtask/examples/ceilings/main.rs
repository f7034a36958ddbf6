//! Ceilings of `cargo xtask bench`: what the parts of the service do without the service, and a way
//! to its stores. Built for release; started by `crates/xtask/src/bench`. A DATABASE is a URL of
//! PostgreSQL, `dynamodb:PREFIX@ENDPOINT`, or a SQLite file.
//!
//! - `ceilings crypto SECONDS`: every primitive, one JSON object a line
//! - `ceilings store DATABASE API-KEY-ID download|upload CONCURRENCY SECONDS`: a number, operations a
//!   second
//! - `ceilings document-ids DATABASE`: those of all documents, one a line
//! - `ceilings make-partition DATABASE CLASS/DAY`
//! - `ceilings fill-partition DATABASE CLASS/DAY COUNT`: a number, documents a second
//! - `ceilings seed-partition dynamodb:PREFIX@ENDPOINT CLASS/DAY|same COUNT`: how many were copied
//! - `ceilings list-partition DATABASE API-KEY-ID owned|visible CLASS/DAY SECONDS`: a number,
//!   milliseconds for a page
//! - `ceilings drop-partition DATABASE CLASS/DAY`: a number, milliseconds
//! - `ceilings sqlite-execute FILE STATEMENT..`
//! - `ceilings sqlite-lines FILE QUERY`: the text column `line` of each row

mod crypto;
mod dynamodb;
mod open;
mod partitions;
mod sqlite;
mod store;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["crypto", seconds] => crypto::run(seconds),
        ["store", database, api_key, kind, concurrency, seconds] => {
            store::run(database, api_key, kind, concurrency, seconds)
        }
        ["document-ids", database] => partitions::ids(database),
        ["make-partition", database, partition] => partitions::make(database, partition),
        ["fill-partition", database, partition, count] => {
            partitions::fill(database, partition, count)
        }
        ["seed-partition", database, partition, count] => {
            partitions::seed(database, partition, count)
        }
        [
            "list-partition",
            database,
            api_key,
            filter,
            partition,
            seconds,
        ] => partitions::list(database, api_key, filter, partition, seconds),
        ["drop-partition", database, partition] => partitions::remove(database, partition),
        ["sqlite-execute", file, statements @ ..] => sqlite::execute(file, statements),
        ["sqlite-lines", file, query] => sqlite::lines(file, query),
        _ => Err("see the head of crates/xtask/examples/ceilings/main.rs".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_listens = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A line of a result.
fn print(line: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
