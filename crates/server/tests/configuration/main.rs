//! The configuration: what wins over what, and what is said of what is wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod fuzz;
mod in_force;
mod ingest;
mod refused;

use std::path::PathBuf;

use crypt_keeper_server::config::{Environment, Override, Settings, load};

/// A configuration file in a folder of its own.
struct Case {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    overrides: Vec<Override>,
}

impl Case {
    fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ck.toml"), file).unwrap();
        Self {
            folder,
            variables: Vec::new(),
            overrides: Vec::new(),
        }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        let name = format!("CRYPT_KEEPER__{name}");
        self.variables.push((name, value.to_owned()));
        self
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.overrides.push(Override::new(key, value));
        self
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ck.toml")
    }

    fn settings(&self) -> Settings {
        let environment: Environment = self.variables.iter().cloned().collect();
        load(Some(&self.file()), &environment, &self.overrides)
            .unwrap()
            .settings
    }

    /// What is said; always one line.
    fn refused(&self) -> String {
        let environment: Environment = self.variables.iter().cloned().collect();
        let refused = load(Some(&self.file()), &environment, &self.overrides);
        let line = refused.unwrap_err().to_string();
        assert_eq!(line.lines().count(), 1, "{line}");
        line.replace(&self.folder.path().display().to_string(), "<folder>")
    }
}

fn refused(file: &str) -> String {
    Case::new(file).refused()
}
