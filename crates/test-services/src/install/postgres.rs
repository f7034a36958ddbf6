//! PostgreSQL: the system's binaries if there are any, else a Maven package of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Cache, create_folder};
use crate::error::{Error, Result};
use crate::tools;

/// The oldest release that the metadata store supports.
const OLDEST: u32 = 14;
const PACKAGED: &str = "18.6.0";
const MAVEN_PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// The folder that holds `initdb` and `postgres`.
pub(crate) fn binaries(cache: &Cache, for_another_user: bool) -> Result<PathBuf> {
    match of_the_system() {
        Some(folder) => Ok(folder),
        None => packaged(cache, for_another_user),
    }
}

fn of_the_system() -> Option<PathBuf> {
    let mut folders = Vec::new();
    if let Some(initdb) = tools::find("initdb").and_then(|path| fs::canonicalize(path).ok()) {
        folders.extend(initdb.parent().map(Path::to_owned));
    }
    // Debian keeps the server's programs off the PATH, one folder a major version.
    folders.extend(
        fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|version| version.path().join("bin")),
    );
    folders
        .into_iter()
        .filter(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .filter_map(|folder| Some((major_version(&folder)?, folder)))
        .filter(|(version, _)| *version >= OLDEST)
        .max()
        .map(|(_, folder)| folder)
}

fn major_version(folder: &Path) -> Option<u32> {
    let said = tools::run(Command::new(folder.join("postgres")).arg("--version")).ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    said.split_whitespace()
        .nth(2)?
        .split(|digit: char| !digit.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn packaged(cache: &Cache, for_another_user: bool) -> Result<PathBuf> {
    // Root's home is usually closed to the user that PostgreSQL runs as.
    let cache = if for_another_user {
        &Cache::at(PathBuf::from("/var/cache/crypt-keeper"))?
    } else {
        cache
    };
    let name = format!("services/postgresql-{PACKAGED}");
    let folder = cache.install(&name, "bin/postgres", |folder| unpack(cache, folder))?;
    Ok(folder.join("bin"))
}

fn unpack(cache: &Cache, folder: &Path) -> Result<()> {
    const HINT: &str = "PostgreSQL is neither installed nor can its package be fetched; install \
                        `postgresql` or Maven, or name a server by CK_TEST_POSTGRES_URL";
    let machine = match std::env::consts::ARCH {
        "x86_64" => "linux-amd64",
        "aarch64" => "linux-arm64v8",
        other => {
            return Err(Error::Other(format!(
                "no PostgreSQL package is known for {other}: install `postgresql`"
            )));
        }
    };
    let maven = tools::need("mvn", HINT)?;
    let tar = tools::need("tar", HINT)?;
    tools::announce(&format!("installing PostgreSQL {PACKAGED} (once, seconds)"));
    let artifact = format!("embedded-postgres-binaries-{machine}");
    let download = cache
        .folder("services")?
        .join(format!("{artifact}.unfinished"));
    create_folder(&download)?;
    tools::run(
        Command::new(maven)
            .args(["-B", "-q", MAVEN_PLUGIN])
            .arg(format!(
                "-Dartifact=io.zonky.test.postgres:{artifact}:{PACKAGED}:jar"
            ))
            .arg(format!("-DoutputDirectory={}", download.display()))
            .current_dir(&download),
    )?;
    // A jar is a zip. Its one archive is named after the machine in other words than the artifact.
    let jar = download.join(format!("{artifact}-{PACKAGED}.jar"));
    if let Some(unzip) = tools::find("unzip") {
        tools::run(
            Command::new(unzip)
                .args(["-q", "-o"])
                .arg(&jar)
                .arg("-d")
                .arg(&download),
        )?;
    } else {
        let python = tools::need("python3", "or `unzip`, to open the package of PostgreSQL")?;
        tools::run(
            Command::new(python)
                .args(["-m", "zipfile", "-e"])
                .arg(&jar)
                .arg(&download),
        )?;
    }
    let archive = fs::read_dir(&download)
        .map_err(|source| Error::file("read", &download, source))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "txz"))
        .ok_or_else(|| Error::Other(format!("{} holds no .txz archive", jar.display())))?;
    tools::run(
        Command::new(tar)
            .arg("xJf")
            .arg(&archive)
            .arg("-C")
            .arg(folder),
    )?;
    crate::cache::remove_folder(&download)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_fetched_unpacked_and_runs() {
        if tools::find("mvn").is_none() {
            assert!(!crate::settings::services_are_required(), "mvn is missing");
            tools::announce("SKIPPED the_package_is_fetched_unpacked_and_runs: no mvn");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let binaries = packaged(&cache, false).unwrap();
        assert_eq!(major_version(&binaries), Some(18));
        assert!(binaries.join("initdb").is_file());
    }
}
