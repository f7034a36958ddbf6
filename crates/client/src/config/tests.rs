//! What wins over what, and what is said of files that cannot be used.

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
