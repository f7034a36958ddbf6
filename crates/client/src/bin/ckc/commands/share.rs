//! `ckc share` and `ckc shares`.

use crate::args::ShareArgs;
use crate::context::Session;
use crate::input;
use crate::old_command_line::python_list;
use crate::words::Style;
use crypt_keeper_client::Error;
use crypt_keeper_client::terminal::escaped;
use serde::Serialize;

pub(crate) async fn run(session: &Session, args: &ShareArgs) -> Result<(), Error> {
    match &args.add {
        Some(user) => add(session, &args.id, std::slice::from_ref(user)).await,
        None if args.users.is_empty() => list(session, &args.id).await,
        None => add(session, &args.id, &args.users).await,
    }
}

async fn add(session: &Session, id: &str, users: &[String]) -> Result<(), Error> {
    let id = input::document_id(id)?;
    let words = session.words;
    for user in users {
        let shared = session.client.share(id, user).await?;
        match words.style {
            Style::OldJson => words.json(&Added {
                resource_url: &shared.resource_uri,
            })?,
            Style::Old => {
                words.result(&format!("Successfully added {} to {id}.", escaped(user)))?
            }
            Style::Plain => words.result(&format!("Shared {id} with {}.", escaped(user)))?,
            Style::Quiet | Style::Json => {}
        }
    }
    match words.style {
        Style::Json => words.json(&Shared {
            document_id: &id.to_string(),
            shared_with: users,
        }),
        Style::Quiet => words.result(&id.to_string()),
        Style::Plain | Style::Old | Style::OldJson => Ok(()),
    }
}

pub(crate) async fn list(session: &Session, id: &str) -> Result<(), Error> {
    let id = input::document_id(id)?;
    let words = session.words;
    let users = session.client.shares(id).await?.users;
    match words.style {
        Style::Json | Style::OldJson => words.json(&Users {
            document_id: &id.to_string(),
            users: &users,
        }),
        Style::Old => words.result(&format!(
            "Users {} have access to {id}.",
            python_list(&users)
        )),
        Style::Plain | Style::Quiet => users
            .iter()
            .try_for_each(|user| words.result(&escaped(user).to_string())),
    }
}

#[derive(Serialize)]
struct Shared<'a> {
    document_id: &'a str,
    shared_with: &'a [String],
}

/// The same in both command lines.
#[derive(Serialize)]
struct Users<'a> {
    document_id: &'a str,
    users: &'a [String],
}

/// Of the old command line.
#[derive(Serialize)]
struct Added<'a> {
    resource_url: &'a str,
}
