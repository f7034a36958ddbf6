//! Part `scale`: what a request costs with few documents and with many.

use super::load::{Kind, Load, Outcome};
use super::plan::{Plan, median};
use super::report::{Table, rate, ratio};
use super::service::Service;
use super::{Bench, Measured, seed, start_postgres};
use crate::step::{Result, tell};

/// Enough requests at once to keep the machine busy.
const CONCURRENCY: u32 = 8;

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let mut table = Table::new(&[
        "database",
        "request",
        "few: requests/s",
        "many: requests/s",
        "time of many",
        "few: CPU µs",
        "many: CPU µs",
        "CPU of many",
        "few: WAL bytes",
        "many: WAL bytes",
        "errors",
    ]);
    let mut errors = 0;
    let (mut few, mut many) = (0, 0);
    for on_postgres in [false, true] {
        let measured = measure_on(bench, on_postgres)?;
        (few, many) = measured.documents;
        for (kind, outcomes) in measured.outcomes {
            let [of_few, of_many] = outcomes;
            let failed: u64 = of_few.iter().chain(&of_many).map(|run| run.errors).sum();
            errors += failed;
            let both = |figure: fn(&Outcome) -> f64| {
                [&of_few, &of_many].map(|runs| median(runs.iter().map(figure).collect()))
            };
            let bytes = |count: f64| match on_postgres {
                true => format!("{count:.0}"),
                false => String::new(),
            };
            let [few_rate, many_rate] = both(|run| run.per_second);
            let [few_cpu, many_cpu] = both(|run| run.service_us + run.postgres_us);
            let [few_wal, many_wal] = both(|run| run.wal_bytes);
            table.row(&[
                if on_postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
                kind.name().to_owned(),
                rate(few_rate),
                rate(many_rate),
                ratio(few_rate, many_rate),
                format!("{few_cpu:.0}"),
                format!("{many_cpu:.0}"),
                ratio(many_cpu, few_cpu),
                bytes(few_wal),
                bytes(many_wal),
                failed.to_string(),
            ]);
        }
    }
    let text = format!(
        "Few: about {} documents; many: about {}. Concurrency {CONCURRENCY}; both services run side \
         by side and are measured in turns, {} times: medians. Time and CPU of many are those of a \
         request among many documents over those of one among few. CPU is that of the service and \
         of PostgreSQL.\n\n{}",
        rate(few as f64),
        rate(many as f64),
        bench.plan.turns,
        table.finish()
    );
    Ok(Measured { text, errors })
}

/// The runs of few and of many documents.
type Outcomes = [Vec<Outcome>; 2];

struct OnOneDatabase {
    /// How many few and many are.
    documents: (u64, u64),
    outcomes: Vec<(Kind, Outcomes)>,
}

fn measure_on(bench: &Bench, on_postgres: bool) -> Result<OnOneDatabase> {
    let plan = &bench.plan;
    let postgres = on_postgres.then(start_postgres).transpose()?;
    let access = postgres.as_ref().map(|server| server.access());
    if let Some(access) = access {
        access.create_database("few", None)?;
    }
    let mut few = Service::start(&bench.programs, access.map(|at| at.url("few")), None)?;
    Load::new(&few, None)?.make_documents(plan.documents)?;
    let ids = few.database().document_ids()?;
    few.stop()?;
    if let Some(access) = access {
        access.create_database("many", Some("few"))?;
    }
    let mut many = few.copy(&bench.programs, access.map(|at| at.url("many")))?;
    tell(format!(
        "seeding {} documents into {}",
        plan.many_documents,
        many.database().name()
    ));
    // The few are written anew as well: in the order of the key, without what an upload leaves.
    seed::fill(few.database(), ids.len() as u64)?;
    seed::fill(many.database(), plan.many_documents)?;
    let documents = (
        few.database().count("documents")?,
        many.database().count("documents")?,
    );
    few.resume()?;
    many.resume()?;

    let postmaster = postgres.as_ref().and_then(|server| server.pid());
    let loads = [Load::new(&few, postmaster)?, Load::new(&many, postmaster)?];
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut runs: Outcomes = Default::default();
        for _ in 0..plan.turns {
            for (load, runs) in loads.iter().zip(&mut runs) {
                load.use_documents(&ids)?;
                runs.push(run(load, kind, plan)?);
            }
        }
        outcomes.push((kind, runs));
    }
    Ok(OnOneDatabase {
        documents,
        outcomes,
    })
}

fn run(load: &Load<'_>, kind: Kind, plan: &Plan) -> Result<Outcome> {
    load.run(kind, CONCURRENCY, plan.warm_up, plan.requests.div_ceil(3))
}
