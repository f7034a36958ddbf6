//! Where the settings of `ckc` come from.
//!
//! Each setting is looked for on the command line, then in the environment (the command line reads
//! it as the twin of each flag), then in a profile, then in the file of the 2017 command:
//!
//! 1. the file named by `--config` or `CKC_CONFIG`, else `~/.config/crypt-keeper/ckc.toml`
//!    (`$XDG_CONFIG_HOME` is honoured): TOML with profiles, mode 0600, see [`ProfileFile`];
//! 2. `~/.ckc_config.json` ([`OldConfig`]), read only while something is still missing.
//!
//! No file of the current folder is ever looked for: whoever can put one there must not choose
//! where credentials go.

mod old_config;
mod private_file;
mod profile;

use crate::address::{PlainHttp, ServiceUrl};
use crate::credentials::Credentials;
use crate::error::{Error, Setting};
use crypt_keeper_secret::SecretString;
use etcetera::BaseStrategy as _;
use std::path::{Path, PathBuf};

pub use old_config::OldConfig;
pub use profile::{Profile, ProfileFile};

/// What the command line and the environment say.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Address of the service.
    pub url: Option<String>,
    /// Name of the user.
    pub user: Option<String>,
    /// The user's API key.
    pub api_key: Option<SecretString>,
    /// Name of the profile.
    pub profile: Option<String>,
    /// The file of profiles.
    pub config: Option<PathBuf>,
    /// Whether plain http may leave this machine.
    pub allow_plain_http: bool,
    /// Certificates of a private authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether `AES|CBC` may be read.
    pub legacy: bool,
}

/// Where settings live when nobody names a file.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The file of profiles; `None` where there is no home folder.
    pub profiles: Option<PathBuf>,
    /// The file of the 2017 command.
    pub old_config: Option<PathBuf>,
}

impl Places {
    /// The places of the user who runs this program.
    #[must_use]
    pub fn of_this_user() -> Self {
        Self {
            profiles: etcetera::base_strategy::Xdg::new()
                .ok()
                .map(|xdg| xdg.config_dir().join("crypt-keeper").join("ckc.toml")),
            old_config: etcetera::home_dir()
                .ok()
                .map(|home| home.join(".ckc_config.json")),
        }
    }

    /// The file of profiles in force: the one that was named, else the usual one.
    ///
    /// # Errors
    /// [`Error::Internal`] where there is no home folder and no file was named.
    pub fn profiles_file(&self, named: Option<&Path>) -> Result<PathBuf, Error> {
        named
            .map(Path::to_owned)
            .or_else(|| self.profiles.clone())
            .ok_or_else(|| {
                Error::Internal("there is no home folder: name a file with --config".to_owned())
            })
    }
}

/// What a command needs to speak to a service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub service: ServiceUrl,
    /// Who asks.
    pub credentials: Credentials,
    /// Whether plain http may leave this machine.
    pub plain_http: PlainHttp,
    /// Certificates of a private authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether `AES|CBC` may be read.
    pub legacy: bool,
    /// Whether something came from the file of the 2017 command.
    pub from_old_config: bool,
    /// What the user should know, one sentence each.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Gathers the settings in force.
    ///
    /// # Errors
    /// [`Error::MissingSetting`] if something is given nowhere, [`Error::SettingsFile`] if a file
    /// cannot be used, and those of [`ServiceUrl::parse`] and [`Credentials::new`].
    pub fn resolve(overrides: Overrides, places: &Places) -> Result<Self, Error> {
        let named = overrides.config.is_some() || overrides.profile.is_some();
        let profile = if named {
            let path = places.profiles_file(overrides.config.as_deref())?;
            ProfileFile::read(&path)?.into_profile(overrides.profile.as_deref())?
        } else {
            match &places.profiles {
                Some(path) if path.exists() => ProfileFile::read(path)?.into_profile(None)?,
                _ => Profile::default(),
            }
        };
        let mut url = overrides.url.or(profile.url);
        let mut user = overrides.user.or(profile.user);
        let mut api_key = overrides.api_key.or(profile.api_key);
        let mut from_old_config = false;
        let mut warnings = Vec::new();
        if let (true, Some(path)) = (
            url.is_none() || user.is_none() || api_key.is_none(),
            &places.old_config,
        ) && let Some(old) = OldConfig::read(path)?
        {
            from_old_config = url.is_none() && old.url.is_some()
                || user.is_none() && old.user.is_some()
                || api_key.is_none() && old.api_key.is_some();
            if from_old_config {
                warnings.extend(old.warning(path));
            }
            url = url.or(old.url);
            user = user.or(old.user);
            api_key = api_key.or(old.api_key);
        }
        let plain_http = if overrides.allow_plain_http || profile.allow_plain_http {
            PlainHttp::Anywhere
        } else {
            PlainHttp::LoopbackOnly
        };
        let url = url.ok_or(Error::MissingSetting(Setting::Url))?;
        let user = user.ok_or(Error::MissingSetting(Setting::User))?;
        let api_key = api_key.ok_or(Error::MissingSetting(Setting::ApiKey))?;
        Ok(Self {
            service: ServiceUrl::parse(&url, plain_http)?,
            credentials: Credentials::new(user, api_key)?,
            plain_http,
            ca_file: overrides.ca_file.or(profile.ca_file),
            legacy: overrides.legacy || profile.legacy,
            from_old_config,
            warnings,
        })
    }
}

#[cfg(test)]
mod tests;
