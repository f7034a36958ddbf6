//! `crypt-keeper user`: who may use the service.

use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{
    CallContext, InvalidRetentionName, PageLimit, PageRequest, RetentionClass, RetentionClasses,
    User, UserName, UserState,
};
use crypt_keeper_domain::usecase::{AdministerUsers, NewUser};
use serde_json::json;

use super::administration::Administration;
use super::escape::{escaped, shell_word};
use super::expiry::Expiry;
use super::table::Table;
use super::times::seconds;
use super::{Failure, Output, api_key};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a user
    ///
    /// A user signs in with a name and an API key. With --api-key one is made too and printed,
    /// alone, on stdout: the only time it can be seen.
    ///
    /// Example: crypt-keeper user add alice --api-key --expires-in 90d
    #[command(verbatim_doc_comment)]
    Add(Add),

    /// List all users, by name
    ///
    /// Example: crypt-keeper user list --json | jq -r 'select(.state == "disabled").name'
    #[command(verbatim_doc_comment)]
    List(List),

    /// Choose the retention class of the documents for which a user chooses none
    ///
    /// It holds for documents that the user uploads from now on; those that are there keep the end
    /// they were given. A class that is later taken out of the configuration is not passed over:
    /// uploads that choose no other are refused until the user is given one that is configured.
    ///
    /// Examples: crypt-keeper user set-retention alice short
    ///           crypt-keeper user set-retention alice --none
    #[command(verbatim_doc_comment)]
    SetRetention(SetRetention),

    /// Refuse a user from now on, without touching any document
    ///
    /// It takes effect at once, also in a running service: the next request with any of the user's
    /// API keys is refused. The user's documents stay, and those they are shared with keep their
    /// rights.
    ///
    /// Example: crypt-keeper user disable alice
    #[command(verbatim_doc_comment)]
    Disable(Named),

    /// Let a disabled user in again; the API keys are what they were
    ///
    /// Example: crypt-keeper user enable alice
    #[command(verbatim_doc_comment)]
    Enable(Named),
}

/// A new user.
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    who: Named,

    /// Make an API key too, and print it alone on stdout
    #[arg(long)]
    api_key: bool,

    #[command(flatten)]
    expiry: Expiry,

    /// The retention class of documents for which the user chooses none [default: that of
    /// `retention.default`, as it is when a document is uploaded]
    #[arg(long, value_name = "CLASS")]
    retention: Option<String>,
}

/// The retention class of a user.
#[derive(Debug, Args)]
#[group(id = "class", required = true, multiple = false, args = ["retention", "none"])]
pub(super) struct SetRetention {
    #[command(flatten)]
    who: Named,

    /// The class; `crypt-keeper retention show` lists them
    #[arg(value_name = "CLASS")]
    retention: Option<String>,

    /// That of `retention.default`, as it is when a document is uploaded
    #[arg(long)]
    none: bool,
}

/// A list of users.
#[derive(Debug, Args)]
pub(super) struct List {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// One user.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The user's name: at most 128 bytes, no `:`; letter case matters
    #[arg(value_parser = parse_name)]
    name: UserName,
}

pub(super) fn parse_name(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    retention: &RetentionClasses,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    let users = AdministerUsers {
        accounts: Arc::clone(&admin.stores.accounts),
        entropy: Arc::clone(&admin.entropy),
    };
    match command {
        Command::Add(add) => add.run(&users, retention, admin, output).await,
        Command::List(list) => list.run(&users, retention, &admin.call, output).await,
        Command::SetRetention(set) => set.run(&users, retention, &admin.call, output).await,
        Command::Disable(user) => {
            user.set_state(UserState::Disabled, &users, &admin.call, output)
                .await
        }
        Command::Enable(user) => {
            user.set_state(UserState::Active, &users, &admin.call, output)
                .await
        }
    }
}

impl Add {
    async fn run(
        &self,
        users: &AdministerUsers,
        retention: &RetentionClasses,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let context = &admin.call;
        let class = class_of(self.retention.as_deref(), retention)?;
        if self.expiry.is_given() && !self.api_key {
            return Err(Failure::Usage(
                "an expiry is that of an API key: give --api-key too".to_owned(),
            ));
        }
        let name = &self.who.name;
        let expires_at = self.expiry.from(context.at);
        // Before anything is stored: a user without the key that was asked for is half an answer.
        if expires_at.is_some_and(|end| end <= context.at) {
            return Err(Failure::Usage(
                "the API key would expire before it is made; choose a later moment".to_owned(),
            ));
        }
        let shown = escaped(name.as_str());
        let word = shell_word(name.as_str());
        users
            .create(
                context,
                NewUser {
                    name: name.clone(),
                    retention: class,
                },
            )
            .await
            .map_err(|error| match error {
                Error::UserNameTaken => Failure::Failed(format!(
                    "there is a user {shown} already; for an API key: crypt-keeper api-key create \
                     {word}"
                )),
                other => other.into(),
            })?;
        output.note(format_args!("Made user {shown}."));
        if self.api_key {
            return api_key::create(admin, name, expires_at, output).await;
        }
        output.note(format_args!(
            "To sign in, an API key is needed: crypt-keeper api-key create {word}"
        ));
        Ok(())
    }
}

impl List {
    async fn run(
        &self,
        users: &AdministerUsers,
        retention: &RetentionClasses,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut table = Table::new(["NAME", "STATE", "RETENTION", "CREATED", "ID"]);
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::MAX,
        };
        loop {
            let found = users.list(context, &page).await?;
            for user in found.items {
                if self.json {
                    output.json(&shown(&user, retention))?;
                } else {
                    table.push([
                        user.name.to_string(),
                        user.state.to_string(),
                        user.retention
                            .map_or_else(|| "-".to_owned(), |class| class_name(class, retention)),
                        seconds(user.created_at),
                        user.id.to_string(),
                    ]);
                }
            }
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        if self.json {
            Ok(())
        } else {
            output.result(table)
        }
    }
}

/// The class of a name that was given.
fn class_of(
    name: Option<&str>,
    retention: &RetentionClasses,
) -> Result<Option<RetentionClass>, Failure> {
    let Some(name) = name else { return Ok(None) };
    let named = name
        .parse()
        .map_err(|error: InvalidRetentionName| Failure::Usage(error.to_string()))?;
    let chosen = retention
        .choose(Some(&named), None)
        .map_err(|error| Failure::Usage(error.message))?;
    Ok(Some(chosen.class))
}

/// Its name, or where it is not configured (any more) its number.
fn class_name(class: RetentionClass, retention: &RetentionClasses) -> String {
    retention
        .policy(class)
        .map_or_else(|| class.to_string(), |policy| policy.name.to_string())
}

impl SetRetention {
    async fn run(
        &self,
        users: &AdministerUsers,
        retention: &RetentionClasses,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let name = &self.who.name;
        let class = class_of(self.retention.as_deref(), retention)?;
        let changed = users
            .set_retention(context, name, class)
            .await
            .map_err(|error| unknown_user(error, name))?;
        let shown = escaped(name.as_str());
        let of = match class {
            Some(class) => format!("of retention class {}", class_name(class, retention)),
            None => "of the configured default".to_owned(),
        };
        let when = if changed { "from now on" } else { "already" };
        output.note(format_args!(
            "Documents for which {shown} chooses no retention class are {of} {when}."
        ));
        Ok(())
    }
}

fn shown(user: &User, retention: &RetentionClasses) -> serde_json::Value {
    let policy = user.retention.and_then(|class| retention.policy(class));
    json!({
        "id": user.id.to_string(),
        "name": user.name.as_str(),
        "state": user.state.as_str(),
        "created_at": user.created_at.to_string(),
        "retention": user.retention.map(|class| json!({
            "number": class.number(),
            "name": policy.map(|policy| policy.name.as_str()),
        })),
    })
}

impl Named {
    async fn set_state(
        &self,
        state: UserState,
        users: &AdministerUsers,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let shown = escaped(self.name.as_str());
        let changed = users
            .set_state(context, &self.name, state)
            .await
            .map_err(|error| unknown_user(error, &self.name))?;
        if changed {
            output.note(format_args!("User {shown} is {state} now."));
        } else {
            output.note(format_args!("User {shown} is {state} already."));
        }
        Ok(())
    }
}

/// Names the user that there is not.
pub(super) fn unknown_user(error: Error, name: &UserName) -> Failure {
    match error {
        Error::NoSuchUser => Failure::Failed(format!(
            "there is no user {}; `crypt-keeper user list` lists all",
            escaped(name.as_str())
        )),
        other => other.into(),
    }
}
