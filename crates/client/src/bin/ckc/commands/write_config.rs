//! `ckc write-config` of the 2017 command: keeps what was typed in `~/.ckc_config.json`.

use crate::context::Typed;
use crate::words::Style;
use crypt_keeper_client::config::{OldConfig, Places};
use crypt_keeper_client::terminal::escaped_path;
use crypt_keeper_client::{Credentials, Error, PlainHttp, ServiceUrl, Setting};
use serde::Serialize;

pub(crate) fn run(typed: &Typed) -> Result<(), Error> {
    let words = typed.words(true);
    let path = Places::of_this_user()
        .old_config
        .ok_or_else(|| Error::Internal("there is no home folder".to_owned()))?;
    let mut config = OldConfig::read(&path)?.unwrap_or_default();
    let typed = &typed.overrides;
    config.url = typed.url.clone().or(config.url);
    config.user = typed.user.clone().or(config.user);
    config.api_key = typed.api_key.clone().or(config.api_key);
    // What could never be used is not kept.
    if let Some(url) = &config.url {
        ServiceUrl::parse(url, PlainHttp::Anywhere)?;
    }
    match (&config.user, &config.api_key) {
        (Some(user), Some(key)) => drop(Credentials::new(user.clone(), key.clone())?),
        (None, None) if config.url.is_none() => return Err(Error::MissingSetting(Setting::Url)),
        _ => {}
    }
    config.write(&path)?;
    match words.style {
        Style::OldJson => words.json(&Written {
            success: true,
            filename: &path.to_string_lossy(),
        }),
        _ => words.result(&format!(
            "Successfully wrote config to file: {}",
            escaped_path(&path)
        )),
    }
}

#[derive(Serialize)]
struct Written<'a> {
    success: bool,
    filename: &'a str,
}
