//! One server process: started, watched until it answers, stopped.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::identity::{ProcessIdentity, Signal};
use crate::tools;
use crate::unix_user::UnixUser;

/// How long a killed process may take to disappear.
const AFTER_KILL: Duration = Duration::from_secs(10);

/// How a server is started, as often as needed.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) service: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) user: Option<UnixUser>,
    pub(crate) folder: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) ready_within: Duration,
    pub(crate) lifetime: Lifetime,
}

/// What happens to a server when the process that started it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It gets the signal of this name from the kernel, however its starter ended.
    OfItsStarter(&'static str),
    /// It stays, in a session of its own.
    Detached,
}

/// A running server; killed on drop.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    service: &'static str,
    child: Child,
    log: PathBuf,
    killed_on_drop: bool,
}

impl ServerProcess {
    /// Starts the process; its output goes to the end of its log file.
    pub(crate) fn spawn(launch: &Launch) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&launch.log)
            .map_err(|source| Error::file("open", &launch.log, source))?;
        let errors = log
            .try_clone()
            .map_err(|source| Error::file("open", &launch.log, source))?;
        let mut command = command(launch)?;
        command
            .current_dir(&launch.folder)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        let child = spawn_from_lasting_thread(command)
            .map_err(|source| Error::file("start", &launch.program, source))?;
        Ok(Self {
            service: launch.service,
            child,
            log: launch.log.clone(),
            killed_on_drop: true,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks `probe` until it is content.
    pub(crate) fn wait_until_ready(
        &mut self,
        limit: Duration,
        probe: &dyn Fn() -> Result<(), String>,
    ) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return Err(Error::EndedAtStart {
                    service: self.service.to_owned(),
                    status,
                    log: self.log.clone(),
                    output: tools::last_lines_of(&self.log),
                });
            }
            match probe() {
                Ok(()) => return Ok(()),
                Err(reason) if Instant::now() >= deadline => {
                    return Err(Error::NotReady {
                        service: self.service.to_owned(),
                        seconds: limit.as_secs(),
                        reason,
                        log: self.log.clone(),
                        output: tools::last_lines_of(&self.log),
                    });
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Sends `signal`, waits, and kills what has not gone by then.
    pub(crate) fn stop(mut self, signal: Signal, patience: Duration) -> Result<()> {
        for (signal, patience) in [(signal, patience), (Signal::KILL, AFTER_KILL)] {
            self.signal(signal);
            let deadline = Instant::now() + patience;
            while Instant::now() < deadline {
                if self.ended().is_some() {
                    self.killed_on_drop = false;
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Err(Error::WillNotStop {
            service: self.service.to_owned(),
            pid: self.pid(),
            seconds: AFTER_KILL.as_secs(),
        })
    }

    /// Lets a detached process go on without this value.
    pub(crate) fn release(mut self) -> Result<ProcessIdentity> {
        let identity = ProcessIdentity::of(self.pid()).ok_or_else(|| {
            Error::Other(format!(
                "{} ended before it could be left running",
                self.service
            ))
        })?;
        self.killed_on_drop = false;
        Ok(identity)
    }

    fn signal(&self, signal: Signal) {
        // The child is not reaped before `ended` sees it end, so its id is still its own.
        if let Some(identity) = ProcessIdentity::of(self.pid()) {
            let _gone = identity.signal(signal);
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.killed_on_drop {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// `setpriv` (util-linux) changes the user and asks the kernel for a signal at the parent's death,
/// then becomes the program: the process id stays, and no unsafe code is needed between fork and
/// exec. Without it (not Linux) servers still end on drop, only not with a killed test.
fn command(launch: &Launch) -> Result<Command> {
    const HINT: &str = "install util-linux, or run the tests as an ordinary user";
    let mut words: Vec<OsString> = Vec::new();
    // `setsid` forks, and changes the process id, if it leads a process group already.
    let setsid = tools::find("setsid").filter(|_| launch.lifetime == Lifetime::Detached);
    let leads_group = setsid.is_none();
    words.extend(setsid.map(OsString::from));
    if let Some(user) = &launch.user {
        words.push(tools::need("setpriv", HINT)?.into());
        words.extend(user.setpriv_arguments().map(OsString::from));
        words.push("--".into());
    }
    if let Lifetime::OfItsStarter(signal) = launch.lifetime
        && let Some(setpriv) = tools::find("setpriv")
    {
        // After the change of user: that clears the request.
        words.push(setpriv.into());
        words.extend(["--pdeathsig".into(), signal.into(), "--".into()]);
    }
    words.push(launch.program.clone().into());
    words.extend(launch.arguments.iter().cloned());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    if leads_group {
        // Ctrl-C is for the test runner, which takes its servers along.
        command.process_group(0);
    }
    Ok(command)
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The kernel counts the *thread* that forked as the parent whose death is signalled, and each test
/// has a thread of its own. So one thread that lasts as long as the process starts all servers.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                // The caller waits for the answer; one that is gone kills nothing by its absence.
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, child) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts servers is gone");
    starter.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

/// The first answer line of `GET path` to a local port, for readiness.
pub(crate) fn http_status(port: u16, path: &str) -> Result<u16, String> {
    use std::io::{Read as _, Write as _};
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let limit = Duration::from_secs(1);
    let words = |error: io::Error| format!("GET {path} on port {port}: {error}");
    let mut stream = std::net::TcpStream::connect_timeout(&address, limit).map_err(words)?;
    stream.set_read_timeout(Some(limit)).map_err(words)?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes())
        .map_err(words)?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).map_err(words)?;
    String::from_utf8_lossy(&head)
        .rsplit(' ')
        .next()
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| format!("GET {path} on port {port}: not an HTTP answer"))
}

/// A log file's text, for tests that look into it.
pub(crate) fn log_text(log: &Path) -> Result<String> {
    std::fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|source| Error::file("read", log, source))
}
