//! The metadata behind the service's back: for preparing and counting, never while it is measured.

use std::path::PathBuf;
use std::process::Command;

use crypt_keeper_test_services::run;
use postgres::{Client, NoTls, SimpleQueryMessage};

use super::failed;
use super::programs::Programs;
use crate::step::Result;

/// A database of the service.
#[derive(Clone, Debug)]
pub(super) enum Database {
    /// A file, and the program that reads it (there may be no `sqlite3` on the machine).
    Sqlite { file: PathBuf, program: PathBuf },
    /// Its URL.
    Postgres(String),
}

impl Database {
    pub(super) fn sqlite(programs: &Programs, file: PathBuf) -> Self {
        Self::Sqlite {
            file,
            program: programs.ceilings.clone(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// How `ceilings store` is told of it.
    pub(super) fn argument(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => file.to_string_lossy().into_owned(),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Runs statements one after the other.
    pub(super) fn execute(&self, statements: &[String]) -> Result<()> {
        match self {
            Self::Sqlite { file, program } => {
                let mut command = Command::new(program);
                command.arg("sqlite-execute").arg(file).args(statements);
                run(&mut command)?;
            }
            Self::Postgres(url) => {
                let mut client = connect(url)?;
                for statement in statements {
                    client.batch_execute(statement).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// The rows of a query with one text column, named `line`.
    pub(super) fn lines(&self, query: &str) -> Result<Vec<String>> {
        Ok(match self {
            Self::Sqlite { file, program } => {
                let mut command = Command::new(program);
                command.arg("sqlite-lines").arg(file).arg(query);
                run(&mut command)?.lines().map(str::to_owned).collect()
            }
            Self::Postgres(url) => {
                let rows = connect(url)?.simple_query(query).map_err(failed)?;
                rows.iter()
                    .filter_map(|row| match row {
                        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                        _ => None,
                    })
                    .collect()
            }
        })
    }

    /// How many rows a table has.
    pub(super) fn count(&self, table: &str) -> Result<u64> {
        let count = format!("SELECT CAST(count(*) AS text) AS line FROM {table}");
        let lines = self.lines(&count)?;
        let line = lines.first().ok_or_else(|| failed("no count"))?;
        line.parse().map_err(failed)
    }

    /// How long PostgreSQL's write-ahead log has become, in bytes.
    pub(super) fn wal_bytes(&self) -> Result<u64> {
        let lines = self.lines("SELECT (pg_current_wal_lsn() - '0/0')::bigint AS line")?;
        let line = lines.first().ok_or_else(|| failed("no position"))?;
        line.parse().map_err(failed)
    }

    /// The ids of all documents.
    pub(super) fn document_ids(&self) -> Result<Vec<String>> {
        self.lines(match self {
            Self::Sqlite { .. } => "SELECT lower(hex(id)) AS line FROM documents",
            Self::Postgres(_) => "SELECT CAST(id AS text) AS line FROM documents",
        })
    }

    /// The columns of a table, in their order.
    pub(super) fn columns(&self, table: &str) -> Result<Vec<String>> {
        self.lines(&match self {
            Self::Sqlite { .. } => {
                format!("SELECT name AS line FROM pragma_table_info('{table}') ORDER BY cid")
            }
            Self::Postgres(_) => format!(
                "SELECT attname AS line FROM pg_attribute WHERE attrelid = '{table}'::regclass \
                 AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ),
        })
    }
}

fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls).map_err(failed)
}
