//! `crypt-keeper api-key`: what users sign in with.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{ApiKey, ApiKeyId, Timestamp, UserName};
use crypt_keeper_domain::usecase::AdministerApiKeys;
use crypt_keeper_secret::{ExposeSecret, SecretString};
use serde_json::json;

use super::administration::Administration;
use super::escape::{escaped, shell_word};
use super::expiry::Expiry;
use super::table::Table;
use super::times::{seconds, seconds_or_dash};
use super::user::{parse_name, unknown_user};
use super::{Failure, Output};

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an API key, and print it alone on stdout: the only time it can be seen
    ///
    /// A user has two live keys at most, the one in use and the one that will replace it. To
    /// replace a key: create the new one, change the clients over, revoke the old one.
    ///
    /// Example: crypt-keeper api-key create alice --expires-in 90d
    #[command(verbatim_doc_comment)]
    Create(Create),

    /// List a user's API keys, the oldest first: their ids, never the keys
    ///
    /// Example: crypt-keeper api-key list alice
    #[command(verbatim_doc_comment)]
    List(List),

    /// Refuse an API key for ever
    ///
    /// It takes effect at once, also in a running service. Give the id alone, as `api-key list`
    /// shows it: command lines are seen by other users of this machine, so a whole key does not
    /// belong there.
    ///
    /// Example: crypt-keeper api-key revoke 4mT9xQ2bKc7R
    #[command(verbatim_doc_comment)]
    Revoke(Revoke),
}

/// A new API key.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The user's name
    #[arg(value_parser = parse_name)]
    name: UserName,

    #[command(flatten)]
    expiry: Expiry,
}

/// A list of API keys.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The user's name
    #[arg(value_parser = parse_name)]
    name: UserName,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// An API key that is to be refused.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The key's id: 12 letters and digits; `ck_` before them does not matter
    id: Reference,
}

/// What names an API key. It may be a whole key, against all advice: so it is kept as a secret,
/// and never repeated in an error.
#[derive(Clone, Debug)]
pub(super) struct Reference(SecretString);

impl FromStr for Reference {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(SecretString::from(text)))
    }
}

impl Reference {
    /// The id, and whether more than it was given.
    fn id(&self) -> Option<(ApiKeyId, bool)> {
        let text = self.0.expose_secret().trim();
        let bare = text.strip_prefix("ck_").unwrap_or(text);
        let (id, rest) = match bare.split_once('_') {
            Some((id, rest)) => (id, !rest.is_empty()),
            None => (bare, false),
        };
        Some((ApiKeyId::parse(id).ok()?, rest))
    }
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Create(Create { name, expiry }) => {
            create(admin, name, expiry.from(admin.call.at), output).await
        }
        Command::List(list) => list.run(admin, output).await,
        Command::Revoke(revoke) => revoke.run(admin, output).await,
    }
}

fn api_keys(admin: &Administration) -> AdministerApiKeys {
    AdministerApiKeys {
        accounts: Arc::clone(&admin.stores.accounts),
        entropy: Arc::clone(&admin.entropy),
    }
}

/// Makes a key and prints it, alone.
pub(super) async fn create(
    admin: &Administration,
    name: &UserName,
    expires_at: Option<Timestamp>,
    output: &mut Output,
) -> Result<(), Failure> {
    let shown = escaped(name.as_str());
    let new = api_keys(admin)
        .create(&admin.call, name, expires_at)
        .await
        .map_err(|error| match error {
            Error::TooManyApiKeys { limit } => Failure::Failed(format!(
                "user {shown} has {limit} live API keys, the most that are allowed: see \
                 `crypt-keeper api-key list {}`, and revoke one first",
                shell_word(name.as_str())
            )),
            other => unknown_user(other, name),
        })?;
    let life = match new.stored.expires_at {
        Some(end) => format!("It expires at {}.", seconds(end)),
        None => "It does not expire by itself.".to_owned(),
    };
    output.note(format_args!(
        "API key {} of user {shown}, on stdout now and never again. {life}",
        new.stored.id
    ));
    output.result(new.token.expose_secret())
}

impl List {
    async fn run(&self, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
        let keys = api_keys(admin)
            .list(&admin.call, &self.name)
            .await
            .map_err(|error| unknown_user(error, &self.name))?;
        let mut table = Table::new(["ID", "STATE", "CREATED", "EXPIRES", "REVOKED"]);
        for key in keys {
            let state = state(&key, admin.call.at);
            if self.json {
                output.json(&json!({
                    "id": key.id.as_str(),
                    "state": state,
                    "created_at": key.created_at.to_string(),
                    "expires_at": key.expires_at.map(|at| at.to_string()),
                    "revoked_at": key.revoked_at.map(|at| at.to_string()),
                }))?;
            } else {
                table.push([
                    key.id.to_string(),
                    state.to_owned(),
                    seconds(key.created_at),
                    seconds_or_dash(key.expires_at),
                    seconds_or_dash(key.revoked_at),
                ]);
            }
        }
        if self.json {
            Ok(())
        } else {
            output.result(table)
        }
    }
}

fn state(key: &ApiKey, at: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.is_live(at) {
        "live"
    } else {
        "expired"
    }
}

impl Revoke {
    async fn run(&self, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
        let (id, whole) = self.id.id().ok_or_else(|| {
            Failure::Usage(
                "that is not the id of an API key: 12 letters and digits are needed, as \
                 `crypt-keeper api-key list NAME` shows them"
                    .to_owned(),
            )
        })?;
        if whole {
            output.note(
                "warning: more than the id was given. Command lines are seen by other users of \
                 this machine and kept in the shell's history: next time give the id alone.",
            );
        }
        let changed = api_keys(admin).revoke(&admin.call, id).await.map_err(
            |error| match error {
                Error::NoSuchApiKey => Failure::Failed(format!(
                    "there is no API key {id}; `crypt-keeper api-key list NAME` lists those of a \
                     user"
                )),
                other => other.into(),
            },
        )?;
        if changed {
            output.note(format_args!(
                "API key {id} is revoked: it is refused from now on."
            ));
        } else {
            output.note(format_args!("API key {id} was revoked already."));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, bool)> {
        let Ok(reference) = text.parse::<Reference>();
        reference.id().map(|(id, whole)| (id.to_string(), whole))
    }

    #[test]
    fn an_id_is_taken_in_every_form_a_user_meets() {
        let id = "4mT9xQ2bKc7R".to_owned();
        let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
        assert_eq!(read("4mT9xQ2bKc7R"), Some((id.clone(), false)));
        assert_eq!(read("ck_4mT9xQ2bKc7R"), Some((id.clone(), false)));
        assert_eq!(
            read(&format!("ck_4mT9xQ2bKc7R_{secret}")),
            Some((id.clone(), true))
        );
        assert_eq!(read("ck_4mT9xQ2bKc7R_0123"), Some((id, true)));
        for text in [
            "",
            "ck_",
            "4mT9xQ2bKc7",
            "4mT9xQ2bKc7R0",
            secret,
            "ck_ck_4mT9xQ2bKc7R",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_whole_key_on_the_command_line_is_not_shown() {
        let Ok(reference) = "ck_4mT9xQ2bKc7R_SECRET".parse::<Reference>();
        assert!(!format!("{reference:?}").contains("SECRET"));
    }
}
