//! Programs in Go of the tests' own: a folder with a `main`, a `go.mod` and a `go.sum`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::tools;

const HINT: &str = "install Go 1.24 or later from your distribution or go.dev";

/// The program that the module in `folder` builds, named after the folder. It stays in the cache
/// under a name made of the folder's files and Go's version: an edit builds it anew.
///
/// # Errors
/// [`Error::ToolMissing`] without `go`; [`Error::Command`] if it does not build, as when `go.sum`
/// lacks something; [`Error::File`].
pub fn program(folder: &Path) -> Result<PathBuf> {
    program_in(&Cache::open()?, folder)
}

fn program_in(cache: &Cache, folder: &Path) -> Result<PathBuf> {
    let build = GoMain {
        place: "tools",
        variables: &[],
        patience: "once, seconds",
    };
    build.program(cache, folder)
}

/// How a program in Go of the tests' own is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoMain {
    /// The cache's folder that it belongs into.
    pub(crate) place: &'static str,
    /// Variables of the program that the linker sets: import path and name, and value.
    pub(crate) variables: &'static [(&'static str, &'static str)],
    /// What a developer is told while waiting.
    pub(crate) patience: &'static str,
}

impl GoMain {
    /// The program that the module in `folder` builds, named after the folder.
    pub(crate) fn program(&self, cache: &Cache, folder: &Path) -> Result<PathBuf> {
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| Error::Other(format!("{} has no name", folder.display())))?;
        let go = tools::need("go", HINT)?;
        let version = tools::run(Command::new(&go).arg("version").current_dir(folder))?;
        let linker = self.linker_flags();
        let key = hex::encode(digest(folder, &format!("{version}{linker}"))?);
        let place = format!("{}/{name}-{}", self.place, &key[..16]);
        let installed = cache.install(&place, name, |target| {
            tools::announce(&format!(
                "building {} ({})",
                folder.display(),
                self.patience
            ));
            tools::run(
                Command::new(&go)
                    .args(["build", "-trimpath", "-mod=readonly", "-ldflags"])
                    .arg(&linker)
                    .arg("-o")
                    .arg(target.join(name))
                    .arg(".")
                    .env("CGO_ENABLED", "0")
                    // A workspace file above the folder would change what is built.
                    .env("GOWORK", "off")
                    .current_dir(folder),
            )?;
            Ok(())
        })?;
        Ok(installed.join(name))
    }

    fn linker_flags(&self) -> String {
        let mut flags = "-s -w".to_owned();
        for (variable, value) in self.variables {
            flags.push_str(&format!(" -X {variable}={value}"));
        }
        flags
    }
}

/// Over every file of the folder, names and lengths included, so that no two folders look alike.
fn digest(folder: &Path, version: &str) -> Result<[u8; 32]> {
    let reading = |source| Error::file("read", folder, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(reading)? {
        let path = entry.map_err(reading)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    digest.update(version);
    for path in files {
        let content = fs::read(&path).map_err(|source| Error::file("read", &path, source))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        digest.update(format!("\n{name} {}\n", content.len()));
        digest.update(content);
    }
    Ok(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_module(folder: &Path, says: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("go.mod"), "module hello\n\ngo 1.24\n").unwrap();
        let main = format!("package main\n\nfunc main() {{ print(\"{says}\") }}\n");
        fs::write(folder.join("main.go"), main).unwrap();
    }

    #[test]
    fn an_edited_program_is_built_anew() {
        if tools::find("go").is_none() {
            assert!(!crate::settings::services_are_required(), "go is missing");
            return tools::announce("SKIPPED an_edited_program_is_built_anew: no go");
        }
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("cache")).unwrap();
        let folder = root.path().join("hello");
        write_module(&folder, "one");
        let first = program_in(&cache, &folder).unwrap();
        assert_eq!(program_in(&cache, &folder).unwrap(), first);
        write_module(&folder, "two");
        let second = program_in(&cache, &folder).unwrap();
        let says = |path: &Path| {
            let output = Command::new(path).output().unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        assert_eq!((says(&first), says(&second)), ("one".into(), "two".into()));
    }

    #[test]
    fn the_linker_sets_variables() {
        let plain = GoMain {
            place: "tools",
            variables: &[],
            patience: "seconds",
        };
        assert_eq!(plain.linker_flags(), "-s -w");
        let versioned = GoMain {
            variables: &[("example.com/version.full", "1.2.3")],
            ..plain
        };
        let expected = "-s -w -X example.com/version.full=1.2.3";
        assert_eq!(versioned.linker_flags(), expected);
    }

    #[test]
    fn a_byte_that_moves_between_files_changes_the_digest() {
        let root = tempfile::tempdir().unwrap();
        let digest_of = |first: &str, second: &str| {
            fs::write(root.path().join("a"), first).unwrap();
            fs::write(root.path().join("b"), second).unwrap();
            digest(root.path(), "go").unwrap()
        };
        assert_ne!(digest_of("xy", "z"), digest_of("x", "yz"));
    }
}
