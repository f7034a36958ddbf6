//! Part `rewrap`: documents rewrapped a second by the command, beside a service at work, as a share
//! of the cryptography alone.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{ProcessIdentity, Signal, run};
use serde::Deserialize;

use super::ceilings::{self, Primitive};
use super::load::{Load, Outcome};
use super::report::{Table, rate, ratio};
use super::service::Service;
use super::{Bench, Measured, failed, start_postgres};
use crate::step::{Result, tell};

/// How many clients download meanwhile.
const CLIENTS: u32 = 50;
/// How long one thinks between two downloads, if it thinks.
const THINK: Duration = Duration::from_millis(500);

/// Who downloads meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Nobody,
    /// Each asks, and thinks, and asks.
    Thinking,
    /// Each asks again as soon as it is answered: they take all that the machine gives.
    Greedy,
}

impl Others {
    const ALL: [Self; 3] = [Self::Nobody, Self::Thinking, Self::Greedy];

    fn name(self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Thinking => format!("{CLIENTS} clients, each twice a second"),
            Self::Greedy => format!("{CLIENTS} clients, each as fast as it is answered"),
        }
    }
}

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let primitives = ceilings::primitives(bench, bench.plan.ceiling.min(3))?;
    let mut table = Table::new(&[
        "database",
        "who downloads meanwhile",
        "rewrapped/s",
        "cryptography alone/s",
        "ratio",
        "downloads/s",
        "p99 ms",
        "failed downloads",
    ]);
    let mut errors = 0;
    for on_postgres in [true, false] {
        for row in measure_on(bench, on_postgres)? {
            let alone = alone(&row.algorithm, &primitives);
            let downloads = row.downloads.unwrap_or_default();
            errors += downloads.errors;
            let of_downloads = |text: String| match row.downloads {
                Some(_) => text,
                None => String::new(),
            };
            table.row(&[
                row.database.to_owned(),
                row.others.name(),
                rate(row.per_second),
                rate(alone),
                ratio(row.per_second, alone),
                of_downloads(rate(downloads.per_second)),
                of_downloads(format!("{:.1}", downloads.p99)),
                of_downloads(downloads.errors.to_string()),
            ]);
        }
    }
    let text = format!(
        "About {} documents, rewrapped from one key pair of the default algorithm to the next by \
         `crypt-keeper keys rewrap` beside the running service, in batches of 200, without a limit \
         of the rate; watched for {} s, then brought to the end. Cryptography alone: unwrap and wrap \
         of one key after the other, on every core. PostgreSQL commits to the disk.\n\n{}",
        rate(bench.plan.rewrap_documents as f64),
        bench.plan.rewrap,
        table.finish()
    );
    Ok(Measured { text, errors })
}

struct Row {
    database: &'static str,
    algorithm: String,
    others: Others,
    per_second: f64,
    downloads: Option<Outcome>,
}

fn measure_on(bench: &Bench, on_postgres: bool) -> Result<Vec<Row>> {
    let plan = &bench.plan;
    let postgres = on_postgres.then(start_postgres).transpose()?;
    let url = match &postgres {
        Some(postgres) => {
            postgres.access().create_database("bench", None)?;
            Some(postgres.access().url("bench"))
        }
        None => None,
    };
    let service = Service::start(&bench.programs, url, None)?;
    let load = Load::new(&service, None)?;
    tell(format!(
        "making {} documents on {}",
        plan.rewrap_documents,
        service.database().name()
    ));
    load.make_documents(plan.rewrap_documents)?;
    load.use_documents(&service.database().document_ids()?)?;
    let mut rows = Vec::new();
    for others in Others::ALL {
        let (serial, algorithm) = active(&service)?;
        run(service.command().args(["keys", "rotate"]))?;
        let time = Duration::from_secs(plan.rewrap);
        let (downloads, per_second) = thread::scope(|scope| {
            let clients = scope.spawn(|| match others {
                Others::Nobody => Ok(None),
                // A moment before, and a moment after.
                Others::Thinking => load
                    .downloads(CLIENTS, time + Duration::from_secs(2), Some(THINK))
                    .map(Some),
                Others::Greedy => load
                    .downloads(CLIENTS, time + Duration::from_secs(2), None)
                    .map(Some),
            });
            thread::sleep(Duration::from_secs(1));
            let per_second = rewrap_for(&service, &serial, time);
            let downloads = clients
                .join()
                .unwrap_or_else(|_| Err(failed("the clients' thread broke")));
            (downloads, per_second)
        });
        let row = Row {
            database: service.database().name(),
            algorithm,
            others,
            per_second: per_second?,
            downloads: downloads?,
        };
        tell(format!(
            "rewrap on {}, {}: {}/s",
            row.database,
            others.name(),
            rate(row.per_second)
        ));
        rows.push(row);
        // Fails if one document is left.
        run(service.command().args(["keys", "rewrap", &serial]))?;
    }
    Ok(rows)
}

/// Serial and algorithm of the active key pair.
fn active(service: &Service) -> Result<(String, String)> {
    let one = |column: &str| {
        let lines = service.database().lines(&format!(
            "SELECT CAST({column} AS text) AS line FROM key_pairs WHERE state = 'active'"
        ))?;
        lines
            .into_iter()
            .next()
            .ok_or_else(|| failed("no key pair"))
    };
    Ok((one("serial")?, one("algorithm")?))
}

/// A line of the command.
#[derive(Deserialize)]
struct Progress {
    event: String,
    #[serde(default)]
    rewrapped: u64,
}

/// Rewraps for so long, and stops; how many a second, from the first batch on.
fn rewrap_for(service: &Service, serial: &str, time: Duration) -> Result<f64> {
    let mut command = service.command();
    command.args(["keys", "rewrap", serial, "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let stdout = child.stdout.take().ok_or_else(|| failed("no pipe"))?;
    let mut first = None;
    let mut last = None;
    let mut is_over = false;
    for line in BufReader::new(stdout).lines() {
        let progress: Progress = serde_json::from_str(&line.map_err(failed)?).map_err(failed)?;
        if progress.event == "failed" {
            return Err(failed("a document was not rewrapped"));
        }
        if progress.event != "progress" || is_over {
            continue;
        }
        let now = (Instant::now(), progress.rewrapped);
        let began: (Instant, u64) = *first.get_or_insert(now);
        last = Some(now);
        is_over = now.0 - began.0 >= time;
        // It stops between two batches. If it is through before its time, all the better.
        if is_over && let Some(identity) = ProcessIdentity::of(child.id()) {
            let _gone_if_not = identity.signal(Signal::TERM);
        }
    }
    child.wait().map_err(failed)?;
    let (Some(first), Some(last)) = (first, last) else {
        return Err(failed("nothing was rewrapped"));
    };
    let seconds = (last.0 - first.0).as_secs_f64();
    Ok((last.1 - first.1) as f64 / seconds.max(f64::MIN_POSITIVE))
}

/// Documents a second if there were nothing but the unwrap of each and the wrap after it, on every
/// core.
fn alone(algorithm: &str, primitives: &[Primitive]) -> f64 {
    let best = |work: &str| {
        let name = format!("{work} {algorithm}");
        primitives
            .iter()
            .filter(|primitive| primitive.name == name)
            .map(|primitive| primitive.per_second)
            .fold(0.0, f64::max)
    };
    let (unwrap, wrap) = (best("unwrap"), best("wrap"));
    if unwrap > 0.0 && wrap > 0.0 {
        1.0 / (1.0 / unwrap + 1.0 / wrap)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_after_the_other_takes_both_times() {
        let primitive = |name: &str, threads, per_second| Primitive {
            name: name.to_owned(),
            threads,
            per_second,
            unit: "operations".to_owned(),
        };
        let primitives = [
            primitive("unwrap A", 1, 1000.0),
            primitive("unwrap A", 2, 2000.0),
            primitive("wrap A", 2, 2000.0),
            primitive("wrap B", 2, 1.0),
        ];
        assert!((alone("A", &primitives) - 1000.0).abs() < 1e-9);
        assert!(alone("B", &primitives).abs() < f64::EPSILON);
    }
}
