//! The checkout that a test or a command was started in.
//!
//! Not the one it was compiled in: checkouts that share a target folder share programs, and the
//! other one may be gone.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings;

/// The folder of the workspace: that of `Cargo.lock`, at or above the package that cargo runs; where
/// cargo runs nothing, at or above the current folder.
///
/// # Errors
/// [`Error::Other`] if there is none.
pub fn workspace() -> Result<PathBuf> {
    let start = match settings::package_folder() {
        Some(folder) => folder,
        None => std::env::current_dir()
            .map_err(|error| Error::Other(format!("the current folder is gone: {error}")))?,
    };
    above(&start)
}

fn above(start: &Path) -> Result<PathBuf> {
    start
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| {
            Error::Other(format!(
                "{} is in no checkout of Crypt-Keeper: no folder above it has a Cargo.lock. Run \
                 `cargo xtask` or `cargo test` inside of one",
                start.display()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found_from_below_and_missed_in_words() {
        let checkout = tempfile::tempdir().unwrap();
        let package = checkout.path().join("crates/one");
        std::fs::create_dir_all(&package).unwrap();
        let missing = above(&package).unwrap_err().to_string();
        assert!(
            missing.contains("crates/one is in no checkout"),
            "{missing}"
        );
        std::fs::write(checkout.path().join("Cargo.lock"), "").unwrap();
        assert_eq!(above(&package).unwrap(), checkout.path());
        assert_eq!(above(checkout.path()).unwrap(), checkout.path());
        // One that was removed after this was compiled.
        assert!(above(Path::new("/gone/crates/one")).is_err());
    }

    #[test]
    fn this_test_runs_in_its_own_checkout() {
        let here = workspace().unwrap();
        assert!(here.join("crates/test-services/src/workspace.rs").is_file());
    }
}
