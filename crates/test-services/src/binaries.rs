//! The workspace's own programs, for tests that run them as processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::workspace::workspace;
use crate::{shared, tools};

/// Says that the programs are as new as the tests: `cargo xtask test` has built both.
pub const BUILT: &str = "CK_TEST_BUILT";

/// The server's features as tests are built with: named, because a workspace build alone takes
/// those that some dependency asks for.
pub const SERVER_FEATURES: &str = "crypt-keeper-server/postgres,crypt-keeper-server/sqlite,\
                                   crypt-keeper-server/s3,crypt-keeper-server/vault,\
                                   crypt-keeper-server/dynamo";

/// The built program `name` (`crypt-keeper`, `ckc`). Cargo tells a test only the programs of its own
/// package; this looks beside the test itself. Outside of `cargo xtask test` it builds first, so that
/// no test meets an old program.
///
/// # Errors
/// [`Error::Command`] if the build fails, [`Error::Other`] if there is no such program.
pub fn binary(name: &str) -> Result<PathBuf> {
    static BUILD: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    if !shared::is_named(BUILT) {
        BUILD
            .get_or_init(|| build().map_err(|error| error.to_string()))
            .clone()
            .map_err(Error::Other)?;
    }
    let test = std::env::current_exe()
        .map_err(|error| Error::Other(format!("this test does not know its file: {error}")))?;
    beside(&test, name)
}

fn beside(test: &Path, name: &str) -> Result<PathBuf> {
    // target/debug/deps/test-0123 stands below target/debug/crypt-keeper.
    test.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            Error::Other(format!(
                "no program `{name}` was built beside {}",
                test.display()
            ))
        })
}

fn build() -> Result<()> {
    tools::run(
        Command::new("cargo")
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--features",
            ])
            .arg(SERVER_FEATURES)
            .current_dir(workspace()?),
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_beside_the_tests_and_missed_by_name() {
        let target = tempfile::tempdir().unwrap();
        let deps = target.path().join("deps");
        std::fs::create_dir(&deps).unwrap();
        std::fs::write(target.path().join("ckc"), "").unwrap();
        let test = deps.join("laws-0123");
        assert_eq!(beside(&test, "ckc").unwrap(), target.path().join("ckc"));
        let missing = beside(&test, "crypt-keeper").unwrap_err().to_string();
        assert!(
            missing.starts_with("no program `crypt-keeper` was built beside"),
            "{missing}"
        );
    }
}
