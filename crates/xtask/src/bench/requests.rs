//! Part `requests`: uploads and downloads asked for over HTTP, beside their ceilings.

use super::ceilings::{self, Primitive};
use super::load::{Kind, Load, Outcome};
use super::pgbench::{Ceiling, Pgbench};
use super::plan::Plan;
use super::report::{Table, rate, ratio};
use super::service::Service;
use super::{Bench, Measured, failed, start_postgres};
use crate::step::{Result, tell};

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured {
        text: String::new(),
        errors: 0,
    };
    let primitives = ceilings::primitives(bench, bench.plan.ceiling.min(2))?;
    for on_postgres in [false, true] {
        let rows = measure_on(bench, on_postgres, &primitives)?;
        measured.errors += rows.iter().map(|row| row.outcome.errors).sum::<u64>();
        let database = if on_postgres {
            "PostgreSQL, fsync on"
        } else {
            "SQLite"
        };
        measured.text += &format!("### {database}\n\n");
        measured.text += &table(&rows, on_postgres);
        measured.text.push('\n');
    }
    measured.text += "Cryptography alone, in the same run:\n\n";
    measured.text += &super::crypto::table(
        &primitives
            .into_iter()
            .filter(|primitive| primitive.unit != "GB")
            .collect::<Vec<_>>(),
    );
    Ok(measured)
}

/// A request at one concurrency, and its ceilings.
struct Row {
    kind: Kind,
    concurrency: u32,
    outcome: Outcome,
    store: f64,
    pgbench: Option<Ceiling>,
    /// How often a second the service's key pair could unwrap, or wrap, if nothing else were to do,
    /// on as many cores as so many requests can keep busy.
    key_work: f64,
}

fn measure_on(bench: &Bench, on_postgres: bool, primitives: &[Primitive]) -> Result<Vec<Row>> {
    let plan = &bench.plan;
    let postgres = on_postgres.then(start_postgres).transpose()?;
    let url = match &postgres {
        Some(postgres) => {
            postgres.access().create_database("bench", None)?;
            Some(postgres.access().url("bench"))
        }
        None => None,
    };
    let mut service = Service::start(&bench.programs, url, None)?;
    Load::new(&service, None)?.make_documents(plan.documents)?;
    let ids = service.database().document_ids()?;
    let algorithm = service
        .database()
        .lines("SELECT algorithm AS line FROM key_pairs WHERE state = 'active'")?;
    let algorithm = algorithm.first().ok_or_else(|| failed("no key pair"))?;
    let pgbench = match &postgres {
        Some(postgres) => Some(Pgbench::prepare(postgres, &mut service)?),
        None => None,
    };
    if let Some(pgbench) = &pgbench {
        for kind in Kind::BOTH {
            for statement in pgbench.statements(kind) {
                tell(format!("{} sends: {statement}..", kind.name()));
            }
        }
    }
    let load = Load::new(&service, postgres.as_ref().and_then(|server| server.pid()))?;
    load.use_documents(&ids)?;
    let mut rows = Vec::new();
    for kind in Kind::BOTH {
        for concurrency in Plan::CONCURRENCIES {
            let outcome = load.run(kind, concurrency, plan.warm_up, plan.requests)?;
            let pgbench = match &pgbench {
                Some(pgbench) => Some(pgbench.run(kind, concurrency, plan.ceiling)?),
                None => None,
            };
            let store = ceilings::store(bench, &service, kind, concurrency, plan.ceiling)?;
            tell(format!(
                "{} on {} at {concurrency}: {}/s, p99 {:.1} ms, {} errors",
                kind.name(),
                service.database().name(),
                rate(outcome.per_second),
                outcome.p99,
                outcome.errors
            ));
            rows.push(Row {
                kind,
                concurrency,
                outcome,
                store,
                pgbench,
                key_work: key_work(kind, algorithm, concurrency, primitives),
            });
        }
    }
    Ok(rows)
}

fn table(rows: &[Row], on_postgres: bool) -> String {
    let mut columns = vec![
        "request",
        "concurrency",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "service µs",
    ];
    if on_postgres {
        columns.extend(["PostgreSQL µs", "WAL bytes", "pgbench/s", "its µs", "ratio"]);
    }
    columns.extend(["store alone/s", "ratio", "key work alone/s", "ratio"]);
    let mut table = Table::new(&columns);
    for row in rows {
        let outcome = &row.outcome;
        let mut cells = vec![
            row.kind.name().to_owned(),
            row.concurrency.to_string(),
            rate(outcome.per_second),
            format!("{:.2}", outcome.p50),
            format!("{:.2}", outcome.p99),
            outcome.errors.to_string(),
            format!("{:.0}", outcome.service_us),
        ];
        if let Some(pgbench) = &row.pgbench {
            cells.extend([
                format!("{:.0}", outcome.postgres_us),
                format!("{:.0}", outcome.wal_bytes),
                rate(pgbench.per_second),
                format!("{:.0}", pgbench.postgres_us),
                ratio(outcome.per_second, pgbench.per_second),
            ]);
        }
        cells.extend([
            rate(row.store),
            ratio(outcome.per_second, row.store),
            rate(row.key_work),
            ratio(outcome.per_second, row.key_work),
        ]);
        table.row(&cells);
    }
    table.finish()
}

fn key_work(kind: Kind, algorithm: &str, concurrency: u32, primitives: &[Primitive]) -> f64 {
    let work = match kind {
        Kind::Download => format!("unwrap {algorithm}"),
        Kind::Upload => format!("wrap {algorithm}"),
    };
    primitives
        .iter()
        .filter(|primitive| primitive.name == work)
        .filter(|primitive| primitive.threads <= concurrency as usize)
        .map(|primitive| primitive.per_second)
        .fold(0.0, f64::max)
}
