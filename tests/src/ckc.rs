//! A terminal at which `ckc` is typed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::binaries;

/// A home folder, a working folder, an environment.
#[derive(Debug)]
pub struct Ckc {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Ran {
    /// The one line of standard output.
    ///
    /// # Panics
    /// If there is none, or more.
    #[must_use]
    pub fn line(&self) -> String {
        let text = self.text();
        let mut lines = text.lines();
        let line = lines.next().expect("a line on stdout").to_owned();
        assert_eq!(lines.next(), None, "one line on stdout");
        line
    }

    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }
}

impl Ckc {
    /// Nobody's.
    ///
    /// # Panics
    /// If there is no room for its folders.
    #[must_use]
    pub fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join("work")).expect("a folder");
        Self {
            home,
            variables: Vec::new(),
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The working folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Writes a file of the working folder.
    ///
    /// # Panics
    /// If that fails.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder().join(name), content).expect("a written file");
    }

    /// Reads a file of the working folder.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Everything below the home folder, files and folders, hidden ones too, as sorted paths.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.home.path().to_owned()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let relative = path.strip_prefix(self.home.path()).expect("below home");
                found.push(relative.to_string_lossy().into_owned());
                if path.is_dir() {
                    left.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// A command, not started: `ckc` with these arguments.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&binaries().ckc);
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    /// A line for `sh`, where `ckc` means the built one.
    #[must_use]
    pub fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        let folder = binaries().ckc.parent().expect("a folder");
        command
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
    }

    /// Runs it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("ckc runs").into()
    }

    /// Runs it with something on standard input.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ckc runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // A command that fails early reads no more.
                let _ = stdin.write_all(input);
            });
            child.wait_with_output().expect("its output").into()
        })
    }

    /// Runs what must succeed.
    ///
    /// # Panics
    /// If it fails.
    pub fn succeeds(&self, arguments: &[&str]) -> Ran {
        self.fails_with(0, arguments)
    }

    /// Runs what must end with this code.
    ///
    /// # Panics
    /// If it ends with another.
    pub fn fails_with(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(
            ran.code,
            Some(code),
            "ckc {}\n{}{}",
            arguments.join(" "),
            ran.text(),
            ran.errors()
        );
        ran
    }

    /// Runs a line of `sh` that must succeed.
    ///
    /// # Panics
    /// If it fails.
    pub fn shell_succeeds(&self, line: &str) -> Ran {
        let ran: Ran = self.shell(line).output().expect("sh runs").into();
        assert_eq!(ran.code, Some(0), "{line}\n{}{}", ran.text(), ran.errors());
        ran
    }
}

impl Default for Ckc {
    fn default() -> Self {
        Self::new()
    }
}
