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
mod tests {
    use super::*;
    use crate::error::SettingsProblem;
    use crypt_keeper_secret::ExposeSecret;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Home {
        folder: tempfile::TempDir,
        places: Places,
    }

    impl Home {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let places = Places {
                profiles: Some(folder.path().join("ckc.toml")),
                old_config: Some(folder.path().join(".ckc_config.json")),
            };
            Self { folder, places }
        }

        fn write(&self, name: &str, mode: u32, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn resolve(&self, overrides: Overrides) -> Result<Settings, Error> {
            Settings::resolve(overrides, &self.places)
        }
    }

    const PROFILES: &str = r#"
default = "work"

[profiles.work]
url = "https://work"
user = "alice"
api_key = "ck_work"
legacy = true

[profiles.home]
url = "https://home"
user = "al"
api_key = "ck_home"
"#;

    fn shown(settings: &Settings) -> String {
        let key = settings.credentials.api_key().expose_secret();
        format!("{} {} {key}", settings.service, settings.credentials.user())
    }

    #[test]
    fn the_command_line_wins_over_the_profile_and_the_profile_over_the_old_file() {
        let home = Home::new();
        home.write(
            ".ckc_config.json",
            0o600,
            r#"{"url": "https://old", "user": "o", "api_key": "k"}"#,
        );
        let old = home.resolve(Overrides::default()).unwrap();
        assert_eq!(shown(&old), "https://old o k");
        assert!(old.from_old_config && old.warnings.is_empty());

        home.write("ckc.toml", 0o600, PROFILES);
        let profile = home.resolve(Overrides::default()).unwrap();
        assert_eq!(shown(&profile), "https://work alice ck_work");
        assert!(!profile.from_old_config && profile.legacy);

        let user = Overrides {
            user: Some("bob".to_owned()),
            ..Overrides::default()
        };
        assert_eq!(
            shown(&home.resolve(user).unwrap()),
            "https://work bob ck_work"
        );
        let named = Overrides {
            profile: Some("home".to_owned()),
            ..Overrides::default()
        };
        assert_eq!(
            shown(&home.resolve(named).unwrap()),
            "https://home al ck_home"
        );
    }

    #[test]
    fn what_is_given_nowhere_is_named() {
        let home = Home::new();
        let mut overrides = Overrides::default();
        let missing = |overrides: &Overrides| match home.resolve(overrides.clone()) {
            Err(Error::MissingSetting(setting)) => setting,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(&overrides), Setting::Url);
        overrides.url = Some("https://h".to_owned());
        assert_eq!(missing(&overrides), Setting::User);
        overrides.user = Some("alice".to_owned());
        assert_eq!(missing(&overrides), Setting::ApiKey);
    }

    #[test]
    fn a_profile_that_others_may_read_is_refused_and_the_old_file_is_warned_about() {
        let home = Home::new();
        home.write(
            ".ckc_config.json",
            0o644,
            r#"{"url": "https://old", "user": "o", "api_key": "k"}"#,
        );
        let warnings = home.resolve(Overrides::default()).unwrap().warnings;
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].contains("0644") && warnings[0].contains("chmod 600"),
            "{warnings:?}"
        );

        for mode in [0o640, 0o604, 0o620, 0o666] {
            home.write("ckc.toml", mode, PROFILES);
            let error = home.resolve(Overrides::default()).unwrap_err();
            assert!(
                matches!(&error, Error::SettingsFile { problem: SettingsProblem::TooWide(m), .. } if *m == mode),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_named_file_must_exist_and_a_named_profile_too() {
        let home = Home::new();
        let absent = Overrides {
            config: Some(home.folder.path().join("no")),
            ..Overrides::default()
        };
        assert!(matches!(
            home.resolve(absent),
            Err(Error::SettingsFile {
                problem: SettingsProblem::Unreadable(_),
                ..
            })
        ));
        home.write("ckc.toml", 0o600, PROFILES);
        let unknown = Overrides {
            profile: Some("x".to_owned()),
            ..Overrides::default()
        };
        let error = home.resolve(unknown).unwrap_err();
        assert!(error.to_string().contains("it has: home, work"), "{error}");
    }

    #[test]
    fn broken_files_are_named_with_their_line_and_without_their_secrets() {
        let home = Home::new();
        for (text, says) in [
            (
                "[profiles.a]\nurl = \"x\"\napi_key = \"ck_secret\" x\n",
                "line 3",
            ),
            (
                "[profiles.a]\napi_key = \"ck_secret\"\nkolor = 1\n",
                "line 3",
            ),
            ("[profiles.a]\nlegacy = \"ck_secret\"\n", "line 2"),
        ] {
            home.write("ckc.toml", 0o600, text);
            let error = home.resolve(Overrides::default()).unwrap_err().to_string();
            assert!(
                error.contains(says) && !error.contains("ck_secret"),
                "{error}"
            );
        }
        home.write("ckc.toml", 0o600, "");
        home.write(".ckc_config.json", 0o600, r#"{"api_key": "ck_secret", "#);
        let error = home.resolve(Overrides::default()).unwrap_err().to_string();
        assert!(
            error.contains("not JSON") && !error.contains("ck_secret"),
            "{error}"
        );
    }

    #[test]
    fn login_adds_a_profile_and_keeps_the_rest_of_the_file() {
        let home = Home::new();
        let path = home.folder.path().join("new").join("ckc.toml");
        let profile = |user: &str| Profile {
            url: Some("https://h".to_owned()),
            user: Some(user.to_owned()),
            api_key: Some(SecretString::from("ck_1")),
            ..Profile::default()
        };
        ProfileFile::write_profile(&path, "default", &profile("alice")).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let folder = path.parent().unwrap();
        assert_eq!(
            fs::metadata(folder).unwrap().permissions().mode() & 0o777,
            0o700
        );

        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("# a remark\n[profiles.other]\nurl = \"https://o\"\nlegacy = true\n");
        fs::write(&path, text).unwrap();
        ProfileFile::write_profile(&path, "default", &profile("bob")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# a remark") && text.contains("legacy = true"),
            "{text}"
        );
        let read = ProfileFile::read(&path)
            .unwrap()
            .into_profile(Some("default"))
            .unwrap();
        assert_eq!(read.user.as_deref(), Some("bob"));
    }

    #[test]
    fn one_profile_needs_no_name_and_several_need_a_default() {
        let home = Home::new();
        home.write(
            "ckc.toml",
            0o600,
            "[profiles.only]\nurl=\"https://h\"\nuser=\"a\"\napi_key=\"k\"\n",
        );
        assert_eq!(
            shown(&home.resolve(Overrides::default()).unwrap()),
            "https://h a k"
        );
        home.write(
            "ckc.toml",
            0o600,
            "[profiles.a]\nurl=\"https://h\"\n[profiles.b]\nurl=\"https://i\"\n",
        );
        let error = home.resolve(Overrides::default()).unwrap_err().to_string();
        assert!(
            error.contains("no profile 'default' (it has: a, b)"),
            "{error}"
        );
    }
}
