//! The metadata as they lie in the database, past the service.

use std::path::Path;

use diesel::RunQueryDsl as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use postgres::{Client, NoTls};

use crate::Place;

/// A database seen by somebody who may read all of it.
#[derive(Debug)]
pub struct Database {
    place: Place,
}

/// A key pair with its sealed private half.
#[derive(Clone, Debug, QueryableByName)]
pub struct StoredPair {
    /// Its serial.
    #[diesel(sql_type = BigInt)]
    pub serial: i64,
    /// Its algorithm's stored name.
    #[diesel(sql_type = Text)]
    pub algorithm: String,
    /// Its scope's stored form.
    #[diesel(sql_type = Text)]
    pub scope: String,
    /// The public half's stored bytes.
    #[diesel(sql_type = Binary)]
    pub public_half: Vec<u8>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Blob {
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// What must never be found, each with the question that counts it. An act leaves all of its rows
/// or none.
const HALF_STATES: [(&str, &str); 7] = [
    (
        "documents without their owner's entry",
        "SELECT count(*) AS n FROM documents d WHERE NOT EXISTS (SELECT 1 FROM entries e \
         WHERE e.retention_class = d.retention_class AND e.document_id = d.id \
         AND e.principal_kind = 'user' AND e.principal_id = d.owner AND e.rights = 63)",
    ),
    (
        "documents without one audit entry of their creation",
        "SELECT count(*) AS n FROM documents d WHERE (SELECT count(*) FROM audit a \
         WHERE a.document_id = d.id AND a.action = 'document.created') <> 1",
    ),
    (
        "audited creations without a document",
        "SELECT count(*) AS n FROM audit a WHERE a.action = 'document.created' \
         AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = a.document_id)",
    ),
    (
        "entries without a document",
        "SELECT count(*) AS n FROM entries e WHERE NOT EXISTS (SELECT 1 FROM documents d \
         WHERE d.retention_class = e.retention_class AND d.id = e.document_id)",
    ),
    (
        "shared entries without one audit entry of their grant",
        "SELECT count(*) AS n FROM entries e WHERE e.rights = 3 AND (SELECT count(*) FROM audit a \
         WHERE a.document_id = e.document_id AND a.principal_id = e.principal_id \
         AND a.action = 'entry.granted') <> 1",
    ),
    (
        "audited grants without an entry",
        "SELECT count(*) AS n FROM audit a WHERE a.action = 'entry.granted' \
         AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.document_id = a.document_id \
         AND e.principal_id = a.principal_id)",
    ),
    (
        "documents under a key pair that is not registered",
        "SELECT count(*) AS n FROM documents d WHERE NOT EXISTS (SELECT 1 FROM key_pairs k \
         WHERE k.serial = d.key_serial)",
    ),
];

impl Database {
    pub(crate) fn open(place: &Place) -> Self {
        Self {
            place: place.clone(),
        }
    }

    /// The number that a question of one column `n` gives.
    ///
    /// # Panics
    /// If the database does not answer.
    #[must_use]
    pub fn count(&self, question: &str) -> i64 {
        match &self.place {
            Place::Sqlite(path) => {
                let number: Number = diesel::sql_query(question)
                    .get_result(&mut sqlite(path))
                    .expect("an answer");
                number.n
            }
            Place::Postgres(url) => on_a_thread(|| {
                let mut client = Client::connect(url, NoTls).expect("a connection");
                client.query_one(question, &[]).expect("an answer").get("n")
            }),
        }
    }

    /// Runs statements.
    ///
    /// # Panics
    /// If the database refuses them.
    pub fn execute(&self, statements: &str) {
        use diesel::connection::SimpleConnection as _;
        match &self.place {
            Place::Sqlite(path) => sqlite(path).batch_execute(statements).expect("done"),
            Place::Postgres(url) => on_a_thread(|| {
                let mut client = Client::connect(url, NoTls).expect("a connection");
                client.batch_execute(statements).expect("done");
            }),
        }
    }

    /// Which half states are found: none, in a sound database.
    #[must_use]
    pub fn half_states(&self) -> Vec<String> {
        HALF_STATES
            .iter()
            .map(|(what, question)| (what, self.count(question)))
            .filter(|(_, number)| *number != 0)
            .map(|(what, number)| format!("{number} {what}"))
            .collect()
    }

    /// Every key pair.
    ///
    /// # Panics
    /// If the database does not answer.
    #[must_use]
    pub fn key_pairs(&self) -> Vec<StoredPair> {
        let question =
            "SELECT serial, algorithm, scope, public_half FROM key_pairs ORDER BY serial";
        match &self.place {
            Place::Sqlite(path) => diesel::sql_query(question)
                .load(&mut sqlite(path))
                .expect("an answer"),
            Place::Postgres(url) => on_a_thread(|| {
                let mut client = Client::connect(url, NoTls).expect("a connection");
                let rows = client.query(question, &[]).expect("an answer");
                rows.iter()
                    .map(|row| StoredPair {
                        serial: row.get(0),
                        algorithm: row.get(1),
                        scope: row.get(2),
                        public_half: row.get(3),
                    })
                    .collect()
            }),
        }
    }

    /// The sealed private half of a pair, from the store that it lies in by default.
    ///
    /// # Panics
    /// If the database does not answer.
    #[must_use]
    pub fn sealed_private_half(&self, serial: i64) -> Vec<u8> {
        match &self.place {
            Place::Sqlite(path) => {
                let question = format!("SELECT sealed FROM private_keys WHERE serial = {serial}");
                let blob: Blob = diesel::sql_query(question)
                    .get_result(&mut sqlite(&path.with_file_name("keys.db")))
                    .expect("an answer");
                blob.sealed
            }
            Place::Postgres(url) => on_a_thread(|| {
                let mut client = Client::connect(url, NoTls).expect("a connection");
                let schema: String = client
                    .query_one(
                        "SELECT table_schema FROM information_schema.tables \
                         WHERE table_name = 'private_keys'",
                        &[],
                    )
                    .expect("a table of private keys")
                    .get(0);
                let question =
                    format!("SELECT sealed FROM \"{schema}\".private_keys WHERE serial = $1");
                client
                    .query_one(&question, &[&serial])
                    .expect("an answer")
                    .get(0)
            }),
        }
    }

    /// All of it, as a reader of the database has it: the files of SQLite with their logs, or every
    /// row of every table of PostgreSQL as text.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn dump(&self) -> Vec<(String, Vec<u8>)> {
        match &self.place {
            Place::Sqlite(path) => {
                let folder = path.parent().expect("a folder");
                std::fs::read_dir(folder)
                    .expect("a folder")
                    .map(|entry| entry.expect("an entry").path())
                    .filter(|path| path.to_string_lossy().contains(".db"))
                    .map(|path| {
                        let name = path.file_name().unwrap_or_default().to_string_lossy();
                        (name.into_owned(), std::fs::read(&path).expect("a file"))
                    })
                    .collect()
            }
            Place::Postgres(url) => on_a_thread(|| dump_postgres(url)),
        }
    }
}

fn dump_postgres(url: &str) -> Vec<(String, Vec<u8>)> {
    let mut client = Client::connect(url, NoTls).expect("a connection");
    let tables = client
        .query(
            "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' \
             AND table_schema NOT IN ('pg_catalog', 'information_schema')",
            &[],
        )
        .expect("tables");
    tables
        .iter()
        .map(|row| {
            let table: String = row.get(0);
            let rows = client
                .query(&format!("SELECT t::text FROM {table} t"), &[])
                .expect("rows");
            let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            (table, lines.join("\n").into_bytes())
        })
        .collect()
}

fn sqlite(path: &Path) -> SqliteConnection {
    use diesel::connection::SimpleConnection as _;
    assert!(path.is_file(), "there is no {}", path.display());
    let path = path.to_str().expect("a UTF-8 path");
    let mut connection = SqliteConnection::establish(path).expect("a database file");
    // The service may be writing.
    connection
        .batch_execute("PRAGMA busy_timeout = 10000")
        .expect("a setting");
    connection
}

/// The client blocks on a runtime of its own, which panics inside another: it gets a thread.
fn on_a_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(act).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
