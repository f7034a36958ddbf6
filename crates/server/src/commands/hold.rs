//! `crypt-keeper hold`: documents that must not expire.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{DocumentId, Hold, HoldReason, PageLimit, PageRequest};
use crypt_keeper_domain::usecase::{EnsureKeyPair, PlaceHold, RemoveHold, UploadLimits};
use serde_json::json;

use super::administration::Administration;
use super::documents::parse_id;
use super::follow::follow;
use super::parts::open_ports;
use super::table::Table;
use super::times::{seconds, seconds_or_dash};
use super::{Context, Failure, Output};
use crate::key_upkeep::rotate_keys;

/// What to do with holds.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Place a legal hold on a document: it does not expire until the hold is taken off
    ///
    /// Before it answers, the object is copied to where nothing deletes it, the document key is
    /// wrapped under a key pair of scope `hold`, and row and access list are copied. Whoever may read
    /// the document may go on doing so. It is refused once the objects of the document's partition
    /// are being deleted. One that broke off is completed by placing it again.
    ///
    /// Example: crypt-keeper hold add 0197f6f0-0000-7000-8000-000000000000 --reason "case 4711"
    #[command(verbatim_doc_comment)]
    Add(Add),

    /// Take a legal hold off
    ///
    /// The copies are deleted. The document lives on as its retention class says, if its partition is
    /// still there. If not, this deletes it for good, and has to be confirmed.
    ///
    /// Example: crypt-keeper hold remove 0197f6f0-0000-7000-8000-000000000000
    #[command(verbatim_doc_comment)]
    Remove(Remove),

    /// List all legal holds, in the order in which their documents were made
    ///
    /// Example: crypt-keeper hold list --json | jq -r 'select(.completed_at == null).document'
    #[command(verbatim_doc_comment)]
    List(List),
}

/// A new hold.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The document's id
    #[arg(value_parser = parse_id)]
    document: DocumentId,

    /// Why, such as the number of a case: 1 to 200 characters
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: HoldReason,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// A hold that is taken off.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The document's id
    #[arg(value_parser = parse_id)]
    document: DocumentId,

    /// The id once more, where the document is deleted by this
    #[arg(long, value_name = "DOCUMENT", value_parser = parse_id)]
    yes: Option<DocumentId>,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// All holds.
#[derive(Debug, Args)]
pub(super) struct List {
    /// JSON for scripts: one object a line
    #[arg(long)]
    json: bool,
}

fn parse_reason(text: &str) -> Result<HoldReason, String> {
    HoldReason::parse(text).map_err(|error| error.to_string())
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    context: &Context,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::Add(add) => add.run(context, admin, output).await,
        Command::Remove(remove) => remove.run(context, admin, output).await,
        Command::List(list) => list.run(admin, output).await,
    }
}

impl Add {
    async fn run(
        &self,
        context: &Context,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let parts = open_ports(context, admin).await?;
        let place = PlaceHold {
            store: Arc::clone(&parts.ports.store),
            holds: Arc::clone(&admin.stores.holds),
            objects: Arc::clone(&parts.objects.copies),
            vault: Arc::clone(&parts.ports.vault),
            first_pair: EnsureKeyPair {
                rotate: rotate_keys(&parts.ports),
                algorithm: context.settings().keys.algorithm,
            },
            entropy: Arc::clone(&admin.entropy),
            url_life: UploadLimits::default().url_life,
        };
        let id = self.document;
        let placing = place.run(&admin.call, id, self.reason.clone());
        let placed = follow(placing, output, async |passed: Duration| {
            Some(format!("copying the object, {} s", passed.as_secs()))
        });
        let placed = placed.await?;
        let size = placed.object.map(|object| object.size);
        if self.json {
            return output.json(&json!({
                "document": id.to_string(),
                "changed": placed.changed,
                "object_size": size,
            }));
        }
        if !placed.changed {
            return output.result(format_args!(
                "Document {id} is held already; nothing was changed."
            ));
        }
        let copied = size.map_or_else(
            || "it never had an object".to_owned(),
            |size| format!("its object ({size} bytes) is copied"),
        );
        output.result(format_args!(
            "Document {id} is held: {copied}. It does not expire until `crypt-keeper hold remove \
             {id}`."
        ))
    }
}

impl Remove {
    async fn run(
        &self,
        context: &Context,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let id = self.document;
        let parts = open_ports(context, admin).await?;
        let remove = RemoveHold {
            holds: Arc::clone(&admin.stores.holds),
            blobs: Arc::clone(&parts.ports.blobs),
            partitions: Arc::clone(&admin.stores.partitions),
            entropy: Arc::clone(&admin.entropy),
        };
        if !remove.lives_on(&admin.call, id).await? {
            self.require_confirmation()?;
        }
        let removed = remove.run(&admin.call, id).await?;
        if self.json {
            return output.json(&json!({
                "document": id.to_string(),
                "objects_deleted": removed.objects,
                "lives_on": removed.lives_on,
            }));
        }
        let then = if removed.lives_on {
            "It lives on as its retention class says."
        } else {
            "Its partition is gone: it is deleted."
        };
        output.result(format_args!(
            "Document {id} is under no hold any more. {then}"
        ))
    }

    fn require_confirmation(&self) -> Result<(), Failure> {
        let id = self.document;
        match self.yes {
            Some(confirmed) if confirmed == id => Ok(()),
            Some(other) => Err(Failure::Usage(format!(
                "{other} was confirmed, but the hold of {id} is to be taken off: nothing was done"
            ))),
            None => Err(Failure::Usage(format!(
                "the partition of document {id} is gone or going: without the hold the document is \
                 deleted for good. If that is meant, repeat it with --yes {id}: nothing was done"
            ))),
        }
    }
}

impl List {
    async fn run(&self, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
        let mut table = Table::new(["DOCUMENT", "PLACED", "COMPLETED", "REASON"]);
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::MAX,
        };
        loop {
            let found = admin.stores.holds.list_holds(&page).await;
            let found = found.map_err(Error::from)?;
            for hold in &found.items {
                if self.json {
                    output.json(&shown(hold))?;
                } else {
                    table.push([
                        hold.document.to_string(),
                        seconds(hold.placed_at),
                        seconds_or_dash(hold.completed_at),
                        hold.reason.to_string(),
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

fn shown(hold: &Hold) -> serde_json::Value {
    json!({
        "document": hold.document.to_string(),
        "reason": hold.reason.as_str(),
        "placed_at": hold.placed_at.to_string(),
        "completed_at": hold.completed_at.map(|at| at.to_string()),
    })
}
