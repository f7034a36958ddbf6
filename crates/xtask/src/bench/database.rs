//! The metadata behind the service's back: for preparing and counting, never while it is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services::{DynamoDb, DynamoDbAccess, run};
use postgres::{Client, NoTls, SimpleQueryMessage};

use super::failed;
use super::programs::Programs;
use crate::step::{Failure, Result};

/// A database of the service.
#[derive(Clone, Debug)]
pub(super) enum Database {
    /// A file, and the program that reads it (there may be no `sqlite3` on the machine).
    Sqlite { file: PathBuf, program: PathBuf },
    /// Its URL.
    Postgres(String),
    /// The tables of a prefix, the URL of the database of the private halves, which do not lie in
    /// DynamoDB, and the program that reads the tables.
    DynamoDb {
        access: DynamoDbAccess,
        prefix: String,
        private_halves: String,
        program: PathBuf,
    },
}

impl Database {
    pub(super) fn sqlite(programs: &Programs, file: PathBuf) -> Self {
        Self::Sqlite {
            file,
            program: programs.ceilings.clone(),
        }
    }

    pub(super) fn dynamodb(
        programs: &Programs,
        server: &DynamoDb,
        private_halves: String,
    ) -> Result<Self> {
        let access = server.access().clone();
        Ok(Self::DynamoDb {
            prefix: access.fresh_prefix()?,
            access,
            private_halves,
            program: programs.ceilings.clone(),
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
            Self::DynamoDb { .. } => "DynamoDB Local",
        }
    }

    /// The settings of a service that is to use it; SQLite is the default, in its data folder.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sqlite { .. } => Vec::new(),
            Self::Postgres(url) => vec![
                ("metadata.backend", "postgres".to_owned()),
                ("metadata.postgres.url", url.clone()),
            ],
            Self::DynamoDb {
                access,
                prefix,
                private_halves,
                ..
            } => vec![
                ("metadata.backend", "dynamodb".to_owned()),
                ("metadata.dynamodb.endpoint", access.endpoint.clone()),
                ("metadata.dynamodb.region", access.region.clone()),
                ("metadata.dynamodb.table_prefix", prefix.clone()),
                ("keys.sealed.url", private_halves.clone()),
            ],
        }
    }

    /// The variables that a program needs to reach it.
    pub(super) fn variables(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Sqlite { .. } | Self::Postgres(_) => Vec::new(),
            Self::DynamoDb { access, .. } => vec![
                ("AWS_ACCESS_KEY_ID", &access.access_key),
                ("AWS_SECRET_ACCESS_KEY", &access.secret_key),
                ("AWS_REGION", &access.region),
            ],
        }
    }

    /// What the program `ceilings` says to a command about it.
    fn ask(&self, ceilings: &Path, command: &str, more: &[&str]) -> Result<String> {
        let mut ceilings = Command::new(ceilings);
        ceilings
            .arg(command)
            .arg(self.argument())
            .args(more)
            .envs(self.variables());
        Ok(run(&mut ceilings)?)
    }

    /// The number that `ceilings` answers a command about it with.
    pub(super) fn ceiling(&self, programs: &Programs, command: &str, more: &[&str]) -> Result<f64> {
        let said = self.ask(&programs.ceilings, command, more)?;
        said.trim().parse().map_err(failed)
    }

    /// How `ceilings` is told of it.
    pub(super) fn argument(&self) -> String {
        match self {
            Self::Sqlite { file, .. } => file.to_string_lossy().into_owned(),
            Self::Postgres(url) => url.clone(),
            Self::DynamoDb { access, prefix, .. } => {
                format!("dynamodb:{prefix}@{}", access.endpoint)
            }
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
            Self::DynamoDb { .. } => return Err(no_sql()),
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
            Self::DynamoDb { .. } => return Err(no_sql()),
        })
    }

    /// How many rows a table has.
    pub(super) fn count(&self, table: &str) -> Result<u64> {
        let count = format!("SELECT CAST(count(*) AS text) AS line FROM {table}");
        let lines = self.lines(&count)?;
        let line = lines.first().ok_or_else(|| failed("no count"))?;
        line.parse().map_err(failed)
    }

    /// Makes a partition, like `1/20200101`.
    pub(super) fn make_partition(&self, programs: &Programs, partition: &str) -> Result<()> {
        self.ask(&programs.ceilings, "make-partition", &[partition])
            .map(drop)
    }

    /// How long PostgreSQL's write-ahead log has become, in bytes.
    pub(super) fn wal_bytes(&self) -> Result<u64> {
        let lines = self.lines("SELECT (pg_current_wal_lsn() - '0/0')::bigint AS line")?;
        let line = lines.first().ok_or_else(|| failed("no position"))?;
        line.parse().map_err(failed)
    }

    /// The ids of all documents.
    pub(super) fn document_ids(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite { .. } => self.lines("SELECT lower(hex(id)) AS line FROM documents"),
            Self::Postgres(_) => self.lines("SELECT CAST(id AS text) AS line FROM documents"),
            Self::DynamoDb { program, .. } => {
                let ids = self.ask(program, "document-ids", &[])?;
                Ok(ids.lines().map(str::to_owned).collect())
            }
        }
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
            Self::DynamoDb { .. } => return Err(no_sql()),
        })
    }
}

fn no_sql() -> Failure {
    failed("DynamoDB takes no SQL")
}

fn connect(url: &str) -> Result<Client> {
    Client::connect(url, NoTls).map_err(failed)
}
