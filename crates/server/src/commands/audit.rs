//! `crypt-keeper audit`: who did what, and when.

use std::collections::HashMap;
use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::model::{
    Actor, AuditAction, AuditEntry, AuditId, DocumentId, PageLimit, PageRequest, Timestamp, UserId,
    UserName,
};
use crypt_keeper_domain::usecase::{AuditQuery, ReadAudit};
use serde_json::json;
use uuid::Uuid;

use super::administration::Administration;
use super::documents::{name_of, parse_id};
use super::page::{at_end, parse_limit};
use super::table::Table;
use super::times::{parse_moment, seconds};
use super::user::{parse_name, unknown_user};
use super::{Failure, Output};

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what was done, the newest first
    ///
    /// Every release of a document's key, every grant, every act of an operator is there, written
    /// in the same step as the act itself. With --json --all it is an export: one JSON object a
    /// line, times in UTC.
    ///
    /// Examples:
    ///   crypt-keeper audit list --document 0197f6f0-0000-7000-8000-000000000000
    ///   crypt-keeper audit list --action document.released --since 2026-03-01 --json --all
    #[command(verbatim_doc_comment)]
    List(List),
}

/// A page of the audit log, or all of it.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only what was done to this document
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    document: Option<DocumentId>,

    /// Only what was done by, to, or to the good of this user
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    user: Option<UserName>,

    /// Only acts of this kind
    #[arg(long, value_parser = action_parser())]
    action: Option<String>,

    /// From this moment on: 2026-03-01, or 2026-03-01T12:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    since: Option<Timestamp>,

    /// Before this moment
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    until: Option<Timestamp>,

    /// The most acts to show, 1 to 1000
    #[arg(
        long,
        value_name = "COUNT",
        default_value = "100",
        value_parser = parse_limit,
        conflicts_with = "all"
    )]
    limit: PageLimit,

    /// Begin after this act, the last one of the page before
    #[arg(long, value_name = "ID", value_parser = parse_audit_id)]
    after: Option<AuditId>,

    /// All acts, page after page
    #[arg(long)]
    all: bool,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

fn action_parser() -> clap::builder::PossibleValuesParser {
    AuditAction::ALL.iter().map(|action| action.as_str()).into()
}

fn parse_audit_id(text: &str) -> Result<AuditId, String> {
    Uuid::try_parse(text)
        .map(AuditId::from_uuid)
        .map_err(|_| "the id of an act is needed, as `--json` shows it".to_owned())
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    let Command::List(list) = command;
    let read = ReadAudit {
        audit: Arc::clone(&admin.stores.audit),
        accounts: Arc::clone(&admin.stores.accounts),
    };
    let query = list.query();
    let mut page = PageRequest {
        after: list.after,
        limit: if list.all { PageLimit::MAX } else { list.limit },
    };
    let mut is_first = true;
    loop {
        let found = read.run(&admin.call, &query, &page).await;
        let (found, names) = found.map_err(|error| match &list.user {
            Some(name) => unknown_user(error, name),
            None => error.into(),
        })?;
        if list.json {
            for entry in &found.items {
                output.json(&shown(entry, &names))?;
            }
        } else if is_first || !found.items.is_empty() {
            output.result(table(&found.items, &names, is_first))?;
        }
        is_first = false;
        match found.next {
            Some(next) if list.all => page.after = Some(next),
            next => {
                at_end(next, output);
                return Ok(());
            }
        }
    }
}

impl List {
    fn query(&self) -> AuditQuery {
        AuditQuery {
            document: self.document,
            user: self.user.clone(),
            // Only names of actions pass the parser.
            action: self.action.as_ref().and_then(|name| name.parse().ok()),
            since: self.since,
            until: self.until,
        }
    }
}

fn table(
    entries: &[AuditEntry],
    names: &HashMap<UserId, UserName>,
    with_headings: bool,
) -> Table<5> {
    let mut table = if with_headings {
        Table::new(["AT", "ACTION", "BY", "FROM", "ON"])
    } else {
        Table::without_headings()
    };
    for entry in entries {
        table.push([
            seconds(entry.at),
            entry.action.to_string(),
            by(entry, names),
            entry.address.clone().unwrap_or_default(),
            on(entry, names),
        ]);
    }
    table
}

fn by(entry: &AuditEntry, names: &HashMap<UserId, UserName>) -> String {
    match entry.actor {
        Actor::User { id, .. } => name_of(id, names),
        // A user may bear these names too.
        Actor::Operator | Actor::System => format!("({})", entry.actor.kind()),
    }
}

/// Everything that it was done to: `document 0197.. for bob (read+share)`.
fn on(entry: &AuditEntry, names: &HashMap<UserId, UserName>) -> String {
    let mut words = Vec::new();
    if let Some(document) = entry.document {
        words.push(format!("document {document}"));
    }
    if let Some(crypt_keeper_domain::model::Principal::User(user)) = entry.principal {
        words.push(format!("for {}", name_of(user, names)));
    }
    if let Some(rights) = entry.rights {
        words.push(format!("({rights})"));
    }
    if let Some(user) = entry.user {
        words.push(format!("user {}", name_of(user, names)));
    }
    if let Some(api_key) = entry.api_key {
        words.push(format!("API key {api_key}"));
    }
    if let (Some(serial), None) = (entry.serial, entry.document) {
        words.push(format!("key pair {serial}"));
    }
    if let Some(partition) = entry.partition {
        words.push(format!("partition {partition}"));
    }
    if let Some(master_key) = entry.master_key {
        words.push(format!("master key {master_key}"));
    }
    words.join(" ")
}

/// Every column, always, so that an export is as regular as a table.
fn shown(entry: &AuditEntry, names: &HashMap<UserId, UserName>) -> serde_json::Value {
    let name = |user: Option<UserId>| {
        user.and_then(|user| names.get(&user))
            .map(|name| name.as_str().to_owned())
    };
    let (actor_id, actor_api_key) = match entry.actor {
        Actor::User { id, api_key } => (Some(id), Some(api_key)),
        Actor::Operator | Actor::System => (None, None),
    };
    let principal = entry
        .principal
        .map(|crypt_keeper_domain::model::Principal::User(user)| user);
    json!({
        "id": entry.id.to_string(),
        "at": entry.at.to_string(),
        "action": entry.action.as_str(),
        "actor": entry.actor.kind(),
        "actor_id": actor_id.map(|id| id.to_string()),
        "actor_name": name(actor_id),
        "actor_api_key": actor_api_key.map(|id| id.to_string()),
        "request_id": entry.request_id.as_str(),
        "address": entry.address,
        "document": entry.document.map(|id| id.to_string()),
        "principal": principal.map(|id| id.to_string()),
        "principal_name": name(principal),
        "rights": entry.rights.map(|rights| rights.to_string()),
        "user": entry.user.map(|id| id.to_string()),
        "user_name": name(entry.user),
        "api_key": entry.api_key.map(|id| id.to_string()),
        "serial": entry.serial.map(|serial| serial.to_string()),
        "partition": entry.partition.map(|partition| partition.to_string()),
        "master_key": entry.master_key.map(|id| id.to_string()),
    })
}
