//! What MinIO and versitygw have in common: one process, one port, one folder, one pair of keys.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::identity::{ProcessIdentity, Signal};
use crate::minio::MINIO;
use crate::ports::PortLease;
use crate::process::{Launch, Lifetime, http_status};
use crate::random;
use crate::run_folder::RunFolder;
use crate::s3::{REGION, S3Access};
use crate::service::Service;
use crate::versitygw::VERSITYGW;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a test needs of its S3 server.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    /// More environment variables for the server, such as notification targets: name and value.
    pub environment: Vec<(String, String)>,
    /// More options on its command line.
    pub arguments: Vec<String>,
    /// Whether the server outlives the process that starts it; see [`S3Server::leave_running`].
    pub detached: bool,
}

/// A running S3 server; killed and removed on drop, and when its process is killed.
#[derive(Debug)]
pub struct S3Server {
    // Fields drop in this order: the server before its folder.
    service: Service,
    access: S3Access,
    lease: PortLease,
    folder: RunFolder,
}

/// Environment variables: name and value.
pub(crate) type Variables = Vec<(String, String)>;

/// How one kind of server is told what it needs.
pub(crate) struct Kind {
    pub(crate) server: &'static str,
    pub(crate) program: fn(&Cache) -> Result<PathBuf>,
    /// A path, and the status that an unsigned GET of it gets once the server serves.
    pub(crate) ready: (&'static str, u16),
    pub(crate) folders: &'static [&'static str],
    pub(crate) arguments: fn(Place<'_>) -> Vec<OsString>,
    pub(crate) environment: fn(&S3Access) -> Result<Variables>,
}

/// Where a server listens and keeps its data.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) port: u16,
    pub(crate) folder: &'a Path,
    pub(crate) more: &'a [String],
}

impl S3Server {
    /// Starts a MinIO; installs it first where it is missing.
    ///
    /// # Errors
    /// What the installation or the start met, with the server's last words.
    pub fn start_minio(options: &S3Options) -> Result<Self> {
        Self::start_kind(&MINIO, options)
    }

    /// Starts a versitygw; installs it first where it is missing.
    ///
    /// # Errors
    /// What the installation or the start met, with the server's last words.
    pub fn start_versitygw(options: &S3Options) -> Result<Self> {
        Self::start_kind(&VERSITYGW, options)
    }

    fn start_kind(kind: &Kind, options: &S3Options) -> Result<Self> {
        let cache = Cache::open()?;
        let program = (kind.program)(&cache)?;
        let lease = PortLease::take(&cache)?;
        let port = lease.port();
        let folder = RunFolder::new(kind.server)?;
        for name in kind.folders {
            let path = folder.path().join(name);
            fs::create_dir(&path).map_err(|source| Error::file("create", &path, source))?;
        }
        let access = S3Access {
            server: kind.server,
            endpoint: format!("http://127.0.0.1:{port}"),
            region: REGION.to_owned(),
            access_key: random::hex(20)?,
            secret_key: random::hex(40)?,
        };
        let mut environment = (kind.environment)(&access)?;
        environment.extend(options.environment.iter().cloned());
        let place = Place {
            port,
            folder: folder.path(),
            more: &options.arguments,
        };
        let (path, expected) = kind.ready;
        let mut service = Service::new(
            Launch {
                service: kind.server,
                program,
                arguments: (kind.arguments)(place),
                environment,
                user: None,
                folder: folder.path().to_owned(),
                log: folder.path().join(format!("{}.log", kind.server)),
                ready_within: READY_WITHIN,
                lifetime: if options.detached {
                    Lifetime::Detached
                } else {
                    Lifetime::OfItsStarter("KILL")
                },
            },
            move || match http_status(port, path)? {
                status if status == expected => Ok(()),
                status => Err(format!("GET {path} answers {status} instead of {expected}")),
            },
        );
        service.start()?;
        Ok(Self {
            service,
            access,
            lease,
            folder,
        })
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> &S3Access {
        &self.access
    }

    /// Its endpoint, the same after every restart.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.access.endpoint
    }

    /// Its TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.service.pid()
    }

    /// What it has logged.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn log(&self) -> Result<String> {
        self.service.log()
    }

    /// Stops it for an outage; port, keys and data stay for [`S3Server::start_again`].
    ///
    /// # Errors
    /// [`Error::WillNotStop`].
    pub fn stop(&mut self) -> Result<()> {
        self.service.stop(Signal::TERM)
    }

    /// Ends it by `kill -9`.
    ///
    /// # Errors
    /// [`Error::WillNotStop`].
    pub fn kill(&mut self) -> Result<()> {
        self.service.stop(Signal::KILL)
    }

    /// Starts it again on the same port, with the same keys and data.
    ///
    /// # Errors
    /// What the start met, with the server's last words.
    pub fn start_again(&mut self) -> Result<()> {
        self.service.start()
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
