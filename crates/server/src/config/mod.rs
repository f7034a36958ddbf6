//! The configuration: defaults, then a TOML file, then the environment, then the command line.
//! One struct per concern, one file each; a value that is wrong never gets past [`load`].
//!
//! This module is the one place that reads the service's environment variables.

mod blobs;
mod check;
mod duration;
mod env;
mod error;
mod http;
mod jobs;
mod key;
mod key_cache;
mod keys;
mod load;
mod log;
mod master_key;
mod metadata;
mod retention;
mod role;
mod secret_url;
mod v1;
mod values;
mod vault;

use std::fmt;
use std::path::PathBuf;

use crypt_keeper_domain::model::{RetentionClasses, Scope, Timestamp};

pub use blobs::{Blobs, BlobsBackend, S3};
pub use duration::{parse_duration, show_duration};
pub use env::{ENV_CONFIG_FILE, ENV_PREFIX, Environment};
pub use error::ConfigError;
pub use http::{Http, PublicUrl, TlsFiles};
pub use jobs::Jobs;
pub use key::{KEYS, Key};
pub use key_cache::KeyCache;
pub use keys::{Keys, KeysBackend, RewrapRate};
pub use load::{DEFAULT_FILE, Loaded, Override, load};
pub use log::{Log, LogFormat};
pub use master_key::MasterKey;
pub use metadata::{DynamoDb, Metadata, MetadataBackend, Postgres};
pub use role::Role;
pub use secret_url::SecretUrl;
pub use v1::V1;
pub use vault::{HashiCorpVault, VaultAuth};

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the embedded default: database, private halves, objects, master key.
    pub data_dir: PathBuf,
    /// What this server does.
    pub role: Role,
    /// Where and how the service is reached.
    pub http: Http,
    /// Where documents, users and key pairs are registered.
    pub metadata: Metadata,
    /// Where objects lie.
    pub blobs: Blobs,
    /// Where private halves are, and what seals them.
    pub keys: Keys,
    /// How long documents live.
    pub retention: RetentionClasses,
    /// What the service does by itself.
    pub jobs: Jobs,
    /// What API v1 allows.
    pub v1: V1,
    /// What is logged, and how.
    pub log: Log,
}

impl Settings {
    /// Whether the service keeps everything in `data_dir`, and may make a master key of its own
    /// there: nothing but the built-in parts is configured, and no master key.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.metadata.backend, MetadataBackend::Sqlite)
            && matches!(self.blobs.backend, BlobsBackend::Local)
            && self.keys.backend == KeysBackend::Sealed
            && self.keys.master_key.is_none()
            && self.keys.sealed_url.is_none()
    }

    /// The scope that the service needs an active key pair of at a moment, whoever uploads.
    #[must_use]
    pub fn common_scope(&self, at: Timestamp) -> Scope {
        let class = self.retention.default_class();
        self.keys.scope.common_scope(class, at)
    }

    /// Key and value of everything that is in force, in the order of [`KEYS`]; `None` for what
    /// is not set. Secrets are redacted.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let mut rows = vec![
            ("data_dir", Some(quoted(&self.data_dir.to_string_lossy()))),
            ("role", Some(quoted(self.role.as_str()))),
        ];
        rows.extend(self.http.rows());
        rows.extend(self.metadata.rows());
        rows.extend(self.blobs.rows());
        rows.extend(self.keys.rows());
        rows.extend(retention::rows(&self.retention));
        rows.extend(self.jobs.rows());
        rows.extend(self.v1.rows());
        rows.extend(self.log.rows());
        rows
    }
}

/// TOML, one key a line, secrets redacted; keys that are not set stand in comments.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.rows() {
            match value {
                Some(value) => writeln!(f, "{key} = {value}")?,
                None => writeln!(f, "# {key} is not set")?,
            }
        }
        Ok(())
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
