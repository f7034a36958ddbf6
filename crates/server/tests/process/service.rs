//! A folder to start the service in, and the service.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const READY: &str = "Crypt-Keeper is ready at ";
/// Longer than any start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A working folder and the environment.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(String, OsString)>,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A `ckc` that can be found by its name.
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::fs::write(bin.join("ckc"), "").unwrap();
        let mut place = Self {
            folder,
            variables: Vec::new(),
        };
        place.set("USER", "alice");
        place.set("PATH", bin);
        place
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.path("crypt-keeper-data").join(name)
    }

    /// The text with this folder as `~`.
    pub(crate) fn shown(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "~")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crypt-keeper"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the service on a port that the system chooses; it is ready.
    pub(crate) fn serve(&self) -> Service {
        self.serve_with(&["--listen", "127.0.0.1:0"])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Service {
        let mut service = self.spawn(arguments);
        let mut line = String::new();
        service.stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix(READY);
        service.url = url
            .unwrap_or_else(|| panic!("{line:?} {}", service.rest_of_stderr()))
            .to_owned();
        service
    }

    /// Starts the service, and does not wait for it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Service {
        let mut child = self.command(arguments).spawn().unwrap();
        Service {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            log: lines_of(child.stderr.take().unwrap()),
            child,
            url: String::new(),
        }
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(arguments).wait()
    }
}

/// A process that is stopped, at the latest, when the test ends.
pub(crate) struct Service {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: Receiver<String>,
    url: String,
}

/// Lines as they come, until there are no more.
fn lines_of(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        while stderr.read_line(&mut line).unwrap() > 0 {
            // Nobody listens to a process that was given up.
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    lines
}

impl Service {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn rest_of_stderr(&mut self) -> String {
        self.log.iter().collect()
    }

    /// Waits for a line with `words` in it; what was logged until then.
    pub(crate) fn log_until(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut log = String::new();
        while !log.contains(words) {
            let left = end.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) => log.push_str(&line),
                Err(_) => panic!("never logged: {words:?} in {log}"),
            }
        }
        log
    }

    /// Stops it as a supervisor does.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.wait();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.stderr);
        ended
    }

    /// Waits for its end; what it has said since it was ready.
    pub(crate) fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if began.elapsed() > PATIENCE => panic!("it does not end"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut stdout = String::new();
        self.stdout.read_to_string(&mut stdout).unwrap();
        Ended {
            status,
            stdout,
            stderr: self.rest_of_stderr(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Does nothing if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The one line on stderr of a start that was refused. Exit code 2: the configuration is
    /// wrong; 1: all else.
    pub(crate) fn refusal(&self) -> &str {
        let code = self.status.code();
        assert!(matches!(code, Some(1 | 2)), "{code:?}: {}", self.stderr);
        assert_eq!(self.status.signal(), None);
        assert_eq!(self.stdout, "");
        let line = self.stderr.trim_end();
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}

/// A value of the client profile.
pub(crate) fn profile_value(path: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let start = format!("{name} = \"");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap().strip_suffix('"').unwrap().to_owned()
}

/// A client of API v1 with the credentials of a profile.
pub(crate) struct Client {
    http: reqwest::blocking::Client,
    base: String,
    authorization: String,
}

impl Client {
    pub(crate) fn of(place: &Place, service: &Service) -> Self {
        let profile = place.data("ckc.toml");
        let user = profile_value(&profile, "user");
        let key = profile_value(&profile, "api_key");
        Self {
            http: reqwest::blocking::Client::new(),
            base: format!("{}/api/v1/secure_document_service", service.url()),
            authorization: format!("ApiKey {user}:{key}"),
        }
    }

    fn json(&self, request: reqwest::blocking::RequestBuilder) -> serde_json::Value {
        let request = request.header("Authorization", &self.authorization);
        let answer = request.send().unwrap();
        let status = answer.status();
        let text = answer.text().unwrap();
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Registers a document and puts its object there; the answer.
    pub(crate) fn upload(&self, object: &str) -> serde_json::Value {
        let body = format!(
            r#"{{"document_metadata": {{"name": "a.txt", "content_length": {}, "content_type": "text/plain", "compressed": false}}}}"#,
            object.len()
        );
        let url = format!("{}/upload_url/", self.base);
        let request = self.http.post(url).body(body);
        let answer = self.json(request);
        let put = answer["single_use_url"].as_str().unwrap();
        let stored = self.http.put(put).body(object.to_owned()).send().unwrap();
        assert_eq!(stored.status(), 200);
        answer
    }

    /// Asks for a document's key and its object; the answer and the object.
    pub(crate) fn download(&self, id: &str) -> (serde_json::Value, String) {
        let url = format!("{}/download_url/{id}/", self.base);
        let answer = self.json(self.http.get(url));
        let get = answer["single_use_url"].as_str().unwrap();
        let object = self.http.get(get).send().unwrap().text().unwrap();
        (answer, object)
    }
}
