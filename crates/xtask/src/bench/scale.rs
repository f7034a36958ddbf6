//! Part `scale`: what a request costs with few documents and with many.

use crypt_keeper_test_services::{DynamoDb, DynamoDbOptions, PostgresAccess};

use super::database::Database;
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
        "few",
        "many",
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
    for backend in [Backend::Sqlite, Backend::Postgres, Backend::DynamoDb] {
        let measured = measure_on(bench, backend)?;
        let (few, many) = measured.documents;
        for (kind, outcomes) in measured.outcomes {
            let [of_few, of_many] = outcomes;
            let failed: u64 = of_few.iter().chain(&of_many).map(|run| run.errors).sum();
            errors += failed;
            let both = |figure: fn(&Outcome) -> f64| {
                [&of_few, &of_many].map(|runs| median(runs.iter().map(figure).collect()))
            };
            let bytes = |count: f64| match backend {
                Backend::Postgres => format!("{count:.0}"),
                Backend::Sqlite | Backend::DynamoDb => String::new(),
            };
            let [few_rate, many_rate] = both(|run| run.per_second);
            let [few_cpu, many_cpu] = both(|run| run.service_us + run.postgres_us);
            let [few_wal, many_wal] = both(|run| run.wal_bytes);
            table.row(&[
                measured.name.to_owned(),
                rate(few as f64),
                rate(many as f64),
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
        "A service with few documents and one with many, about as many as the table says. \
         Concurrency {CONCURRENCY}; both run side by side and are measured in turns, {} times: \
         medians. Time and CPU of many are those of a request among many documents over those of \
         one among few. CPU is that of the service and of PostgreSQL. DynamoDB Local, one for each \
         service, keeps its tables in memory: its own CPU is not counted, and its times say nothing \
         of Amazon's.\n\n{}",
        bench.plan.turns,
        table.finish()
    );
    Ok(Measured { text, errors })
}

/// The runs of few and of many documents.
type Outcomes = [Vec<Outcome>; 2];

#[derive(Clone, Copy)]
enum Backend {
    Sqlite,
    Postgres,
    DynamoDb,
}

struct OnOneDatabase {
    name: &'static str,
    /// How many few and many are.
    documents: (u64, u64),
    outcomes: Vec<(Kind, Outcomes)>,
}

fn measure_on(bench: &Bench, backend: Backend) -> Result<OnOneDatabase> {
    let postgres = match backend {
        Backend::Sqlite => None,
        // For DynamoDB it has the private halves.
        Backend::Postgres | Backend::DynamoDb => Some(start_postgres()?),
    };
    let access = postgres.as_ref().map(|server| server.access());
    if let Some(access) = access {
        access.create_database("few", None)?;
    }
    match (backend, access) {
        (Backend::DynamoDb, Some(access)) => on_dynamodb(bench, access),
        _ => {
            let postmaster = postgres.as_ref().and_then(|server| server.pid());
            by_sql(bench, access, postmaster)
        }
    }
}

/// The many are seeded by SQL.
fn by_sql(
    bench: &Bench,
    access: Option<&PostgresAccess>,
    postmaster: Option<u32>,
) -> Result<OnOneDatabase> {
    let plan = &bench.plan;
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
    let services = [(&few, ids.clone()), (&many, ids)];
    in_turns(plan, postmaster, services, documents)
}

/// The many are put into the table of the documents that are asked for.
fn on_dynamodb(bench: &Bench, access: &PostgresAccess) -> Result<OnOneDatabase> {
    let plan = &bench.plan;
    access.create_database("many", None)?;
    let servers = [
        DynamoDb::start(&DynamoDbOptions::default())?,
        DynamoDb::start(&DynamoDbOptions::default())?,
    ];
    let start = |server: &DynamoDb, name: &str, count: u64| {
        let database = Database::dynamodb(&bench.programs, server, access.url(name))?;
        let service = Service::start_on(&bench.programs, Some(database), None, &[])?;
        // As many of both are asked for.
        Load::new(&service, None)?.make_documents(plan.few_on_dynamodb / 2)?;
        let ids = service.database().document_ids()?;
        tell(format!("putting {count} documents into DynamoDB Local"));
        let missing = count.saturating_sub(ids.len() as u64);
        let more = ["same", &missing.to_string()];
        service
            .database()
            .ceiling(&bench.programs, "seed-partition", &more)?;
        let documents = ids.len() as u64 + missing;
        Result::Ok((service, ids, documents))
    };
    let [few, many] = &servers;
    let (few, ids_of_few, count_of_few) = start(few, "few", plan.few_on_dynamodb)?;
    let (many, ids_of_many, count_of_many) = start(many, "many", plan.many_on_dynamodb)?;
    in_turns(
        plan,
        None,
        [(&few, ids_of_few), (&many, ids_of_many)],
        (count_of_few, count_of_many),
    )
}

/// Measures two services in turns, each asked for some of its own documents.
fn in_turns(
    plan: &Plan,
    postmaster: Option<u32>,
    services: [(&Service, Vec<String>); 2],
    documents: (u64, u64),
) -> Result<OnOneDatabase> {
    let name = services[0].0.database().name();
    let mut loads = Vec::new();
    for (service, ids) in services {
        loads.push((Load::new(service, postmaster)?, ids));
    }
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut runs: Outcomes = Default::default();
        for _ in 0..plan.turns {
            for ((load, ids), runs) in loads.iter().zip(&mut runs) {
                load.use_documents(ids)?;
                runs.push(run(load, kind, plan)?);
            }
        }
        outcomes.push((kind, runs));
    }
    Ok(OnOneDatabase {
        name,
        documents,
        outcomes,
    })
}

fn run(load: &Load<'_>, kind: Kind, plan: &Plan) -> Result<Outcome> {
    load.run(kind, CONCURRENCY, plan.warm_up, plan.requests.div_ceil(3))
}
