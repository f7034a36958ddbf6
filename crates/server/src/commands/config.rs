//! `crypt-keeper config`: what is in force.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::escape::escaped;
use super::{Context, Failure, Output};
use crate::config::{KEYS, Key, Loaded};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what is in force, secrets redacted; fails if anything is wrong, and says what
    ///
    /// Built-in values, then the file, then the environment (CRYPT_KEEPER__SECTION__KEY), then the
    /// command line; each later one wins. Files and databases that it names are not looked at:
    /// that is for `crypt-keeper doctor`.
    ///
    /// Example: CRYPT_KEEPER__HTTP__LISTEN=127.0.0.1:9000 crypt-keeper config check
    #[command(verbatim_doc_comment, after_long_help = reference())]
    Check(Check),
}

/// How it is shown.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// JSON for scripts: one object, by key
    #[arg(long)]
    json: bool,
}

/// Does it. What is wrong has been said before this: no command begins with a configuration that
/// is.
pub(super) fn run(
    command: &Command,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let Command::Check(Check { json }) = command;
    let loaded = &context.loaded;
    if *json {
        return output.json(&shown(loaded));
    }
    match &loaded.file {
        Some(file) => output.note(format_args!("Read {}.", escaped(&file.to_string_lossy()))),
        None => output.note("No configuration file was read."),
    }
    for (key, value) in loaded.settings.rows() {
        let origin = loaded.origins.get(key).map(String::as_str);
        let origin = origin.map_or_else(String::new, |origin| format!("  # {}", escaped(origin)));
        match value {
            Some(value) => output.result(format_args!("{key} = {}{origin}", escaped(&value)))?,
            None => output.result(format_args!("# {key} is not set{origin}"))?,
        }
    }
    Ok(())
}

fn shown(loaded: &Loaded) -> Value {
    let keys: Map<String, Value> = loaded
        .settings
        .rows()
        .into_iter()
        .map(|(key, value)| {
            let origin = loaded.origins.get(key);
            (key.to_owned(), json!({ "value": value, "origin": origin }))
        })
        .collect();
    json!({
        "file": loaded.file.as_ref().map(|file| file.to_string_lossy().into_owned()),
        "keys": keys,
    })
}

/// Every key there is, for `--help`.
fn reference() -> String {
    let mut text = "Keys, and what is in force if they are not set:\n".to_owned();
    for Key {
        name,
        default,
        meaning,
    } in KEYS
    {
        let default = if default.is_empty() {
            "nothing"
        } else {
            default
        };
        text.push_str(&format!("  {name} [{default}]\n      {meaning}\n"));
    }
    text
}
