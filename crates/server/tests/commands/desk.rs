//! An operator's desk: a folder, an environment, and perhaps a service that runs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::words;

pub(crate) struct Desk {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    key_ids: Mutex<Vec<String>>,
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one line on stdout, of a command that succeeded.
    pub(crate) fn line(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.stderr);
        let line = self.stdout.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{line}");
        line
    }

    /// stdout as JSON, one value a line.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }
}

impl Desk {
    /// Nothing was set up yet.
    pub(crate) fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            key_ids: Mutex::default(),
        }
    }

    /// After `crypt-keeper setup`.
    pub(crate) fn set_up() -> Self {
        let desk = Self::bare();
        let ran = desk.run(&["setup"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        desk
    }

    pub(crate) fn with(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.set(variable, value);
        self
    }

    pub(crate) fn set(&mut self, variable: &str, value: impl Into<String>) {
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.to_owned(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.path("crypt-keeper-data").join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crypt-keeper"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command whose standard error is a terminal, and nothing else of it.
    pub(crate) fn run_at_terminal(&self, arguments: &[&str]) -> Ran {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap().into_bytes();
        let name = PathBuf::from(OsString::from_vec(name));
        let stderr = File::options().read(true).write(true).open(name).unwrap();
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(stderr);
        let child = command.spawn().unwrap();
        // It has the terminal open as well.
        drop(command);
        let mut screen = File::from(screen);
        let (mut shown, mut buffer) = (Vec::new(), [0; 4096]);
        // At the end, when nobody has the other side open, reading fails.
        while let Ok(length @ 1..) = screen.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..length]);
        }
        let mut output = child.wait_with_output().unwrap();
        output.stderr = shown;
        Ran::of(output)
    }

    /// Runs command lines, words split at blanks, and writes down what one sees.
    pub(crate) fn type_in(&self, lines: &[&str]) -> String {
        let mut transcript = String::new();
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            let ran = self.run(&words);
            transcript.push_str(&format!("$ crypt-keeper {line}\n{}", ran.stdout));
            for line in ran.stderr.lines() {
                transcript.push_str(&format!("| {line}\n"));
            }
            if ran.code != 0 {
                transcript.push_str(&format!("exit code {}\n", ran.code));
            }
        }
        let folder = self.folder.path().to_string_lossy().into_owned();
        words::replace(
            &transcript.replace(&folder, "~"),
            &mut self.key_ids.lock().unwrap(),
        )
    }

    /// A newer version has migrated the metadata database.
    pub(crate) fn make_newer(&self) {
        self.sql("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')");
    }

    /// Runs statements in the metadata database, past everything.
    pub(crate) fn sql(&self, statements: &str) {
        use diesel::connection::SimpleConnection as _;
        use diesel::{Connection as _, SqliteConnection};
        let path = self.data("metadata.db");
        let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        database
            .batch_execute(&format!("PRAGMA busy_timeout = 10000; {statements}"))
            .unwrap();
    }

    /// Runs the same command in two processes at once; what each did.
    pub(crate) fn run_twice_at_once(&self, arguments: &[&str]) -> [Ran; 2] {
        let start = || {
            self.command(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        [start(), start()].map(|child| Ran::of(child.wait_with_output().unwrap()))
    }

    /// Starts the service on a port that was free; stops with what is returned.
    pub(crate) fn serve(&mut self) -> Service {
        let port = free_port();
        self.set("CRYPT_KEEPER__HTTP__LISTEN", format!("127.0.0.1:{port}"));
        let mut child = self
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        assert!(said.starts_with("Crypt-Keeper is ready at"), "{said:?}");
        Service {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            child,
            _stdout: stdout,
        }
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    child: Child,
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The mode of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
