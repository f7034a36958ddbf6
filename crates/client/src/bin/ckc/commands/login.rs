//! `ckc login`: asks, tries, keeps.

use crate::context::{Typed, secret};
use crate::input;
use crate::terminal_modes::TerminalModes;
use crate::words::{Style, Words};
use crypt_keeper_client::config::{Places, Profile, ProfileFile, Settings};
use crypt_keeper_client::terminal::{escaped, escaped_path};
use crypt_keeper_client::{Client, Error, Setting};
use crypt_keeper_secret::SecretString;
use serde::Serialize;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

/// Name of the profile that is written when none is named.
const DEFAULT: &str = "default";

pub(crate) async fn run(mut typed: Typed) -> Result<(), Error> {
    let words = typed.words(false);
    let overrides = &mut typed.overrides;
    let path = Places::of_this_user().profiles_file(overrides.config.as_deref())?;
    let name = overrides
        .profile
        .take()
        .unwrap_or_else(|| DEFAULT.to_owned());
    // Only what was typed counts: a profile must not mix two services.
    overrides.config = None;
    let url = answer(
        overrides.url.take(),
        "Address of the service: ",
        Setting::Url,
    )?;
    let user = answer(overrides.user.take(), "User name: ", Setting::User)?;
    let api_key = match overrides.api_key.take() {
        Some(key) => key,
        None => ask_for_key().await?,
    };
    overrides.url = Some(url.clone());
    overrides.user = Some(user.clone());
    overrides.api_key = Some(api_key.clone());
    let settings = Settings::resolve(overrides.clone(), &Places::default())?;
    Client::new(&settings, typed.patience)?
        .check_credentials()
        .await?;
    let profile = Profile {
        url: Some(settings.service.to_string()),
        user: Some(user),
        api_key: Some(api_key),
        legacy: false,
        allow_plain_http: typed.overrides.allow_plain_http,
        ca_file: absolute(settings.ca_file.as_deref())?,
    };
    ProfileFile::write_profile(&path, &name, &profile)?;
    tell(words, &settings, &name, &path)
}

fn tell(words: Words, settings: &Settings, name: &str, path: &Path) -> Result<(), Error> {
    let user = settings.credentials.user();
    match words.style {
        Style::Json => words.json(&Answer {
            profile: name,
            path: &path.to_string_lossy(),
            url: &settings.service.to_string(),
            user,
        }),
        Style::Quiet => words.result(&escaped_path(path)),
        Style::Plain | Style::Old | Style::OldJson => words.result(&format!(
            "Logged in to {} as {}: profile {} in {}.",
            settings.service,
            escaped(user),
            escaped(name),
            escaped_path(path)
        )),
    }
}

fn absolute(path: Option<&Path>) -> Result<Option<std::path::PathBuf>, Error> {
    path.map(|path| {
        std::path::absolute(path).map_err(|source| Error::SourceUnreadable {
            path: path.to_owned(),
            source,
        })
    })
    .transpose()
}

fn answer(given: Option<String>, question: &str, setting: Setting) -> Result<String, Error> {
    if let Some(given) = given {
        return Ok(given);
    }
    if !io::stdin().is_terminal() {
        return Err(Error::MissingSetting(setting));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .map_err(Error::Output)?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(Error::Input)?;
    match line.trim() {
        "" => Err(Error::MissingSetting(setting)),
        text => Ok(text.to_owned()),
    }
}

/// Asks without echo; where nobody types, the first line of standard input is the key.
async fn ask_for_key() -> Result<SecretString, Error> {
    let key = if io::stdin().is_terminal() {
        secret(typed_unseen().await?.trim().to_owned())
    } else {
        input::api_key_of(Path::new("-"))?
    };
    if input::is_empty(&key) {
        Err(Error::MissingSetting(Setting::ApiKey))
    } else {
        Ok(key)
    }
}

/// What is typed while the terminal does not show it. Whatever ends the program meanwhile, the
/// terminal is left as it was: signals are heard from here on, and dropping this restores it.
async fn typed_unseen() -> Result<String, Error> {
    let _restored = TerminalModes::restored_on_drop();
    // Lets the other side of `main` begin to listen for signals.
    tokio::task::yield_now().await;
    let typed = tokio::task::spawn_blocking(|| {
        rpassword::prompt_password("API key (not shown): ").map_err(Error::Input)
    });
    match typed.await {
        // Ctrl-C, which comes as a signal too: that one ends the program.
        Ok(Err(Error::Input(error))) if error.kind() == io::ErrorKind::Interrupted => {
            std::future::pending().await
        }
        Ok(typed) => typed,
        Err(_) => Err(Error::Internal("the question was interrupted".to_owned())),
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    profile: &'a str,
    path: &'a str,
    url: &'a str,
    user: &'a str,
}
