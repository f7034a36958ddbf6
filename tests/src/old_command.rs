//! The command `ckc` of 2017, as scripts in the field have it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services as services;

use crate::{Account, Server};

/// Somebody who types the old command.
#[derive(Debug)]
pub struct OldCommand {
    python: PathBuf,
    folder: tempfile::TempDir,
    globals: Vec<String>,
}

impl OldCommand {
    /// Of `account`, at a server; `None` if Python cannot be had and tests may be skipped.
    ///
    /// # Panics
    /// If there is no room for its folder.
    #[must_use]
    pub fn of(server: &Server, account: &Account) -> Option<Self> {
        let requirements = repository("tests/judges/requirements.txt");
        let found = services::python_interpreter(&requirements);
        let python = services::require_or_skip("Python's cryptography", found)?;
        let url = server.url();
        let globals = ["-u", &account.name, "--url", &url, "-a", &account.key];
        Some(Self {
            python,
            folder: tempfile::tempdir().expect("a folder"),
            globals: globals.map(str::to_owned).to_vec(),
        })
    }

    /// The flags that every script without a file of settings had to give.
    #[must_use]
    pub fn globals(&self) -> &[String] {
        &self.globals
    }

    /// A path of its working folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads a file of its working folder.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A line that is typed.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(repository("tests/old_client/ckc_2017.py"))
            .args(&self.globals)
            .args(arguments)
            .current_dir(self.folder.path());
        command
    }

    /// What it prints, without the end of the line.
    ///
    /// # Panics
    /// If it fails.
    pub fn prints(&self, arguments: &[&str]) -> String {
        let printed = services::run(&mut self.command(arguments));
        let printed = printed.unwrap_or_else(|error| panic!("{error}"));
        printed.trim_end_matches('\n').to_owned()
    }

    /// Uploads a file of that name and content; the id of the document.
    ///
    /// # Panics
    /// If it fails, or prints none.
    #[must_use]
    pub fn upload(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).expect("a written file");
        let printed = self.prints(&["upload", name]);
        let id = printed.strip_prefix("Document ID: ");
        id.unwrap_or_else(|| panic!("no id: {printed}")).to_owned()
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
