//! The environment variables that this crate obeys; nothing else here reads the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// The folder of installed servers and tools: `CRYPT_KEEPER_CACHE` if set, else `crypt-keeper` under
/// `XDG_CACHE_HOME`, else `~/.cache/crypt-keeper`.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = path("CRYPT_KEEPER_CACHE") {
        return absolute("CRYPT_KEEPER_CACHE", folder);
    }
    if let Some(base) = path("XDG_CACHE_HOME") {
        return Ok(absolute("XDG_CACHE_HOME", base)?.join("crypt-keeper"));
    }
    let home = std::env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or(Error::Setting {
            variable: "HOME".into(),
            problem: "not set; set CRYPT_KEEPER_CACHE to a folder for the tests' servers".into(),
        })?;
    Ok(home.join(".cache/crypt-keeper"))
}

/// The folder of the package that cargo runs: it says so to tests and to what `cargo run` starts.
pub(crate) fn package_folder() -> Option<PathBuf> {
    path("CARGO_MANIFEST_DIR")
}

/// The value of a variable, if it is set to something.
pub(crate) fn text(variable: &str) -> Result<Option<String>> {
    match os(variable) {
        None => Ok(None),
        Some(value) => value.into_string().map(Some).map_err(|_| Error::Setting {
            variable: variable.to_owned(),
            problem: "not valid UTF-8".into(),
        }),
    }
}

/// Whether a missing service is a failure (`CK_TEST_REQUIRE=1`) rather than a skipped test.
pub(crate) fn services_are_required() -> bool {
    os("CK_TEST_REQUIRE").is_some_and(|value| value != "0")
}

/// The folders that programs are looked for in.
pub(crate) fn search_path() -> Vec<PathBuf> {
    os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

fn path(variable: &str) -> Option<PathBuf> {
    os(variable).map(PathBuf::from)
}

fn absolute(variable: &str, folder: PathBuf) -> Result<PathBuf> {
    if folder.is_absolute() {
        return Ok(folder);
    }
    Err(Error::Setting {
        variable: variable.to_owned(),
        problem: format!(
            "{}, a relative path; give an absolute one",
            folder.display()
        ),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate that reads settings"
)]
fn os(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}
