//! A PostgreSQL server of the tests' own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::identity::{ProcessIdentity, Signal};
use crate::install;
use crate::ports::PortLease;
use crate::postgres_access::PostgresAccess;
use crate::process::{Launch, Lifetime};
use crate::run_folder::RunFolder;
use crate::service::Service;
use crate::tls::TlsFiles;
use crate::tools;
use crate::unix_user::UnixUser;

/// After a crash the server replays its log, and waits for children of its predecessor.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a test needs of its server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether acknowledged commits are on the disk. Off for ordinary tests, which it makes faster;
    /// on for crash tests and honest benches.
    pub durable: bool,
    /// Whether clients may, or must, use TLS.
    pub tls: PostgresTls,
    /// How many connections there may be at once.
    pub max_connections: u32,
    /// More of `postgresql.conf`: name and value.
    pub settings: Vec<(String, String)>,
    /// More of the server's environment: name and value.
    pub environment: Vec<(String, String)>,
    /// Whether the server outlives the process that starts it; see [`Postgres::leave_running`].
    pub detached: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            durable: false,
            tls: PostgresTls::Off,
            max_connections: 200,
            settings: Vec::new(),
            environment: Vec::new(),
            detached: false,
        }
    }
}

/// TLS on the server's TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Plain connections only.
    Off,
    /// Plain and TLS connections.
    Offered,
    /// TLS connections only; the Unix socket stays plain.
    Required,
}

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Open transactions are rolled back, the data is written out.
    Fast,
    /// Everything stops at once; the next start recovers, as after a crash.
    Immediate,
    /// The postmaster is killed by `kill -9`.
    Kill,
}

/// A running PostgreSQL; stopped and removed on drop, and when its process is killed.
#[derive(Debug)]
pub struct Postgres {
    // Fields drop in this order: the server before its folder.
    service: Service,
    access: PostgresAccess,
    tls: Option<TlsFiles>,
    lease: PortLease,
    folder: RunFolder,
}

impl Postgres {
    /// Starts a new, empty server; installs one first where there is none.
    ///
    /// # Errors
    /// What the installation or the start met, with the server's last words.
    pub fn start(options: &PostgresOptions) -> Result<Self> {
        let cache = Cache::open()?;
        let user = UnixUser::instead_of_root()?;
        let binaries = install::postgres::binaries(&cache, user.is_some())?;
        let lease = PortLease::take(&cache)?;
        let folder = RunFolder::new("postgres")?;
        // The run's folder stays the starter's; all that PostgreSQL writes is in one of its own.
        let home = folder.path().join("pg");
        fs::create_dir(&home).map_err(|source| Error::file("create", &home, source))?;
        if let Some(user) = &user {
            user.own(&home)?;
        }
        initialize(&binaries, &home, user.as_ref())?;
        let tls = match options.tls {
            PostgresTls::Off => None,
            PostgresTls::Offered | PostgresTls::Required => {
                Some(certificates(&home, user.as_ref())?)
            }
        };
        configure(&home, options, tls.as_ref(), lease.port(), user.as_ref())?;

        let access = PostgresAccess::local(lease.port(), &home);
        let probed = access.clone();
        let mut service = Service::new(
            Launch {
                service: "PostgreSQL",
                program: binaries.join("postgres"),
                arguments: vec!["-D".into(), home.join("data").into()],
                environment: options.environment.clone(),
                user,
                log: folder.path().join("postgres.log"),
                folder: home,
                ready_within: READY_WITHIN,
                lifetime: if options.detached {
                    Lifetime::Detached
                } else {
                    // Immediate shutdown: no children and no shared memory stay behind.
                    Lifetime::OfItsStarter("QUIT")
                },
            },
            move || {
                probed
                    .execute("SELECT 1")
                    .map_err(|error| error.to_string())
            },
        );
        service.start()?;
        Ok(Self {
            service,
            access,
            tls,
            lease,
            folder,
        })
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> &PostgresAccess {
        &self.access
    }

    /// The URL of the administrative database, plain TCP.
    #[must_use]
    pub fn url(&self) -> String {
        self.access.url("postgres")
    }

    /// The URL of a database over verified TLS; `None` if the server was started without.
    #[must_use]
    pub fn tls_url(&self, database: &str) -> Option<String> {
        self.tls.as_ref().map(|tls| {
            format!(
                "{}?sslmode=verify-full&sslrootcert={}",
                self.access.url(database),
                tls.authority.display()
            )
        })
    }

    /// The certificates; `None` if the server was started without TLS.
    #[must_use]
    pub fn tls_files(&self) -> Option<&TlsFiles> {
        self.tls.as_ref()
    }

    /// Its TCP port on 127.0.0.1, the same after every restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// The postmaster's process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.service.pid()
    }

    /// What the server has logged.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn log(&self) -> Result<String> {
        self.service.log()
    }

    /// Stops it; port, data and databases stay for the next [`Postgres::start_again`].
    ///
    /// # Errors
    /// [`Error::WillNotStop`].
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        self.service.stop(match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
            StopMode::Kill => Signal::KILL,
        })
    }

    /// Starts it again on the same port and the same data.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_again(&mut self) -> Result<()> {
        const ATTEMPTS: u32 = 50;
        for _ in 1..ATTEMPTS {
            match self.service.start() {
                // Children of a killed postmaster hold its shared memory until they notice.
                Err(Error::EndedAtStart { output, .. })
                    if output.contains("shared memory block")
                        || output.contains("lock file \"postmaster.pid\" already exists") =>
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
                other => return other,
            }
        }
        self.service.start()
    }

    /// `pg_ctl restart -m immediate`: every connection breaks, the server recovers.
    ///
    /// # Errors
    /// As [`Postgres::stop`] and [`Postgres::start_again`].
    pub fn restart_immediate(&mut self) -> Result<()> {
        self.stop(StopMode::Immediate)?;
        self.start_again()
    }

    /// Gives up the server, which goes on; it must have been started `detached`. Whoever stops it
    /// removes the folder that is returned.
    ///
    /// # Errors
    /// [`Error::Other`] if it does not run.
    pub fn leave_running(mut self) -> Result<(ProcessIdentity, PathBuf)> {
        let identity = self.service.release()?;
        let path = self.folder.path().to_owned();
        self.folder.hand_over(identity)?;
        Ok((identity, path))
    }
}

fn initialize(binaries: &Path, home: &Path, user: Option<&UnixUser>) -> Result<()> {
    let initdb = binaries.join("initdb");
    let mut command = match user {
        None => Command::new(initdb),
        Some(user) => {
            let hint = "install util-linux, or run the tests as an ordinary user";
            let mut command = Command::new(tools::need("setpriv", hint)?);
            command.args(user.setpriv_arguments()).arg("--").arg(initdb);
            command
        }
    };
    command
        .args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ])
        .arg("-D")
        .arg(home.join("data"))
        .current_dir(home);
    tools::run(&mut command).map(drop)
}

fn certificates(home: &Path, user: Option<&UnixUser>) -> Result<TlsFiles> {
    let files = TlsFiles::create(home)?;
    if let Some(user) = user {
        // PostgreSQL refuses a key that belongs to somebody else than itself or root's group.
        user.own(&files.key)?;
        user.own(&files.certificate)?;
    }
    Ok(files)
}

fn configure(
    home: &Path,
    options: &PostgresOptions,
    tls: Option<&TlsFiles>,
    port: u16,
    user: Option<&UnixUser>,
) -> Result<()> {
    let mut lines = format!(
        "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\n\
         max_connections = {}\nlogging_collector = off\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n",
        home.display(),
        options.max_connections,
    );
    if !options.durable {
        lines.push_str("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n");
    }
    if let Some(tls) = tls {
        lines.push_str(&format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            tls.certificate.display(),
            tls.key.display()
        ));
    }
    for (name, value) in &options.settings {
        lines.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
    }
    let tcp = if options.tls == PostgresTls::Required {
        "hostssl"
    } else {
        "host"
    };
    let data = home.join("data");
    write(&data.join("ck-test.conf"), &lines, user)?;
    let main = data.join("postgresql.conf");
    let mut text =
        fs::read_to_string(&main).map_err(|source| Error::file("read", &main, source))?;
    text.push_str("\ninclude 'ck-test.conf'\n");
    write(&main, &text, user)?;
    write(
        &data.join("pg_hba.conf"),
        &format!("local all all trust\n{tcp} all all 127.0.0.1/32 trust\n"),
        user,
    )
}

fn write(path: &Path, text: &str, user: Option<&UnixUser>) -> Result<()> {
    fs::write(path, text).map_err(|source| Error::file("write", path, source))?;
    user.map_or(Ok(()), |user| user.own(path))
}
