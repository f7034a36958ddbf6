//! A Python interpreter with pinned packages, for judges that are not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::tools;

/// The interpreter of a virtual environment that holds what `requirements` pins. The environment
/// stays in the cache under a name made of the file's content and the interpreter's version.
///
/// # Errors
/// [`Error::Other`] if a requirement is not pinned by `==`; [`Error::ToolMissing`] without
/// `python3`; [`Error::Command`] if `venv` or `pip` fails.
pub fn interpreter(requirements: &Path) -> Result<PathBuf> {
    interpreter_in(&Cache::open()?, requirements)
}

fn interpreter_in(cache: &Cache, requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements)
        .map_err(|source| Error::file("read", requirements, source))?;
    only_pinned(requirements, &wanted)?;
    let python = tools::need(
        "python3",
        "install Python 3.10 or later with its venv module",
    )?;
    let version = tools::run(Command::new(&python).args(["-c", "import sys; print(sys.version)"]))?;
    let key = hex::encode(Sha256::digest(format!("{version}\n{wanted}")));
    let name = format!("python/{}", &key[..16]);
    let folder = cache.install_in_place(&name, |folder| {
        tools::announce(&format!(
            "installing the packages of {}",
            requirements.display()
        ));
        tools::run(Command::new(&python).args(["-m", "venv"]).arg(folder))?;
        tools::run(
            Command::new(program(folder))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .arg("--requirement")
                .arg(requirements),
        )?;
        Ok(())
    })?;
    Ok(program(&folder))
}

fn program(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// Without pins the environment would be another on another day, under the same name.
fn only_pinned(path: &Path, requirements: &str) -> Result<()> {
    let loose = requirements
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line).trim())
        .find(|line| !line.is_empty() && !line.starts_with('#') && !line.contains("=="));
    match loose {
        None => Ok(()),
        Some(line) => Err(Error::Other(format!(
            "{}: `{line}` is not pinned; write `{line}==VERSION`",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_without_a_version_is_refused() {
        let path = Path::new("judge/requirements.txt");
        assert!(only_pinned(path, "# judges\n\ntink==1.16.1  # why\n").is_ok());
        assert_eq!(
            only_pinned(path, "tink==1.16.1\ncryptography>=50\n")
                .unwrap_err()
                .to_string(),
            "judge/requirements.txt: `cryptography>=50` is not pinned; write \
             `cryptography>=50==VERSION`"
        );
    }

    #[test]
    fn the_interpreter_has_what_the_file_names() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let requirements = folder.path().join("requirements.txt");
        fs::write(&requirements, "sniffio==1.3.1\n").unwrap();
        let python = match interpreter_in(&cache, &requirements) {
            Ok(python) => python,
            Err(error) => {
                assert!(!crate::settings::services_are_required(), "{error}");
                return tools::announce(&format!("SKIPPED the_interpreter_has: {error}"));
            }
        };
        let said = tools::run(Command::new(&python).args(["-c", "import sniffio; print('here')"]));
        assert_eq!(said.unwrap().trim(), "here");
        assert_eq!(interpreter_in(&cache, &requirements).unwrap(), python);
    }
}
