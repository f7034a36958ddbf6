//! How tests reach a PostgreSQL, whoever started it, and make databases in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use crate::error::{Error, Result};
use crate::random;

/// How long a database that is being copied is waited for.
const COPY_PATIENCE: Duration = Duration::from_secs(30);

/// The place of a PostgreSQL server, with the rights to create databases.
#[derive(Clone)]
pub struct PostgresAccess {
    base: String,
    parameters: String,
    administrator: Config,
}

impl fmt::Debug for PostgresAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        formatter
            .debug_tuple("PostgresAccess")
            .field(&self.server())
            .finish()
    }
}

impl PostgresAccess {
    /// A server of our own: administered through its Unix socket, whatever its TLS asks.
    pub(crate) fn local(port: u16, socket_folder: &Path) -> Self {
        let mut administrator = Config::new();
        administrator
            .host_path(socket_folder)
            .port(port)
            .user("postgres")
            .dbname("postgres")
            .connect_timeout(Duration::from_secs(5));
        Self {
            base: format!("postgres://postgres@127.0.0.1:{port}"),
            parameters: String::new(),
            administrator,
        }
    }

    /// The server behind `postgres://USER[:PASSWORD]@HOST:PORT[/DATABASE][?PARAMETERS]`.
    ///
    /// # Errors
    /// [`Error::Setting`] for anything else, under the name `variable`.
    pub fn from_url(variable: &str, url: &str) -> Result<Self> {
        // The text is not repeated: it may hold a password.
        let problem = |why: &str| Error::Setting {
            variable: variable.to_owned(),
            problem: format!(
                "not a PostgreSQL URL ({why}); like postgres://postgres@127.0.0.1:5432"
            ),
        };
        let mut administrator: Config = url
            .parse()
            .map_err(|error: postgres::Error| problem(&error.to_string()))?;
        if administrator.get_dbname().is_none() {
            administrator.dbname("postgres");
        }
        let (front, parameters) = match url.split_once('?') {
            Some((front, parameters)) => (front, format!("?{parameters}")),
            None => (url, String::new()),
        };
        let (scheme, rest) = front
            .split_once("://")
            .ok_or_else(|| problem("no scheme before ://"))?;
        let authority = rest.split('/').next().unwrap_or(rest);
        Ok(Self {
            base: format!("{scheme}://{authority}"),
            parameters,
            administrator,
        })
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.base, self.parameters)
    }

    /// Creates a database, as a copy of `template` if one is named.
    ///
    /// # Errors
    /// [`Error::Database`], after waiting for a template in use.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<()> {
        let mut statement = format!("CREATE DATABASE {}", quoted(name));
        if let Some(template) = template {
            statement.push_str(&format!(" TEMPLATE {}", quoted(template)));
        }
        let deadline = Instant::now() + COPY_PATIENCE;
        loop {
            match self.run(&statement) {
                // Somebody else copies the same template at this moment.
                Err(Failure {
                    code: Some(SqlState::OBJECT_IN_USE),
                    ..
                }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => return other.map_err(|failure| self.error(failure)),
            }
        }
    }

    /// Creates a database whose name, `<prefix>_<random>`, nobody else has, and gives the name.
    ///
    /// # Errors
    /// As [`PostgresAccess::create_database`].
    pub fn create_fresh_database(&self, prefix: &str, template: Option<&str>) -> Result<String> {
        let name = format!("{prefix}_{}", random::hex(12)?);
        self.create_database(&name, template)?;
        Ok(name)
    }

    /// Drops a database if it is there, and disconnects its clients.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn drop_database(&self, name: &str) -> Result<()> {
        self.execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            quoted(name)
        ))
    }

    /// Runs statements as the administrator, in the administrative database.
    ///
    /// # Errors
    /// [`Error::Database`] with what the server said.
    pub fn execute(&self, statements: &str) -> Result<()> {
        self.run(statements).map_err(|failure| self.error(failure))
    }

    /// The client blocks on a runtime of its own, which panics inside another: it gets a thread.
    fn run(&self, statements: &str) -> std::result::Result<(), Failure> {
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let mut client: Client = self.administrator.connect(NoTls)?;
                    client.batch_execute(statements)
                })
                .join()
        })
        .map_err(|_| Failure {
            code: None,
            message: "the administrator's thread died".into(),
        })?
        .map_err(|error| Failure {
            code: error.code().cloned(),
            message: match error.as_db_error() {
                Some(refusal) => format!("{}: {}", refusal.severity(), refusal.message()),
                None => with_sources(&error),
            },
        })
    }

    fn error(&self, failure: Failure) -> Error {
        Error::Database {
            server: self.server(),
            message: failure.message,
        }
    }

    fn server(&self) -> String {
        let host = self.base.rsplit_once('@').map_or("", |(_, host)| host);
        if host.is_empty() {
            self.base.clone()
        } else {
            host.to_owned()
        }
    }

    /// The folder of the server's Unix socket, if it is reached through one.
    #[must_use]
    pub fn socket_folder(&self) -> Option<PathBuf> {
        self.administrator
            .get_hosts()
            .iter()
            .find_map(|host| match host {
                postgres::config::Host::Unix(folder) => Some(folder.clone()),
                postgres::config::Host::Tcp(_) => None,
            })
    }
}

struct Failure {
    code: Option<SqlState>,
    message: String,
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_user_and_parameters_and_changes_its_database() {
        let access =
            PostgresAccess::from_url("V", "postgres://u:p%40ss@db:5433/x?sslmode=disable").unwrap();
        assert_eq!(
            access.url("mine"),
            "postgres://u:p%40ss@db:5433/mine?sslmode=disable"
        );
        assert_eq!(
            format!("{access:?}"),
            "PostgresAccess(\"db:5433\")",
            "no password"
        );
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        let error = PostgresAccess::from_url("CK_TEST_POSTGRES_URL", "hunter2").unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("CK_TEST_POSTGRES_URL is not a PostgreSQL URL"),
            "{message}"
        );
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(
            quoted("a\"; DROP DATABASE x; --"),
            "\"a\"\"; DROP DATABASE x; --\""
        );
    }
}
