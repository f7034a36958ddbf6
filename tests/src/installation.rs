//! A configured service that need not run: its folder, its settings, the commands of its operator.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crypt_keeper_test_services::{PortLease, PostgresAccess};
use serde_json::Value;

use crate::{Database, Parts, Stored, Tables, binaries, random};

/// Where the metadata of an installation are.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file.
    Sqlite(PathBuf),
    /// The URL of a database.
    Postgres(String),
}

/// A service's folder and settings; databases, tables and folder go with it.
#[derive(Debug)]
pub struct Installation {
    folder: tempfile::TempDir,
    settings: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    port: PortLease,
    /// Where its databases are.
    postgres: Option<PostgresAccess>,
    database: Option<String>,
    key_store: Option<String>,
    tables: Option<Tables>,
}

impl Installation {
    /// A new one over `parts`, not set up yet, on a port of its own.
    ///
    /// # Panics
    /// If a folder, a port or a database cannot be had.
    #[must_use]
    pub fn new(parts: &Parts) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("crypt-keeper-")
            .tempdir()
            .expect("a folder");
        let data = folder.path().join("data");
        let port = PortLease::free().expect("a port");
        let mut installation = Self {
            folder,
            settings: BTreeMap::new(),
            environment: BTreeMap::new(),
            port,
            postgres: parts.postgres.clone(),
            database: None,
            key_store: None,
            tables: None,
        };
        let listen = format!("127.0.0.1:{}", installation.port.port());
        installation.set("HTTP__LISTEN", &listen);
        installation.set("DATA_DIR", data.to_str().expect("a UTF-8 path"));
        if parts.shared_pairs {
            installation.set("KEYS__SCOPE", "shared");
        }
        if let Some(dynamodb) = &parts.dynamodb {
            let tables = Tables::fresh(dynamodb);
            installation.set("METADATA__BACKEND", "dynamodb");
            installation.set("METADATA__DYNAMODB__ENDPOINT", &dynamodb.endpoint);
            installation.set("METADATA__DYNAMODB__REGION", &dynamodb.region);
            installation.set("METADATA__DYNAMODB__TABLE_PREFIX", tables.prefix());
            installation.set_variable("AWS_ACCESS_KEY_ID", &dynamodb.access_key);
            installation.set_variable("AWS_SECRET_ACCESS_KEY", &dynamodb.secret_key);
            installation.tables = Some(tables);
        } else if let Some(postgres) = &parts.postgres {
            let database = postgres
                .create_fresh_database("e2e", None)
                .expect("a database");
            let url = postgres.url(&database);
            installation.set("METADATA__BACKEND", "postgres");
            installation.set("METADATA__POSTGRES__URL", &url);
            installation.database = Some(database);
        }
        if let Some(s3) = &parts.s3 {
            installation.set("BLOBS__BACKEND", "s3");
            let bucket = format!("e2e-{}", hex::encode(random::<8>()));
            installation.set("BLOBS__S3__BUCKET", &bucket);
            installation.set("BLOBS__S3__REGION", &s3.region);
            installation.set("BLOBS__S3__ENDPOINT", &s3.endpoint);
            installation.set("BLOBS__S3__PATH_STYLE", "true");
            // DynamoDB Local takes any, also those of the bucket.
            installation.set_variable("AWS_ACCESS_KEY_ID", &s3.access_key);
            installation.set_variable("AWS_SECRET_ACCESS_KEY", &s3.secret_key);
        }
        installation
    }

    /// The same service once more, on a port of its own: the same data and settings. It must go
    /// before this one does.
    ///
    /// # Panics
    /// If a folder or a port cannot be had.
    #[must_use]
    pub fn twin(&self) -> Self {
        let folder = tempfile::Builder::new().prefix("crypt-keeper-").tempdir();
        let mut twin = Self {
            folder: folder.expect("a folder"),
            settings: self.settings.clone(),
            environment: self.environment.clone(),
            port: PortLease::free().expect("a port"),
            postgres: None,
            database: None,
            key_store: None,
            tables: None,
        };
        let listen = format!("127.0.0.1:{}", twin.port.port());
        twin.set("HTTP__LISTEN", &listen);
        twin
    }

    /// Keeps the sealed private halves in a database of their own.
    ///
    /// # Panics
    /// If there is no PostgreSQL, or it makes no database.
    pub fn separate_key_store(&mut self) {
        let postgres = self.postgres.clone().expect("PostgreSQL");
        let name = postgres.create_fresh_database("keys", None);
        let name = name.expect("a database");
        self.set("KEYS__SEALED__URL", &postgres.url(&name));
        self.key_store = Some(name);
    }

    /// The names of its databases: the metadata's, and the key store's if that is another.
    ///
    /// # Panics
    /// If the metadata are not in PostgreSQL.
    #[must_use]
    pub fn databases(&self) -> (PostgresAccess, String, Option<String>) {
        let postgres = self.postgres.clone().expect("PostgreSQL");
        let metadata = self.database.clone().expect("metadata in PostgreSQL");
        (postgres, metadata, self.key_store.clone())
    }

    /// Whether a first start makes all it needs.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        !self.settings.contains_key("METADATA__BACKEND")
            && !self.settings.contains_key("BLOBS__BACKEND")
            && !self.settings.contains_key("KEYS__MASTER_KEY_FILE")
    }

    /// Makes what the embedded default makes by itself: a master key, the schema, the bucket, the
    /// first key pair; and beside DynamoDB, which keeps no private halves, a database for them.
    ///
    /// # Panics
    /// If a command fails.
    pub fn set_up(&mut self) {
        if self.is_embedded() {
            return;
        }
        let file = self.path("master.key");
        let file = file.to_str().expect("a UTF-8 path").to_owned();
        self.succeeds(&["master-key", "new", &file]);
        self.set("KEYS__MASTER_KEY_FILE", &file);
        if self.tables.is_some() {
            self.separate_key_store();
        }
        self.succeeds(&["setup"]);
    }

    /// Sets `CRYPT_KEEPER__<name>`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Unsets `CRYPT_KEEPER__<name>`.
    pub fn unset(&mut self, name: &str) {
        self.settings.remove(name);
    }

    /// What `CRYPT_KEEPER__<name>` is set to.
    ///
    /// # Panics
    /// If it is not set.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        self.settings
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not set"))
    }

    /// Sets any other variable.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// The other variables.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Writes its settings into a file, for a command of another one.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn write_configuration(&self) -> PathBuf {
        let line = |(name, value): (&String, &String)| {
            let key = name.to_lowercase().replace("__", ".");
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{key} = \"{value}\"\n")
        };
        let file = self.path("configuration.toml");
        let text: String = self.settings.iter().map(line).collect();
        std::fs::write(&file, text).expect("a written file");
        file
    }

    /// A path of its folder, beside the data folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        PathBuf::from(self.setting("DATA_DIR"))
    }

    /// The file of the master key ring in use.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        self.settings
            .get("KEYS__MASTER_KEY_FILE")
            .map_or_else(|| self.data().join("master.key"), PathBuf::from)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.port()))
    }

    /// The metadata in SQLite or PostgreSQL, past the service.
    ///
    /// # Panics
    /// If they are in DynamoDB.
    #[must_use]
    pub fn database(&self) -> Database {
        assert!(self.tables.is_none(), "its metadata are in DynamoDB");
        Database::open(&match (&self.postgres, &self.database) {
            // Past every proxy that the service may have to go through.
            (Some(postgres), Some(database)) => Place::Postgres(postgres.url(database)),
            _ => Place::Sqlite(self.data().join("metadata.db")),
        })
    }

    /// The metadata, past the service, wherever they are.
    #[must_use]
    pub fn stored(&self) -> Stored {
        match &self.tables {
            Some(tables) => Stored::DynamoDb(tables.clone()),
            None => Stored::Sql(self.database()),
        }
    }

    /// A command of the operator, in its folder, under its settings and no other variables.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&binaries().server);
        self.prepare(&mut command, arguments);
        command
    }

    pub(crate) fn prepare(&self, command: &mut Command, arguments: &[&str]) {
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("RUST_BACKTRACE", "1")
            .envs(&self.environment)
            .envs(
                self.settings
                    .iter()
                    .map(|(name, value)| (format!("CRYPT_KEEPER__{name}"), value)),
            )
            .stdin(Stdio::null());
    }

    /// Runs a command of the operator to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the command runs")
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "crypt-keeper {}: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command that prints a JSON object a line, and kills it -9 once it has printed enough;
    /// whether it came to its end before.
    ///
    /// # Panics
    /// If it fails, or prints something else.
    pub fn killed_once(&self, arguments: &[&str], mut enough: impl FnMut(&Value) -> bool) -> bool {
        let mut command = self.command(arguments);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let printed = BufReader::new(child.stdout.take().expect("a pipe"));
        for line in printed.lines() {
            let line = line.expect("a line");
            if enough(&serde_json::from_str(&line).expect("JSON")) {
                break;
            }
        }
        // It may be at its end by now: then this does nothing.
        let _ = child.kill();
        let output = child.wait_with_output().expect("the command ends");
        assert!(
            output.status.success() || output.status.code().is_none(),
            "crypt-keeper {}: {}\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr),
        );
        output.status.success()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(postgres) = &self.postgres {
            for database in self.database.iter().chain(&self.key_store) {
                // A server that a test has stopped keeps its databases to itself, and goes soon.
                let _ = postgres.drop_database(database);
            }
        }
        if let Some(tables) = &self.tables {
            tables.delete();
        }
    }
}
