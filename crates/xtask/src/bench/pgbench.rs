//! The ceiling of PostgreSQL: the very statements of a request, sent by pgbench and by nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crypt_keeper_test_services::{Postgres, run};

use super::captured::{Log, Statement};
use super::database::Database;
use super::load::Kind;
use super::process_cost::CpuClock;
use super::script::{Ids, Script, script};
use super::seed;
use super::service::{Service, folder};
use super::{failed, http, programs};
use crate::step::Result;

/// How long PostgreSQL may take to write its log: much less than the moments for which the service
/// remembers things.
const LOG_PATIENCE: Duration = Duration::from_millis(50);
/// How many requests are looked at.
const ATTEMPTS: usize = 8;

/// How much of a statement shows which it is.
const BEGINNING: usize = 70;

/// What pgbench has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    /// Transactions, each the statements of one request, a second.
    pub(super) per_second: f64,
    /// CPU time of PostgreSQL for each, in microseconds.
    pub(super) postgres_us: f64,
}

/// Sends captured statements.
#[derive(Debug)]
pub(super) struct Pgbench<'a> {
    postgres: &'a Postgres,
    database: Database,
    program: PathBuf,
    clock: CpuClock,
    download: Captured,
    upload: Captured,
    types: BTreeMap<u32, String>,
    asked: String,
    known: BTreeSet<String>,
    documents_prefix: String,
    documents: u64,
}

impl<'a> Pgbench<'a> {
    /// Lets PostgreSQL log one request of each kind; restarts the service for it. Then adds as many
    /// documents as there are, under ids that pgbench can count: their keys open for nobody, which
    /// no statement sees.
    pub(super) fn prepare(postgres: &'a Postgres, service: &mut Service) -> Result<Self> {
        let database = service.database().clone();
        let ids = database.document_ids()?;
        let asked = ids.first().ok_or_else(|| failed("no documents"))?.clone();

        log_statements(&database, true)?;
        service.stop()?;
        let start = postgres.log()?.len();
        service.resume()?;
        let address = service.address();
        let account = service.account().clone();
        let download = || http::request_download(address, &account, &asked);
        let upload = || http::request_upload(address, &account, 1000);
        let known = database
            .lines("SELECT CAST(id AS text) AS line FROM users")?
            .into_iter()
            .collect();
        let of_download = Captured::of(postgres, start, download)?;
        let of_upload = Captured::of(postgres, start, upload)?;
        log_statements(&database, false)?;
        service.stop()?;
        service.resume()?;

        let types = types(&database)?;
        let documents_prefix = format!("{}-8fff-", &asked[..18]);
        seed::add_counted(&database, &asked, &documents_prefix, ids.len() as u64)?;
        Ok(Self {
            postgres,
            database,
            program: programs::pgbench()?,
            clock: CpuClock::new()?,
            download: of_download,
            upload: of_upload,
            types,
            asked,
            known,
            documents_prefix,
            documents: ids.len() as u64,
        })
    }

    /// The beginnings of the statements that a request sends.
    pub(super) fn statements(&self, kind: Kind) -> impl Iterator<Item = String> + '_ {
        self.of(kind)
            .statements
            .iter()
            .map(|statement| statement.text.chars().take(BEGINNING).collect())
    }

    fn of(&self, kind: Kind) -> &Captured {
        match kind {
            Kind::Download => &self.download,
            Kind::Upload => &self.upload,
        }
    }

    /// Runs pgbench; the service must be idle meanwhile.
    pub(super) fn run(&self, kind: Kind, concurrency: u32, seconds: u64) -> Result<Ceiling> {
        let script = self.script(kind)?;
        let folder = folder()?;
        let file = folder.path().join("statements.sql");
        fs::write(&file, &script.text).map_err(failed)?;
        let rows = self.database.count("audit")?;
        let pid = self
            .postgres
            .pid()
            .ok_or_else(|| failed("PostgreSQL does not run"))?;
        let before = self.clock.of_family(pid)?;
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared"])
            .arg(format!("--client={concurrency}"))
            .arg(format!("--jobs={}", concurrency.min(2)))
            .arg(format!("--time={seconds}"))
            .arg(format!("--file={}", file.display()));
        for (name, value) in &script.variables {
            command.arg(format!("--define={name}={value}"));
        }
        let settings = &self.of(kind).settings;
        let options: Vec<_> = settings
            .iter()
            .map(|(name, value)| format!("-c {name}={value}"))
            .collect();
        command
            .arg(self.database.argument())
            .env("PGOPTIONS", options.join(" "));
        let said = run(&mut command)?;
        let after = self.clock.of_family(pid)?;
        let (transactions, per_second) = parse(&said)
            .ok_or_else(|| failed(format!("pgbench gave no result; it said:\n{said}")))?;
        // A join that finds nothing would be fast, and no ceiling of anything.
        let written = self.database.count("audit")? - rows;
        if written < transactions {
            return Err(failed(format!(
                "pgbench sent {} {transactions} times, and {written} were recorded",
                kind.name()
            )));
        }
        Ok(Ceiling {
            per_second,
            postgres_us: (after - before).as_secs_f64() * 1e6 / transactions.max(1) as f64,
        })
    }

    fn script(&self, kind: Kind) -> Result<Script> {
        // The store refuses ids that are not of this moment.
        let now = self.database.lines(
            "SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') \
             AS line",
        )?;
        let now = now.first().ok_or_else(|| failed("no time"))?;
        let fresh_prefix = format!("{}-{}-7000", &now[..8], &now[8..]);
        Ok(script(
            &self.of(kind).statements,
            &Ids {
                asked: (kind == Kind::Download).then_some(self.asked.as_str()),
                known: &self.known,
                documents_prefix: &self.documents_prefix,
                documents: self.documents,
                fresh_prefix: &fresh_prefix,
            },
            &self.types,
        ))
    }
}

/// What a request sent, and how its sessions were set.
#[derive(Debug)]
struct Captured {
    statements: Vec<Statement>,
    settings: BTreeMap<String, String>,
}

impl Captured {
    /// Sends a request, and reads what PostgreSQL has logged of it; its sessions' log begins at
    /// `start`.
    fn of<T>(postgres: &Postgres, start: usize, request: impl Fn() -> Result<T>) -> Result<Self> {
        let read = || -> Result<Log> {
            std::thread::sleep(LOG_PATIENCE);
            let log = postgres.log()?;
            Ok(Log::read(log.get(start..).unwrap_or_default()))
        };
        // The service remembers some things for moments. The request that asks for least is the one
        // among many others; the first ones prepare statements besides.
        let mut least: Option<(Log, Vec<Statement>)> = None;
        for _ in 0..ATTEMPTS {
            let before = read()?.statements.len();
            request()?;
            let log = read()?;
            let sent = log.statements.get(before..).unwrap_or_default().to_vec();
            if least
                .as_ref()
                .is_none_or(|(_, least)| sent.len() < least.len())
            {
                least = Some((log, sent));
            }
        }
        let (log, statements) = least.unwrap_or_default();
        if statements.is_empty() {
            return Err(failed("PostgreSQL logged no statement of a request"));
        }
        Ok(Self {
            settings: log.settings_of(&statements),
            statements,
        })
    }
}

/// Connections that are opened later log each statement, or no longer do.
fn log_statements(database: &Database, on: bool) -> Result<()> {
    let name = database.lines("SELECT current_database() AS line")?;
    let name = name.first().ok_or_else(|| failed("no database"))?;
    let settings = if on {
        ["SET log_statement = 'all'", "SET debug_print_parse = on"]
    } else {
        ["RESET log_statement", "RESET debug_print_parse"]
    };
    let statements: Vec<_> = settings
        .iter()
        .map(|setting| format!("ALTER DATABASE \"{name}\" {setting}"))
        .collect();
    database.execute(&statements)
}

/// The names of all types, by their OIDs.
fn types(database: &Database) -> Result<BTreeMap<u32, String>> {
    database
        .lines("SELECT oid || ' ' || format_type(oid, NULL) AS line FROM pg_type")?
        .iter()
        .map(|line| {
            let (oid, name) = line.split_once(' ').ok_or_else(|| failed("no type"))?;
            Ok((oid.parse().map_err(failed)?, name.to_owned()))
        })
        .collect()
}

/// Reads the number of transactions, and how many there were a second.
fn parse(said: &str) -> Option<(u64, f64)> {
    let after = |prefix: &str| said.lines().find_map(|line| line.strip_prefix(prefix));
    let transactions = after("number of transactions actually processed: ")?;
    let transactions = transactions.split('/').next()?.trim().parse().ok()?;
    let rate = after("tps = ")?.split(' ').next()?.parse().ok()?;
    Some((transactions, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_read() {
        let said = "transaction type: x.sql\nnumber of transactions actually processed: 31415\n\
                    number of failed transactions: 0 (0.000%)\nlatency average = 1 ms\n\
                    tps = 6283.000000 (without initial connection time)\n";
        assert_eq!(parse(said), Some((31415, 6283.0)));
        assert_eq!(parse("pgbench: error"), None);
    }
}
