//! A terminal session with the built command, written down as one reads it.

use super::service::{ALICE_KEY, BOB_KEY, Service};
use crypt_keeper_client::terminal::escaped;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The built command.
pub(crate) const CKC: &str = env!("CARGO_BIN_EXE_ckc");

/// A home folder, a working folder, an environment.
pub(crate) struct Session {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
    replaced: Vec<(String, &'static str)>,
}

impl Session {
    /// Nobody has logged in.
    pub(crate) fn stranger(service: &Service) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        let tls = service.url.starts_with("https");
        let replaced = vec![
            (
                service.url.clone(),
                if tls {
                    "https://service"
                } else {
                    "http://service"
                },
            ),
            (home.path().to_str().unwrap().to_owned(), "~"),
        ];
        let temporary = home.path().to_str().unwrap().to_owned();
        Self {
            home,
            variables: vec![("TMPDIR".to_owned(), temporary)],
            replaced,
        }
    }

    /// Alice, by the environment.
    pub(crate) fn alice(service: &Service) -> Self {
        Self::stranger(service)
            .with("CKC_URL", &service.url)
            .with("CKC_USER", "alice")
            .with("CKC_API_KEY", ALICE_KEY)
    }

    pub(crate) fn bob(service: &Service) -> Self {
        Self::stranger(service)
            .with("CKC_URL", &service.url)
            .with("CKC_USER", "bob")
            .with("CKC_API_KEY", BOB_KEY)
    }

    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.path().join("work")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder().join(name)).unwrap()
    }

    /// What lies in the working folder, hidden files too.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program(CKC);
        command.args(arguments);
        command
    }

    /// Another program in the same place.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.home.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writing = std::thread::spawn(move || {
            // A command that fails early reads no more.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        output
    }

    /// Types a line (words are split at blanks, `'..'` keeps them) and writes down what comes:
    /// standard output as it is, standard error after `! `, an exit code other than 0 at the end.
    pub(crate) fn types(&self, line: &str) -> String {
        self.written_down(line, &self.run(&borrowed(&words(line))))
    }

    /// Likewise, with something on standard input.
    pub(crate) fn types_with_input(&self, line: &str, input: &str) -> String {
        self.written_down(
            line,
            &self.run_with_input(&borrowed(&words(line)), input.as_bytes()),
        )
    }

    fn written_down(&self, line: &str, output: &Output) -> String {
        let mut text = format!(
            "$ ckc {}\n{}",
            escaped(line),
            String::from_utf8_lossy(&output.stdout)
        );
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            text.push_str(&format!("! {line}\n"));
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => text.push_str(&format!("exit {code}\n")),
            None => text.push_str("killed\n"),
        }
        for (from, to) in &self.replaced {
            text = text.replace(from, to);
        }
        text
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
