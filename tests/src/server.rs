//! A running service.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{ProcessIdentity, Signal};

use crate::{Account, Api, Ckc, Installation, Parts, binaries, http};

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A service at work, or stopped for a while; killed on drop.
#[derive(Debug)]
pub struct Server {
    /// Its settings; changes count from the next start.
    pub installation: Installation,
    child: Option<Child>,
    log: PathBuf,
}

impl Server {
    /// Sets up a new installation over `parts`, starts it, and waits until it is ready.
    ///
    /// # Panics
    /// If it ends, or is not ready within a minute; its log is quoted.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        let mut installation = Installation::new(parts);
        installation.set_up();
        Self::start_installation(installation)
    }

    /// Starts an installation that is set up.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn start_installation(installation: Installation) -> Self {
        let mut server = Self::of(installation);
        server.start_again();
        server
    }

    /// Starts an installation that is set up, and does not wait until it is ready.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn_installation(installation: Installation) -> Self {
        let mut server = Self::of(installation);
        server.spawn();
        server
    }

    fn of(installation: Installation) -> Self {
        Self {
            log: installation.path("server.log"),
            installation,
            child: None,
        }
    }

    /// Starts it after a stop, on the same port and the same data.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_again(&mut self) {
        self.spawn();
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            assert!(
                self.is_running(),
                "the service ended at start:\n{}",
                self.log()
            );
            assert!(
                Instant::now() < deadline,
                "the service is not ready:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it and does not wait.
    ///
    /// # Panics
    /// If it runs already, or cannot be started.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log file");
        // A killed test takes its service along: the kernel does it, at the death of the thread
        // that starts it, which is the test's.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(&binaries().server);
        self.installation.prepare(&mut command, &["serve"]);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdout(log.try_clone().expect("a log file"));
        command.stderr(log);
        self.child = Some(command.spawn().expect("the service starts"));
    }

    /// Whether the process is there.
    ///
    /// # Panics
    /// If the operating system does not say.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| child.try_wait().expect("its state").is_none())
    }

    /// Whether every part says that it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        http::request(self.address(), "GET", "/readyz", &[], &[])
            .is_ok_and(|answer| answer.status == 200)
    }

    /// Ends it by `kill -9`.
    ///
    /// # Panics
    /// If it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("a killed process");
        child.wait().expect("its end");
    }

    /// Asks it to stop (SIGTERM), and waits.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let identity = ProcessIdentity::of(child.id()).expect("it runs");
        assert!(identity.signal(Signal::TERM), "it runs");
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            if let Some(status) = child.try_wait().expect("its state") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the service does not stop:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Everything it has written to both outputs, over all starts.
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log")).into_owned()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.installation.address()
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Makes a user with an API key, beside the running service.
    ///
    /// # Panics
    /// If the command fails, or prints something else than one key.
    #[must_use]
    pub fn user(&self, name: &str) -> Account {
        let printed = self
            .installation
            .succeeds(&["user", "add", name, "--api-key"]);
        let key = printed.trim_end_matches('\n').to_owned();
        assert!(
            key.starts_with("ck_")
                && key
                    .bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()),
            "stdout must hold the key alone: {} lines",
            printed.lines().count()
        );
        Account {
            name: name.to_owned(),
            key,
        }
    }

    /// A terminal of that user.
    #[must_use]
    pub fn ckc(&self, account: &Account) -> Ckc {
        Ckc::new()
            .with("CKC_URL", &self.url())
            .with("CKC_USER", &account.name)
            .with("CKC_API_KEY", &account.key)
    }

    /// Version 1 of the API as that user.
    #[must_use]
    pub fn api(&self, account: &Account) -> Api {
        Api::new(self.address(), account)
    }

    /// What it counts, as it says it.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn metrics(&self) -> String {
        http::request(self.address(), "GET", "/metrics", &[], &[])
            .expect("metrics")
            .text()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(15)..];
            eprintln!("--- the service's last lines\n{}\n---", last.join("\n"));
        }
    }
}
