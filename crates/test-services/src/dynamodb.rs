//! A DynamoDB Local of the tests' own.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::Result;
use crate::identity::ProcessIdentity;
use crate::install;
use crate::ports::PortLease;
use crate::process::{Launch, Lifetime, http_status};
use crate::random;
use crate::run_folder::RunFolder;
use crate::service::Service;

const NAME: &str = "dynamodb";
/// A JVM that shares two processors with a build takes its time.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The region that requests are signed for.
pub(crate) const REGION: &str = "us-east-1";

/// How tests reach a DynamoDB Local, whoever started it. Tests isolate themselves by a prefix of
/// their tables' names, and delete the tables.
#[derive(Clone, PartialEq, Eq)]
pub struct DynamoDbAccess {
    /// Like `http://127.0.0.1:8000`, without a slash at the end.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key id: DynamoDB Local takes any.
    pub access_key: String,
    /// The secret access key: likewise.
    pub secret_key: String,
}

impl DynamoDbAccess {
    pub(crate) fn new(endpoint: &str) -> Result<Self> {
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: REGION.to_owned(),
            access_key: random::hex(20)?,
            secret_key: random::hex(40)?,
        })
    }

    /// A prefix of table names that no other test has.
    ///
    /// # Errors
    /// [`Error::Other`](crate::Error::Other) if there is no entropy to be had.
    pub fn fresh_prefix(&self) -> Result<String> {
        Ok(format!("t{}-", random::hex(12)?))
    }
}

impl fmt::Debug for DynamoDbAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DynamoDbAccess")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .field("secret_key", &"redacted")
            .finish()
    }
}

/// What a test needs of its DynamoDB Local.
#[derive(Clone, Copy, Debug, Default)]
pub struct DynamoDbOptions {
    /// Whether the server outlives the process that starts it; see
    /// [`DynamoDb::leave_running`].
    pub detached: bool,
}

/// A running DynamoDB Local; killed and removed on drop, and when its process is killed.
///
/// It listens on all interfaces and asks nobody who he is: it holds what tests make up.
#[derive(Debug)]
pub struct DynamoDb {
    // Fields drop in this order: the server before its folder.
    service: Service,
    access: DynamoDbAccess,
    lease: PortLease,
    folder: RunFolder,
}

impl DynamoDb {
    /// Starts a DynamoDB Local; installs it first where it is missing.
    ///
    /// # Errors
    /// What the installation or the start met, with the server's last words.
    pub fn start(options: &DynamoDbOptions) -> Result<Self> {
        let cache = Cache::open()?;
        let program = install::dynamodb::program(&cache)?;
        let lease = PortLease::take(&cache)?;
        let port = lease.port();
        let folder = RunFolder::new(NAME)?;

        let mut class_path = OsString::from(&program.libraries);
        class_path.push("/*");
        let mut libraries = OsString::from("-Djava.library.path=");
        libraries.push(&program.libraries);
        let mut arguments: Vec<OsString> =
            ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
                .map(OsString::from)
                .to_vec();
        arguments.extend([libraries, "-cp".into(), class_path]);
        arguments.push("software.amazon.dynamodb.services.local.main.ServerRunner".into());
        arguments.extend(["-port".into(), port.to_string().into()]);
        // One database, whatever the access key.
        arguments.extend(["-sharedDb".into(), "-disableTelemetry".into()]);
        // On the disk it would not be durable either: it answers transactions before they are there.
        arguments.push("-inMemory".into());
        let mut service = Service::new(
            Launch {
                service: NAME,
                program: program.java,
                arguments,
                environment: vec![("DDB_LOCAL_TELEMETRY".to_owned(), "0".to_owned())],
                user: None,
                folder: folder.path().to_owned(),
                log: folder.path().join("dynamodb.log"),
                ready_within: READY_WITHIN,
                lifetime: if options.detached {
                    Lifetime::Detached
                } else {
                    Lifetime::OfItsStarter("KILL")
                },
            },
            // It has no health page: a request without credentials is a bad one.
            move || match http_status(port, "/")? {
                400 => Ok(()),
                status => Err(format!("its answer is {status}")),
            },
        );
        service.start()?;
        Ok(Self {
            service,
            access: DynamoDbAccess::new(&format!("http://127.0.0.1:{port}"))?,
            lease,
            folder,
        })
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> &DynamoDbAccess {
        &self.access
    }

    /// Its TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// What it has logged.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File).
    pub fn log(&self) -> Result<String> {
        self.service.log()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.service.pid()
    }

    /// Gives up the server, which goes on; it must have been started `detached`. Whoever stops it
    /// removes the folder that is returned.
    ///
    /// # Errors
    /// [`Error::Other`](crate::Error::Other) if it does not run.
    pub fn leave_running(mut self) -> Result<(ProcessIdentity, PathBuf)> {
        let identity = self.service.release()?;
        let path = self.folder.path().to_owned();
        self.folder.hand_over(identity)?;
        Ok((identity, path))
    }
}
