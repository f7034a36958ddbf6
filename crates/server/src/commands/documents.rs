//! `crypt-keeper documents`: what the service knows of documents, never a key.

use std::collections::HashMap;
use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{
    CallContext, Document, DocumentId, PageLimit, PageRequest, Principal, Serial, Timestamp,
    UserId, UserName,
};
use crypt_keeper_domain::usecase::{DocumentDetails, InspectDocuments, Which};
use serde_json::json;

use super::administration::Administration;
use super::keys::parse_serial;
use super::page::{at_end, parse_limit};
use super::table::Table;
use super::times::{seconds, seconds_or_dash};
use super::user::{parse_name, unknown_user};
use super::{Failure, Output};
use crate::error::Chain;

/// The most characters of a document's name in a table.
const NAME_WIDTH: usize = 60;

/// What to look at.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List documents: those of one owner with the newest first
    ///
    /// Others come in the order of retention class and id, the oldest of a class first. Shown is
    /// what the uploader said of them; nothing here can open one.
    ///
    /// Examples: crypt-keeper documents list --owner alice --limit 20
    ///           crypt-keeper documents list --exposed --by-owner
    #[command(verbatim_doc_comment)]
    List(List),

    /// Show one document and its access list: never its key
    ///
    /// Example: crypt-keeper documents show 0197f6f0-0000-7000-8000-000000000000
    #[command(verbatim_doc_comment)]
    Show(Show),
}

/// A page of documents.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those that this user uploaded
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    owner: Option<UserName>,

    /// Only those whose keys are wrapped under this key pair
    #[arg(long, value_name = "SERIAL", value_parser = parse_serial, conflicts_with = "owner")]
    key_pair: Option<Serial>,

    /// Only those whose keys were ever wrapped under a compromised key pair
    #[arg(long, conflicts_with = "key_pair")]
    exposed: bool,

    /// How many each owner has of them, in order of names: whom to tell
    #[arg(long, requires = "exposed", conflicts_with_all = ["owner", "limit", "after"])]
    by_owner: bool,

    /// The most documents to show, 1 to 1000
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = parse_limit)]
    limit: PageLimit,

    /// Begin after this document, the last one of the page before
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    after: Option<DocumentId>,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// One document.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The document's id
    #[arg(value_parser = parse_id)]
    id: DocumentId,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn parse_id(text: &str) -> Result<DocumentId, String> {
    DocumentId::parse(text).map_err(|error| error.to_string())
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    let documents = InspectDocuments {
        store: Arc::clone(&admin.stores.store),
        accounts: Arc::clone(&admin.stores.accounts),
    };
    match command {
        Command::List(list) => list.run(&documents, &admin.call, output).await,
        Command::Show(show) => show.run(&documents, &admin.call, output).await,
    }
}

impl List {
    async fn run(
        &self,
        documents: &InspectDocuments,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if self.by_owner {
            return self.owners(documents, context, output).await;
        }
        let request = PageRequest {
            after: self.after,
            limit: self.limit,
        };
        let (page, names) = documents
            .list(context, self.which(), &request)
            .await
            .map_err(|error| match &self.owner {
                Some(owner) if matches!(error, Error::NoSuchUser) => unknown_user(error, owner),
                _ => listing_failed(error),
            })?;
        let mut table = DocumentTable::new(&names, context.at);
        for document in &page.items {
            if self.json {
                output.json(&shown(document, &names, context.at))?;
            } else {
                table.push(document);
            }
        }
        if !self.json {
            output.result(table)?;
        }
        at_end(page.next, output);
        Ok(())
    }

    async fn owners(
        &self,
        documents: &InspectDocuments,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut table = Table::new(["OWNER", "EXPOSED DOCUMENTS"]);
        for exposed in documents.exposed_owners(context).await? {
            let name = exposed.name.as_ref().map(UserName::as_str);
            if self.json {
                output.json(&json!({
                    "owner_id": exposed.owner.to_string(),
                    "owner": name,
                    "exposed_documents": exposed.documents,
                }))?;
            } else {
                let id = exposed.owner.to_string();
                let name = name.map_or(id, str::to_owned);
                table.push([name, exposed.documents.to_string()]);
            }
        }
        if self.json {
            return Ok(());
        }
        output.result(table)
    }

    fn which(&self) -> Which<'_> {
        match (&self.owner, self.key_pair) {
            (Some(owner), _) if self.exposed => Which::KeyExposedOf(owner),
            (Some(owner), _) => Which::OwnedBy(owner),
            (None, Some(serial)) => Which::WrappedBy(serial),
            (None, None) if self.exposed => Which::KeyExposed,
            (None, None) => Which::All,
        }
    }
}

/// Why no page can be shown. A document that cannot be read is named by its error.
pub(super) fn listing_failed(error: Error) -> Failure {
    match error {
        Error::Corrupt(_) => Failure::Failed(format!(
            "{}; `crypt-keeper documents list --after ID`, with its id, goes on behind it",
            Chain(&error)
        )),
        other => other.into(),
    }
}

/// Documents, one a row.
pub(super) struct DocumentTable<'a> {
    table: Table<6>,
    names: &'a HashMap<UserId, UserName>,
    at: Timestamp,
}

impl<'a> DocumentTable<'a> {
    /// An empty one, for documents of these owners.
    pub(super) fn new(names: &'a HashMap<UserId, UserName>, at: Timestamp) -> Self {
        let table = Table::new(["ID", "OWNER", "STATE", "BYTES", "CREATED", "NAME"]);
        Self { table, names, at }
    }

    pub(super) fn push(&mut self, document: &Document) {
        self.table.push([
            document.id.to_string(),
            name_of(document.owner, self.names),
            state(document, self.at),
            document.metadata.content_length().to_string(),
            seconds(document.created_at),
            cut(document.metadata.name()),
        ]);
    }
}

impl std::fmt::Display for DocumentTable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}

impl Show {
    async fn run(
        &self,
        documents: &InspectDocuments,
        context: &CallContext,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let details = documents
            .show(context, self.id)
            .await
            .map_err(|error| match error {
                Error::NoSuchDocument => Failure::Failed(format!(
                    "there is no document {}; `crypt-keeper documents list` lists all",
                    self.id
                )),
                other => other.into(),
            })?;
        if self.json {
            return output.json(&all_of(&details, context.at));
        }
        output.result(facts(&details, context.at))?;
        let mut table = Table::new(["USER", "RIGHTS", "GRANTED BY", "GRANTED", "EXPIRES"]);
        for entry in &details.entries {
            let Principal::User(user) = entry.principal;
            table.push([
                name_of(user, &details.names),
                entry.rights.to_string(),
                name_of(entry.granted_by, &details.names),
                seconds(entry.granted_at),
                seconds_or_dash(entry.expires_at),
            ]);
        }
        output.result("")?;
        output.result(table)
    }
}

fn facts(details: &DocumentDetails, at: Timestamp) -> Table<2> {
    let document = &details.document;
    let metadata = &document.metadata;
    let object = document.object.as_ref();
    let mut table = Table::without_headings();
    for (name, value) in [
        ("id", document.id.to_string()),
        ("name", metadata.name().to_owned()),
        ("owner", name_of(document.owner, &details.names)),
        ("state", state(document, at)),
        ("bytes", metadata.content_length().to_string()),
        ("content type", metadata.content_type().to_owned()),
        ("compressed", metadata.compressed().to_string()),
        ("format", metadata.format().as_str().to_owned()),
        ("created", seconds(document.created_at)),
        ("expires", seconds_or_dash(document.expires_at)),
        ("legal hold", document.hold.to_string()),
        ("key exposed", document.key_exposed.to_string()),
        (
            "key pair",
            format!("{} ({})", document.wrapped_key.serial, details.key_state),
        ),
        ("object", document.object_key.to_string()),
        (
            "object bytes",
            object.map_or_else(
                || "not confirmed".to_owned(),
                |object| object.size.to_string(),
            ),
        ),
    ] {
        table.push([name.to_owned(), value]);
    }
    table
}

fn all_of(details: &DocumentDetails, at: Timestamp) -> serde_json::Value {
    let document = &details.document;
    let mut all = shown(document, &details.names, at);
    let entries: Vec<_> = details
        .entries
        .iter()
        .map(|entry| {
            let Principal::User(user) = entry.principal;
            json!({
                "user_id": user.to_string(),
                "user": details.names.get(&user).map(UserName::as_str),
                "rights": entry.rights.to_string(),
                "granted_by": details.names.get(&entry.granted_by).map(UserName::as_str),
                "granted_at": entry.granted_at.to_string(),
                "expires_at": entry.expires_at.map(|at| at.to_string()),
            })
        })
        .collect();
    all["compressed"] = document.metadata.compressed().into();
    all["format"] = document.metadata.format().as_str().into();
    all["serial"] = document.wrapped_key.serial.to_string().into();
    all["key_state"] = details.key_state.as_str().into();
    all["object_key"] = document.object_key.as_str().into();
    all["object_bytes"] = document.object.as_ref().map(|object| object.size).into();
    all["entries"] = entries.into();
    all
}

pub(super) fn shown(
    document: &Document,
    names: &HashMap<UserId, UserName>,
    at: Timestamp,
) -> serde_json::Value {
    json!({
        "id": document.id.to_string(),
        "name": document.metadata.name(),
        "owner_id": document.owner.to_string(),
        "owner": names.get(&document.owner).map(UserName::as_str),
        "state": document.state.as_str(),
        "expired": document.is_expired(at),
        "hold": document.hold,
        "key_exposed": document.key_exposed,
        "content_length": document.metadata.content_length(),
        "content_type": document.metadata.content_type(),
        "created_at": document.created_at.to_string(),
        "expires_at": document.expires_at.map(|at| at.to_string()),
    })
}

fn state(document: &Document, at: Timestamp) -> String {
    let mut state = document.state.to_string();
    if document.is_expired(at) {
        state.push_str("+expired");
    }
    if document.hold {
        state.push_str("+hold");
    }
    if document.key_exposed {
        state.push_str("+exposed");
    }
    state
}

/// The user's name; his id if the account is gone.
pub(super) fn name_of(user: UserId, names: &HashMap<UserId, UserName>) -> String {
    names
        .get(&user)
        .map_or_else(|| user.to_string(), UserName::to_string)
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    name.chars().take(NAME_WIDTH - 1).chain(['…']).collect()
}
