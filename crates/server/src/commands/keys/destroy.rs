use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{KeyPair, KeyState, Serial, Timestamp};
use crypt_keeper_domain::usecase::{DestroyKeys, KeyPairStep, ScheduleDestruction};
use serde_json::json;

use super::super::administration::Administration;
use super::super::times::{parse_duration, seconds};
use super::super::{Failure, Output};
use super::{OnePair, count_documents, documents, find, open_vault, parse_serial, shown};
use crate::config::Settings;

/// Destroy a key pair for good, after a wait
///
/// It is refused while a live document needs the pair, and within 24 hours of its active service.
/// Until the wait is over the pair neither wraps nor unwraps, and `cancel-destroy` calls it off.
/// Then the service erases the private half, or this command does if it is run again; serial,
/// public half and dates stay. A pair that was never active is destroyed at once. Copies of the
/// private half in backups are for you to delete.
///
/// Example: crypt-keeper keys destroy 4611686018427387904 --confirm 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Destroy {
    #[command(flatten)]
    pair: OnePair,

    /// The serial once more: without it nothing is done
    #[arg(long, value_name = "SERIAL", value_parser = parse_serial)]
    confirm: Option<Serial>,

    /// How long it waits, at least 7d
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_duration)]
    wait: Duration,
}

impl Destroy {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let pair = find(admin, serial).await?;
        self.require_confirmation(&pair, admin).await?;
        match pair.state {
            KeyState::PreActive | KeyState::Destroyed => {
                self.destroy(settings, admin, output).await
            }
            KeyState::DestroyScheduled if pair.destruction_is_due(admin.call.at) => {
                self.destroy(settings, admin, output).await
            }
            _ => self.schedule(admin, output).await,
        }
    }

    /// Says what it would do, and does not.
    async fn require_confirmation(
        &self,
        pair: &KeyPair,
        admin: &Administration,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        match self.confirm {
            Some(confirmed) if confirmed == serial => Ok(()),
            Some(other) => Err(Failure::Usage(format!(
                "{other} was confirmed, but {serial} is to be destroyed: nothing was done"
            ))),
            None => {
                let count = count_documents(admin).run(&admin.call, serial).await?;
                Err(Failure::Usage(format!(
                    "key pair {serial} is {} and {} it. What was wrapped under it, in backups of \
                     the database too, opens never again once it is destroyed. If that is meant, \
                     repeat it with --confirm {serial}: nothing was done",
                    pair.state,
                    documents(count, "needs", "need"),
                )))
            }
        }
    }

    async fn schedule(&self, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let schedule = ScheduleDestruction {
            registry: Arc::clone(&admin.stores.registry),
            count: count_documents(admin),
            entropy: Arc::clone(&admin.entropy),
        };
        let step = schedule.run(&admin.call, serial, self.wait).await.map_err(
            |error| match error {
                Error::KeyPairState {
                    state: KeyState::Active,
                    ..
                } => Failure::Failed(format!(
                    "key pair {serial} is active: rotate first (`crypt-keeper keys rotate`), and \
                     wait for a day"
                )),
                other => other.into(),
            },
        )?;
        if self.pair.json {
            return self.json(&step, output);
        }
        let due = due(&step);
        if step.changed {
            output.result(format_args!(
                "Key pair {serial} will be destroyed at {due}. Until then it neither wraps nor \
                 unwraps, and `crypt-keeper keys cancel-destroy {serial}` calls it off."
            ))
        } else {
            output.result(format_args!(
                "The destruction of key pair {serial} is scheduled for {due} already; nothing was \
                 changed."
            ))
        }
    }

    async fn destroy(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let destroy = DestroyKeys {
            registry: Arc::clone(&admin.stores.registry),
            vault: open_vault(settings, admin).await?,
            count: count_documents(admin),
            entropy: Arc::clone(&admin.entropy),
        };
        let step = destroy.run(&admin.call, serial).await?;
        if self.pair.json {
            return self.json(&step, output);
        }
        if step.changed {
            output.result(format_args!(
                "Key pair {serial} is destroyed: its private half is erased here. Backups of the \
                 key store hold it until they are deleted."
            ))
        } else {
            output.result(format_args!(
                "Key pair {serial} was destroyed already; nothing was changed."
            ))
        }
    }

    fn json(&self, step: &KeyPairStep, output: &mut Output) -> Result<(), Failure> {
        output.json(&json!({ "pair": shown(&step.pair), "changed": step.changed }))
    }
}

fn due(step: &KeyPairStep) -> String {
    seconds(step.pair.destroy_at.unwrap_or(Timestamp::MAX))
}
