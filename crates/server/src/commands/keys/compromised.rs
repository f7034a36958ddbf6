use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::model::{PageLimit, PageRequest};
use crypt_keeper_domain::usecase::{CompromiseKeys, InspectDocuments, MarkExposed, Which};
use serde_json::json;

use super::super::administration::Administration;
use super::super::documents::{self, DocumentTable};
use super::super::{Failure, Output};
use super::{OnePair, SuccessorArgs, count_documents, documents as in_words, shown};
use crate::config::{RewrapRate, Settings};

/// The most documents that are listed; `documents list` goes on.
const LISTED: usize = 100;

/// Declare that somebody else may have a key pair's private half: there is no way back
///
/// From then on its documents are released no more, in any process, until their keys are wrapped
/// under another pair, which a running service does by itself. That restores service; it does not
/// protect documents whose old wraps may have been copied. So all of them stay marked as exposed,
/// for good: only a new upload helps. If it is the active pair, a new one takes over in the same
/// step.
///
/// It can be run again if it was interrupted.
///
/// Example: crypt-keeper keys compromised 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Compromised {
    #[command(flatten)]
    pair: OnePair,
    #[command(flatten)]
    successor: SuccessorArgs,
}

impl Compromised {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let compromise = CompromiseKeys {
            registry: Arc::clone(&admin.stores.registry),
            entropy: Arc::clone(&admin.entropy),
            successor: self.successor.create(settings, admin).await?,
        };
        let stopped = compromise.run(&admin.call, serial).await?;
        if !self.pair.json {
            output.result(format_args!(
                "Key pair {serial} {}: it unwraps for rewrapping only.",
                if stopped.changed {
                    "is compromised from now on"
                } else {
                    "was compromised already"
                }
            ))?;
            self.successor.tell(&stopped, output)?;
        }

        // The release has stopped by now; the rest may take its time.
        let mark = MarkExposed {
            registry: Arc::clone(&admin.stores.registry),
            store: Arc::clone(&admin.stores.store),
        };
        let marked = mark.run(&admin.call, serial).await?;
        let count = count_documents(admin).run(&admin.call, serial).await?;
        if self.pair.json {
            output.json(&json!({
                "pair": shown(&stopped.pair),
                "successor": stopped.successor.as_ref().map(shown),
                "changed": stopped.changed,
                "live_documents": count,
                "newly_exposed": marked,
            }))?;
            return self.list_json(admin, output).await;
        }
        output.result(format_args!(
            "Until they are rewrapped, {} not released.",
            in_words(count, "is", "are")
        ))?;
        output.result(format_args!(
            "Newly marked as exposed: {marked}. `crypt-keeper documents list --exposed --by-owner` \
             says whose they are; tell them that only a new upload helps."
        ))?;
        if count > 0 {
            output.result(self.who_rewraps(settings))?;
        }
        self.list(count, admin, output).await
    }

    fn who_rewraps(&self, settings: &Settings) -> String {
        let serial = self.pair.serial;
        match settings.keys.rewrap_rate {
            RewrapRate::Off => format!("`crypt-keeper keys rewrap {serial}` rewraps them."),
            RewrapRate::PerSecond(_) | RewrapRate::Unlimited => format!(
                "The running service begins to rewrap them within half a minute; so does \
                 `crypt-keeper keys rewrap {serial}`, beside it."
            ),
        }
    }

    /// All of them, one object a line.
    async fn list_json(&self, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
        let inspect = inspect(admin);
        let mut request = PageRequest {
            after: None,
            limit: PageLimit::MAX,
        };
        loop {
            let which = Which::WrappedBy(self.pair.serial);
            let (page, names) = inspect
                .list(&admin.call, which, &request)
                .await
                .map_err(documents::listing_failed)?;
            for document in &page.items {
                output.json(&documents::shown(document, &names, admin.call.at))?;
            }
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn list(
        &self,
        count: u64,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        let inspect = inspect(admin);
        let request = PageRequest {
            after: None,
            limit: PageLimit::clamped(LISTED),
        };
        let which = Which::WrappedBy(self.pair.serial);
        let (page, names) = inspect
            .list(&admin.call, which, &request)
            .await
            .map_err(documents::listing_failed)?;
        let mut table = DocumentTable::new(&names, admin.call.at);
        for document in &page.items {
            table.push(document);
        }
        output.result("")?;
        output.result(table)?;
        if let Some(next) = page.next {
            output.note(format_args!(
                "There are more: go on with `crypt-keeper documents list --key-pair {} --after \
                 {next}`",
                self.pair.serial
            ));
        }
        Ok(())
    }
}

fn inspect(admin: &Administration) -> InspectDocuments {
    InspectDocuments {
        store: Arc::clone(&admin.stores.store),
        accounts: Arc::clone(&admin.stores.accounts),
    }
}
