//! Part `partitions`: what a drop and a list cost in a partition of few documents and in one of many,
//! and how fast an installation is copied.

mod copied;
mod files;
mod sizes;

use crypt_keeper_test_services::{DynamoDb, DynamoDbOptions};

use super::database::Database;
use super::report::{Table, rate, ratio};
use super::service::Service;
use super::{Bench, Measured, start_postgres};
use crate::step::Result;

pub(super) fn measure(bench: &Bench) -> Result<Measured> {
    let (programs, plan) = (&bench.programs, &bench.plan);
    let postgres = start_postgres()?;
    let dynamodb = DynamoDb::start(&DynamoDbOptions::default())?;
    for name in ["bench", "target", "halves", "target_halves"] {
        postgres.access().create_database(name, None)?;
    }
    let url = |name: &str| postgres.access().url(name);
    let on_dynamodb = |halves| Database::dynamodb(programs, &dynamodb, url(halves));

    let mut dropped = Table::new(&[
        "database",
        "few",
        "many",
        "few: ms",
        "many: ms",
        "many to few",
        "few: files ms",
        "many: files ms",
        "few: the rest ms",
        "many: the rest ms",
    ]);
    let mut listed = Table::new(&[
        "database",
        "list of 50",
        "few",
        "many",
        "few: ms",
        "many: ms",
        "many to few",
    ]);
    let mut alone = Vec::new();
    let by_sql = [plan.documents, plan.many_documents];
    let local = [plan.few_on_dynamodb, plan.many_on_dynamodb];
    for (database, counts, drops_of_many, postmaster) in [
        (None, by_sql, 1, None),
        (
            Some(Database::Postgres(url("bench"))),
            by_sql,
            plan.drops_of_many,
            postgres.pid(),
        ),
        (Some(on_dynamodb("halves")?), local, 1, None),
    ] {
        let mut service = Service::start_on(programs, database, None, &[])?;
        let found = sizes::measure(bench, &mut service, counts, drops_of_many, postmaster)?;
        let name = service.database().name();
        let [few, many] = &found.sizes;
        let [count_of_few, count_of_many] = [few, many].map(|size| rate(size.documents as f64));
        let both = |few: f64, many: f64| {
            [
                count_of_few.clone(),
                count_of_many.clone(),
                format!("{few:.1}"),
                format!("{many:.1}"),
                ratio(many, few),
            ]
        };
        let named = |names: &[&str], figures: [String; 5]| {
            let mut cells: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            cells.extend(figures);
            cells
        };
        let mut drops = named(&[name], both(few.dropped, many.dropped));
        drops.extend(match (few.files, many.files) {
            (Some(of_few), Some(of_many)) => [
                of_few,
                of_many,
                few.dropped - of_few,
                many.dropped - of_many,
            ]
            .map(|figure| format!("{figure:.1}")),
            _ => Default::default(),
        });
        dropped.row(&drops);
        listed.row(&named(&[name, "one's own"], both(few.owned, many.owned)));
        listed.row(&named(
            &[name, "what one may read"],
            both(few.visible, many.visible),
        ));
        alone.push(found.put_per_second);
    }

    let source = copied::Source::make(bench)?;
    let mut copies = Table::new(&[
        "from SQLite to",
        "documents",
        "seconds",
        "documents/s",
        "store alone/s",
        "ratio",
    ]);
    let targets = [
        Database::Postgres(url("target")),
        on_dynamodb("target_halves")?,
    ];
    for (target, alone) in targets.iter().zip(alone.iter().skip(1)) {
        let seconds = source.copy_to(target)?;
        let per_second = source.documents as f64 / seconds;
        copies.row(&[
            target.name().to_owned(),
            rate(source.documents as f64),
            format!("{seconds:.1}"),
            rate(per_second),
            rate(*alone),
            ratio(per_second, *alone),
        ]);
    }
    let text = format!(
        "Each partition is one day of a retention class, seeded at once and dropped through the \
         store's own API; every document has one entry. Few are dropped {} times, \
         many {} times on PostgreSQL and once on the others: medians. Files: what of it PostgreSQL \
         spent in `truncate` and `unlink`, by strace, which slows the rest a little. DynamoDB Local \
         keeps its tables in memory, in a SQLite database of its own; how long it takes to delete a \
         table says nothing of Amazon's.\n\n{}\n\
         Pages of 50 from all over the partition, one after the other, through the store's own \
         API: medians.\n\n{}\n\
         `crypt-keeper copy --without-objects` to an empty target, from its start to its end: users, \
         key pairs, documents with their entries, as many lines of the audit log, and then both \
         sides read and compared. Store alone: documents and entries put by the target's own API, \
         nothing read or compared.\n\n{}",
        plan.drops,
        plan.drops_of_many,
        dropped.finish(),
        listed.finish(),
        copies.finish(),
    );
    Ok(Measured { text, errors: 0 })
}
