//! Programs built by `go install` of a pinned module.

use std::path::PathBuf;
use std::process::Command;

use crate::cache::Cache;
use crate::error::Result;
use crate::tools;

/// A Go program in a pinned version.
#[derive(Debug)]
pub(crate) struct GoProgram {
    /// Name and version of the cache's folder.
    pub(crate) folder: &'static str,
    /// The program's file name.
    pub(crate) program: &'static str,
    /// Package and version, as `go install` takes them.
    pub(crate) package: &'static str,
    /// What a developer is told while waiting.
    pub(crate) patience: &'static str,
}

impl GoProgram {
    /// The program's path, installed if need be.
    pub(crate) fn install(&self, cache: &Cache) -> Result<PathBuf> {
        let name = format!("services/{}", self.folder);
        let folder = cache.install(&name, self.program, |folder| {
            let go = tools::need(
                "go",
                "install Go 1.24 or later from your distribution or go.dev",
            )?;
            tools::announce(&format!("installing {} ({})", self.package, self.patience));
            tools::run(
                Command::new(go)
                    .args(["install", "-ldflags=-s -w", self.package])
                    .env("GOBIN", folder)
                    .current_dir(folder),
            )?;
            Ok(())
        })?;
        Ok(folder.join(self.program))
    }
}
