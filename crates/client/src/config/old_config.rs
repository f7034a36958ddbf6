//! `~/.ckc_config.json`, the file of the 2017 command.

use super::private_file;
use crate::error::{Error, SettingsProblem};
use crate::terminal::escaped_path;
use crypt_keeper_secret::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;
use zeroize::Zeroizing;

/// What the 2017 command kept: any of its three settings may lack.
#[derive(Debug, Default)]
pub struct OldConfig {
    /// Address of the service.
    pub url: Option<String>,
    /// Name of the user.
    pub user: Option<String>,
    /// The user's API key.
    pub api_key: Option<SecretString>,
    wide_mode: Option<u32>,
}

#[derive(Serialize)]
struct Kept<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
}

impl OldConfig {
    /// Reads the file; `None` where there is none. Keys that mean nothing are passed over, as the
    /// old command did.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if it cannot be read or is not JSON.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let problem = |problem| Error::SettingsFile {
            path: path.to_owned(),
            problem,
        };
        let file = match private_file::read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(problem(SettingsProblem::Unreadable(error))),
        };
        let mut fields: Map<String, Value> = serde_json::from_str(&file.text).map_err(|_| {
            problem(SettingsProblem::Malformed(
                "it is not JSON with url, user, api_key".to_owned(),
            ))
        })?;
        let mut take = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Ok(Some(Self {
            url: take("url"),
            user: take("user"),
            api_key: take("api_key").map(SecretString::from),
            wide_mode: file.wide_mode,
        }))
    }

    /// Writes the file anew, mode 0600, with what is there. Settings keep the old command's names.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let kept = Kept {
            url: self.url.as_deref(),
            user: self.user.as_deref(),
            api_key: self.api_key.as_ref().map(ExposeSecret::expose_secret),
        };
        let text =
            serde_json::to_string(&kept).map_err(|error| Error::Internal(error.to_string()))?;
        private_file::write(path, &Zeroizing::new(text))
    }

    /// What to tell the user about the file's mode: scripts go on working, so it is not refused.
    #[must_use]
    pub fn warning(&self, path: &Path) -> Option<String> {
        let mode = self.wide_mode?;
        let path = escaped_path(path);
        Some(format!(
            "{path} holds an API key and others may read it (mode {mode:04o}): chmod 600 {path}"
        ))
    }
}
