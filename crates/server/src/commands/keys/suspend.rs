use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::usecase::SuspendKeys;
use serde_json::json;

use super::super::administration::Administration;
use super::super::{Failure, Output};
use super::{OnePair, SuccessorArgs, count_documents, documents, shown};
use crate::config::Settings;

/// Stop a key pair for now: its documents cannot be read until it is resumed
///
/// If it is the active one, a new pair takes over in the same step, so uploads go on. It takes
/// effect at once, in every process.
///
/// Example: crypt-keeper keys suspend 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Suspend {
    #[command(flatten)]
    pair: OnePair,
    #[command(flatten)]
    successor: SuccessorArgs,
}

impl Suspend {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let suspend = SuspendKeys {
            registry: Arc::clone(&admin.stores.registry),
            entropy: Arc::clone(&admin.entropy),
            successor: self.successor.create(settings, admin).await?,
        };
        let stopped = suspend.run(&admin.call, serial).await?;
        let count = count_documents(admin).run(&admin.call, serial).await?;
        if self.pair.json {
            return output.json(&json!({
                "pair": shown(&stopped.pair),
                "successor": stopped.successor.as_ref().map(shown),
                "changed": stopped.changed,
                "live_documents": count,
            }));
        }
        let documents = documents(count, "is", "are");
        if stopped.changed {
            output.result(format_args!(
                "Key pair {serial} is suspended: {documents} unreadable until it is resumed."
            ))?;
        } else {
            output.result(format_args!(
                "Key pair {serial} was suspended already; nothing was changed."
            ))?;
        }
        self.successor.tell(&stopped, output)
    }
}
