//! An installation copied into another one.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use crypt_keeper_test_services::{PortLease, run};

use super::super::database::Database;
use super::super::load::Load;
use super::super::report::rate;
use super::super::service::Service;
use super::super::{Bench, failed};
use crate::step::{Result, tell};

/// A stopped service on SQLite.
pub(super) struct Source {
    service: Service,
    /// How many it has.
    pub(super) documents: u64,
}

impl Source {
    pub(super) fn make(bench: &Bench) -> Result<Self> {
        let mut service = Service::start(&bench.programs, None, None)?;
        Load::new(&service, None)?.make_documents(bench.plan.documents)?;
        service.stop()?;
        let documents = service.database().count("documents")?;
        Ok(Self { service, documents })
    }

    /// Copies it into a new installation, whose metadata are in `target`; how many seconds it took.
    pub(super) fn copy_to(&self, target: &Database) -> Result<f64> {
        tell(format!(
            "copying {} documents to {}",
            rate(self.documents as f64),
            target.name()
        ));
        let folder = self.service.path(target.name());
        fs::create_dir(&folder).map_err(failed)?;
        let configuration = folder.join("target.toml");
        let port = PortLease::free()?;
        let master_key = folder.join("master.key");
        run(self
            .service
            .command()
            .args(["master-key", "new"])
            .arg(&master_key))?;
        let mut settings = vec![
            (
                "data_dir",
                folder.join("data").to_string_lossy().into_owned(),
            ),
            ("http.listen", format!("127.0.0.1:{}", port.port())),
            (
                "keys.master_key_file",
                master_key.to_string_lossy().into_owned(),
            ),
        ];
        settings.extend(target.settings());
        write(&configuration, &settings)?;
        let began = Instant::now();
        // It fails if one row differs in the end.
        run(self
            .service
            .command()
            .args(["copy", "--without-objects", "--json", "--to"])
            .arg(&configuration)
            .envs(target.variables()))?;
        Ok(began.elapsed().as_secs_f64())
    }
}

/// A configuration file. It names passwords.
fn write(path: &Path, settings: &[(&str, String)]) -> Result<()> {
    let mut text = String::new();
    for (name, value) in settings {
        // Strings of JSON are strings of TOML.
        let value = serde_json::to_string(value).map_err(failed)?;
        writeln!(text, "{name} = {value}").map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)
}
