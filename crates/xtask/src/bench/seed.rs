//! Documents by SQL: many at once, copies of one that the service has made.
//!
//! Nobody can open them (a wrapped key opens for its own document only), so downloads are asked of
//! documents that the service has made. Those are spread evenly over the table and its indexes, as
//! the documents of a request are in a store that has grown: seeded ids lie between theirs in time,
//! and both tables are written anew in the order of the key.

use super::database::Database;
use crate::step::Result;

/// Fills up to `total` documents, each with its owner's entry and an audit entry.
pub(super) fn fill(database: &Database, total: u64) -> Result<()> {
    // Of none, the tables are written anew all the same.
    let missing = total.saturating_sub(database.count("documents")?);
    let mut statements = prepare(database, missing, Times::OfDocuments, 0);
    for (table, key) in [("documents", "id"), ("entries", "document_id")] {
        let columns = database.columns(table)?;
        let copied = copied(&columns, key, "seeded.id");
        let columns = columns.join(", ");
        statements.extend([
            format!("CREATE TEMPORARY TABLE old_{table} AS SELECT * FROM {table}"),
            format!("DELETE FROM {table}"),
            format!(
                "INSERT INTO {table} ({columns}) SELECT * FROM (\
                   SELECT {columns} FROM old_{table} UNION ALL \
                   SELECT {copied} FROM seeded, \
                     (SELECT * FROM old_{table} ORDER BY {key} LIMIT 1) AS one\
                 ) AS every ORDER BY {key}"
            ),
        ]);
    }
    let columns = database.columns("audit")?;
    statements.push(format!(
        "INSERT INTO audit ({}) SELECT {} FROM seeded, \
           (SELECT * FROM audit WHERE document_id IS NOT NULL ORDER BY id LIMIT 1) AS one",
        columns.join(", "),
        // Its own id can be that of its document: they are of different tables.
        copied(&columns, "id", "seeded.id").replace("one.document_id", "seeded.id"),
    ));
    statements.push("COMMIT".to_owned());
    run(database, statements)
}

/// Adds `count` documents of a retention class whose times are spread over a day, each with its
/// owner's entry: a partition of a day, as it is in the end. `first_day` begins it, in milliseconds
/// since 1970.
pub(super) fn fill_day(database: &Database, class: u8, first_day: u64, count: u64) -> Result<()> {
    let mut statements = prepare(database, count, Times::Day(first_day), class);
    for (table, key) in [("documents", "id"), ("entries", "document_id")] {
        let columns = database.columns(table)?;
        statements.push(format!(
            "INSERT INTO {table} ({}) SELECT {} FROM seeded, \
               (SELECT * FROM {table} ORDER BY {key} LIMIT 1) AS one ORDER BY seeded.id",
            columns.join(", "),
            copied(&columns, key, "seeded.id").replace("one.retention_class", &class.to_string()),
        ));
    }
    statements.push("COMMIT".to_owned());
    run(database, statements)
}

/// Runs them, and then lets the database come to rest.
fn run(database: &Database, statements: Vec<String>) -> Result<()> {
    match database {
        Database::Sqlite { .. } => database.execute(&[statements, settle(database)].concat()),
        // What goes together goes in one message; VACUUM and CHECKPOINT go alone.
        Database::Postgres(_) | Database::DynamoDb { .. } => {
            database.execute(&[statements.join(";\n")])?;
            database.execute(&settle(database))
        }
    }
}

/// What the times of new documents are spread over.
#[derive(Clone, Copy)]
enum Times {
    /// Those of the documents that are there.
    OfDocuments,
    /// The day that begins so many milliseconds after 1970.
    Day(u64),
}

/// Opens a transaction, and makes the table `seeded` with the ids of new documents: UUIDs of version
/// 7 (RFC 9562) that have the retention class in the eight bits after the version.
fn prepare(database: &Database, missing: u64, times: Times, class: u8) -> Vec<String> {
    let divisor = missing.max(1);
    // Of the last one the time is that of the end: it must be of this day still.
    let day = |first: u64| (first, first + 86_400_000 - 1);
    match database {
        Database::Postgres(_) | Database::DynamoDb { .. } => vec![
            "BEGIN".to_owned(),
            "SET LOCAL work_mem = '512MB'".to_owned(),
            format!(
                "CREATE TEMPORARY TABLE seeded AS \
                 SELECT (lpad(to_hex(first + (last - first) * n / {divisor}), 12, '0') \
                         || '7{class:02x}0' || to_hex(8 + n % 4) || substr(md5(n::text), 1, 15))::uuid AS id \
                 FROM generate_series(1, {missing}::bigint) AS n, ({}) AS span",
                match times {
                    Times::OfDocuments => "SELECT min(millis) AS first, max(millis) AS last FROM (\
                        SELECT ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint \
                          AS millis FROM documents) AS of_all"
                        .to_owned(),
                    Times::Day(first) => {
                        let (first, last) = day(first);
                        format!("SELECT {first}::bigint AS first, {last}::bigint AS last")
                    }
                }
            ),
        ],
        Database::Sqlite { .. } => vec![
            "PRAGMA synchronous = OFF".to_owned(),
            "PRAGMA cache_size = -400000".to_owned(),
            "BEGIN IMMEDIATE".to_owned(),
            "CREATE TEMPORARY TABLE span AS SELECT min(id) AS first, max(id) AS last FROM documents"
                .to_owned(),
            // SQLite reads no hexadecimal text: the bytes are put together one by one.
            format!(
                "CREATE TEMPORARY TABLE seeded AS \
                 WITH RECURSIVE \
                   hexadecimal(first, last) AS (SELECT hex(first), hex(last) FROM span), \
                   digits(at, first, last) AS ({}), \
                   series(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM series WHERE n < {missing}) \
                 SELECT unhex(printf('%012x7{class:02x}0%x', first + (last - first) * n / {divisor}, 8 + n % 4) \
                   || substr(hex(randomblob(8)), 1, 15)) AS id \
                 FROM series, digits WHERE at = 12 AND n <= {missing}",
                match times {
                    Times::OfDocuments => "SELECT 0, 0, 0 UNION ALL SELECT at + 1, \
                     digits.first * 16 + instr('123456789ABCDEF', substr(hexadecimal.first, at + 1, 1)), \
                     digits.last * 16 + instr('123456789ABCDEF', substr(hexadecimal.last, at + 1, 1)) \
                     FROM digits, hexadecimal WHERE at < 12"
                        .to_owned(),
                    Times::Day(first) => {
                        let (first, last) = day(first);
                        format!("VALUES (12, {first}, {last})")
                    }
                }
            ),
        ],
    }
}

/// What the database does in its own time, done now: no measurement shall pay for it.
fn settle(database: &Database) -> Vec<String> {
    match database {
        Database::Postgres(_) | Database::DynamoDb { .. } => {
            vec!["VACUUM (ANALYZE)".to_owned(), "CHECKPOINT".to_owned()]
        }
        Database::Sqlite { .. } => vec!["PRAGMA wal_checkpoint(TRUNCATE)".to_owned()],
    }
}

/// Adds copies of the document `template` to PostgreSQL, whose ids are `prefix` and a number from 1
/// to `count` in 12 hexadecimal digits.
pub(super) fn add_counted(
    database: &Database,
    template: &str,
    prefix: &str,
    count: u64,
) -> Result<()> {
    let id = format!("('{prefix}' || lpad(to_hex(n), 12, '0'))::uuid");
    let mut statements = Vec::new();
    for (table, key) in [("documents", "id"), ("entries", "document_id")] {
        let columns = database.columns(table)?;
        statements.push(format!(
            "INSERT INTO {table} ({}) SELECT {} FROM generate_series(1, {count}::bigint) AS n, \
             (SELECT * FROM {table} WHERE {key} = '{template}' LIMIT 1) AS one",
            columns.join(", "),
            copied(&columns, key, &id),
        ));
    }
    statements.push("VACUUM (ANALYZE) documents, entries".to_owned());
    database.execute(&statements)
}

/// The columns of the row `one`, but for `key`.
fn copied(columns: &[String], key: &str, value: &str) -> String {
    let copied: Vec<String> = columns
        .iter()
        .map(|column| {
            if column == key {
                value.to_owned()
            } else {
                format!("one.{column}")
            }
        })
        .collect();
    copied.join(", ")
}
