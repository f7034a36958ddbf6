//! The service under test: set up by its own commands, started as its users start it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{PortLease, ProcessIdentity, S3Access, Signal, run};
use tempfile::TempDir;

use super::database::Database;
use super::programs::Programs;
use super::{failed, http};
use crate::step::Result;

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A user of the service, and the API key that was made for the run.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) key: String,
}

impl Account {
    /// The value of the header `Authorization`.
    pub(super) fn authorization(&self) -> String {
        format!("ApiKey {}:{}", self.name, self.key)
    }

    /// The public part of the API key.
    pub(super) fn key_id(&self) -> &str {
        self.key.split('_').nth(1).unwrap_or_default()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({})", self.name)
    }
}

/// A folder for what a run writes, on a disk: `/tmp` may be memory.
pub(super) fn folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("crypt-keeper-bench-")
        .tempdir_in("/var/tmp")
        .map_err(failed)
}

/// A service; it is killed on drop, and its folder removed.
#[derive(Debug)]
pub(super) struct Service {
    // Fields drop in this order: the process before its folder.
    process: Option<Process>,
    program: PathBuf,
    settings: BTreeMap<String, String>,
    account: Account,
    database: Database,
    port: PortLease,
    folder: TempDir,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    /// A new one, set up and started: metadata in SQLite, or in the database of `postgres`; objects
    /// in a folder, or in a bucket of `s3`.
    pub(super) fn start(
        programs: &Programs,
        postgres: Option<String>,
        s3: Option<&S3Access>,
    ) -> Result<Self> {
        Self::start_with(programs, postgres, s3, &[])
    }

    /// The same with more settings, such as `KEYS__ALGORITHM`.
    pub(super) fn start_with(
        programs: &Programs,
        postgres: Option<String>,
        s3: Option<&S3Access>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_on(programs, postgres.map(Database::Postgres), s3, settings)
    }

    /// The same with metadata in any database; in SQLite if none is named.
    pub(super) fn start_on(
        programs: &Programs,
        database: Option<Database>,
        s3: Option<&S3Access>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let folder = folder()?;
        let port = PortLease::free()?;
        let database = database
            .unwrap_or_else(|| Database::sqlite(programs, folder.path().join("data/metadata.db")));
        let mut service = Self {
            process: None,
            program: programs.service.clone(),
            settings: BTreeMap::new(),
            account: Account {
                name: "bench".to_owned(),
                key: String::new(),
            },
            database,
            port,
            folder,
        };
        service.place();
        for (name, value) in settings {
            service.set(name, value);
        }
        if let Some(s3) = s3 {
            for (name, value) in [
                ("BLOBS__BACKEND", "s3"),
                ("BLOBS__S3__BUCKET", "bench"),
                ("BLOBS__S3__REGION", &s3.region),
                ("BLOBS__S3__ENDPOINT", &s3.endpoint),
                ("BLOBS__S3__PATH_STYLE", "true"),
            ] {
                service.set(name, value);
            }
            let settings = &mut service.settings;
            settings.insert("AWS_ACCESS_KEY_ID".into(), s3.access_key.clone());
            settings.insert("AWS_SECRET_ACCESS_KEY".into(), s3.secret_key.clone());
        }
        let master_key = service.path("master.key");
        run(service
            .command()
            .args(["master-key", "new"])
            .arg(&master_key))?;
        service.set("KEYS__MASTER_KEY_FILE", &master_key.to_string_lossy());
        run(service.command().arg("setup"))?;
        let key = run(service
            .command()
            .args(["user", "add", &service.account.name, "--api-key"]))?;
        key.trim().clone_into(&mut service.account.key);
        service.resume()?;
        Ok(service)
    }

    /// Another one with the same users and documents. `postgres` names a copy of the database.
    /// This one must be stopped.
    pub(super) fn copy(&self, programs: &Programs, postgres: Option<String>) -> Result<Self> {
        let folder = folder()?;
        run(Command::new("cp")
            .arg("-a")
            .arg(self.folder.path().join("."))
            .arg(folder.path()))?;
        let database = match postgres {
            Some(url) => Database::Postgres(url),
            None => Database::sqlite(programs, folder.path().join("data/metadata.db")),
        };
        let mut copy = Self {
            process: None,
            program: self.program.clone(),
            settings: self.settings.clone(),
            account: self.account.clone(),
            database,
            port: PortLease::free()?,
            folder,
        };
        copy.place();
        let master_key = copy.path("master.key");
        copy.set("KEYS__MASTER_KEY_FILE", &master_key.to_string_lossy());
        Ok(copy)
    }

    /// Tells it its own folder, port and database.
    fn place(&mut self) {
        let address = self.address().to_string();
        let data = self.path("data");
        self.set("HTTP__LISTEN", &address);
        self.set("DATA_DIR", &data.to_string_lossy());
        for (name, value) in self.database.clone().variables() {
            self.settings.insert(name.to_owned(), value.to_owned());
        }
        for (name, value) in self.database.settings() {
            self.set(&name.replace('.', "__").to_uppercase(), &value);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = format!("CRYPT_KEEPER__{name}");
        self.settings.insert(name, value.to_owned());
    }

    /// Starts it, and waits until it is ready.
    pub(super) fn resume(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("service.log"))
            .map_err(failed)?;
        let mut command = self.command();
        command
            .arg("serve")
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log);
        let mut process = Process(command.spawn().map_err(failed)?);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Ok((200, _)) = http::send(self.address(), "GET", "/readyz", None, &[]) {
                break;
            }
            if process.0.try_wait().map_err(failed)?.is_some() || Instant::now() > deadline {
                return Err(failed(format!(
                    "the service is not ready; it said:\n{}",
                    fs::read_to_string(self.path("service.log")).unwrap_or_default()
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let identity = ProcessIdentity::of(process.0.id());
        let told = identity.is_some_and(|identity| identity.signal(Signal::TERM));
        let deadline = Instant::now() + STOPPED_WITHIN;
        while told && process.0.try_wait().map_err(failed)?.is_none() {
            if Instant::now() > deadline {
                return Err(failed("the service does not stop"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> Result<u32> {
        let process = self.process.as_ref();
        process
            .map(|process| process.0.id())
            .ok_or_else(|| failed("the service does not run"))
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.port()))
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// A path in its folder, beside its data.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of its commands, under its settings and no other variables. It dies with this process.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .current_dir(self.folder.path());
        bare(&mut command, self.folder.path());
        command.envs(&self.settings);
        command
    }
}

/// Takes away what the environment might tell a program of ours.
pub(super) fn bare(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
}
