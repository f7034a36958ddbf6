//! The file of profiles.

use super::private_file;
use crate::error::{Error, SettingsProblem};
use crypt_keeper_secret::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, value};
use zeroize::Zeroizing;

/// What a new file starts with.
const HEADER: &str = "# Profiles of ckc. This file holds API keys: keep its mode at 0600.\n\n";
/// Name of the profile that is used when none is named.
const DEFAULT: &str = "default";

/// One service, one user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Address of the service.
    pub url: Option<String>,
    /// Name of the user.
    pub user: Option<String>,
    /// The user's API key.
    #[serde(default, deserialize_with = "secret")]
    pub api_key: Option<SecretString>,
    /// Whether `AES|CBC` may be read.
    #[serde(default)]
    pub legacy: bool,
    /// Whether plain http may leave this machine.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Certificates of a private authority, PEM.
    pub ca_file: Option<PathBuf>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(SecretString::from(text)))
}

/// The file of profiles, TOML, mode 0600:
///
/// ```toml
/// default = "work"            # needed only when there are several
///
/// [profiles.work]
/// url = "https://documents.example.com"
/// user = "alice"
/// api_key = "ck_..."
/// legacy = false              # read AES|CBC, which shows no alteration
/// allow_plain_http = false    # beyond loopback
/// ca_file = "/etc/ssl/ours.pem"
/// ```
///
/// Only `url`, `user` and `api_key` are usual; what lacks must come from elsewhere.
#[derive(Debug)]
pub struct ProfileFile {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

impl ProfileFile {
    /// Reads a file that only its owner may read.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if it cannot be read, others may read it, or it is malformed.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = private_file::read(path)
            .map_err(|error| problem(path, SettingsProblem::Unreadable(error)))?;
        if let Some(mode) = file.wide_mode {
            return Err(problem(path, SettingsProblem::TooWide(mode)));
        }
        let content = toml::from_str(&file.text)
            .map_err(|error| malformed(path, &file.text, error.span().map(|span| span.start)))?;
        Ok(Self {
            path: path.to_owned(),
            content,
        })
    }

    /// The profile of a name; without one, the file's default, its only one, or `default`. A file
    /// without any profile gives an empty one, unless a name was asked for.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if there is none of that name.
    pub fn into_profile(self, name: Option<&str>) -> Result<Profile, Error> {
        let Content {
            default,
            mut profiles,
        } = self.content;
        let only = (profiles.len() == 1)
            .then(|| profiles.keys().next().cloned())
            .flatten();
        if name.is_none() && default.is_none() && profiles.is_empty() {
            return Ok(Profile::default());
        }
        let name = name
            .map(str::to_owned)
            .or(default)
            .or(only)
            .unwrap_or_else(|| DEFAULT.to_owned());
        let known = profiles.keys().cloned().collect::<Vec<_>>().join(", ");
        profiles.remove(&name).ok_or_else(|| {
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known
            };
            problem(&self.path, SettingsProblem::NoSuchProfile { name, known })
        })
    }

    /// Adds or changes one profile of a file; makes the file where it lacks, mode 0600. Everything
    /// else in it stays, remarks too.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if the file cannot be read or written, or is malformed.
    pub fn write_profile(path: &Path, name: &str, profile: &Profile) -> Result<(), Error> {
        let (header, text) = match private_file::read(path) {
            Ok(file) => ("", file.text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (HEADER, Zeroizing::default())
            }
            Err(error) => return Err(problem(path, SettingsProblem::Unreadable(error))),
        };
        let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            malformed(path, &text, error.span().map(|span| span.start))
        })?;
        let profiles = document.entry("profiles").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let Some(table) = profiles
            .as_table_mut()
            .map(|profiles| {
                profiles
                    .entry(name)
                    .or_insert_with(|| Item::Table(Table::new()))
            })
            .and_then(Item::as_table_mut)
        else {
            return Err(malformed(path, &text, None));
        };
        let mut set = |key: &str, text: Option<&str>| {
            if let Some(text) = text {
                table[key] = value(text);
            }
        };
        set("url", profile.url.as_deref());
        set("user", profile.user.as_deref());
        set(
            "api_key",
            profile.api_key.as_ref().map(ExposeSecret::expose_secret),
        );
        set("ca_file", profile.ca_file.as_deref().and_then(Path::to_str));
        if profile.allow_plain_http {
            table["allow_plain_http"] = value(true);
        }
        private_file::write(path, &Zeroizing::new(format!("{header}{document}")))
    }
}

fn problem(path: &Path, problem: SettingsProblem) -> Error {
    Error::SettingsFile {
        path: path.to_owned(),
        problem,
    }
}

/// Names the line and nothing of it: the parser's own words quote the text, and that may be a key.
fn malformed(path: &Path, text: &str, offset: Option<usize>) -> Error {
    let place = match offset.and_then(|offset| text.get(..offset)) {
        Some(before) => format!("line {} is", before.matches('\n').count() + 1),
        None => "it is".to_owned(),
    };
    problem(
        path,
        SettingsProblem::Malformed(format!(
            "{place} not what a profile file holds: [profiles.NAME] with url, user, api_key, \
             legacy, allow_plain_http, ca_file"
        )),
    )
}
