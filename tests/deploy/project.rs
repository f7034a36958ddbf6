//! A copy of the Compose project in a folder of its own, as a newcomer has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services as services;
use serde_json::Value;

use crate::{machine_program, read, repository};

pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// What git holds of it: no secrets, no `.env`.
    pub(crate) fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "docker-compose.yml",
            "deploy/compose/init.sh",
            "deploy/compose/postgres/databases.sql",
            "deploy/compose/postgres/pg_hba.conf",
        ] {
            let target = folder.path().join(file);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(repository(file), target).unwrap();
        }
        Self { folder }
    }

    /// The same after init.sh; `None` where there is no openssl and tests may be skipped.
    pub(crate) fn initialized() -> Option<Self> {
        machine_program("openssl", "version")?;
        let project = Self::fresh();
        project.initialize();
        Some(project)
    }

    pub(crate) fn initialize(&self) {
        services::run(&mut Command::new(self.path("deploy/compose/init.sh"))).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.path("deploy/compose/secrets")
    }

    pub(crate) fn secret(&self, name: &str) -> String {
        read(self.secrets().join(name)).trim_end().to_owned()
    }

    /// The project as Compose understands it: parsed, interpolated, merged.
    pub(crate) fn load(&self, judge: &Path) -> services::Result<Value> {
        let rendered = services::run(
            Command::new(judge)
                .arg(self.path("docker-compose.yml"))
                .env_clear(),
        )?;
        Ok(serde_json::from_str(&rendered).expect("the judge writes JSON"))
    }
}

/// Compose's own parser as a program; `None` if it cannot be built and tests may be skipped.
pub(crate) fn judge() -> Option<PathBuf> {
    let built = services::go_program(&repository("tests/deploy-check/compose"));
    services::require_or_skip("the parser of Compose files", built)
}

/// The services of a loaded project, by name.
pub(crate) fn services_of(project: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = project["services"].as_object().expect("services");
    services
        .iter()
        .map(|(name, service)| (name.as_str(), service))
}
