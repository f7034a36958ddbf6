use std::num::NonZeroU32;
use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{KeyPair, KeyState, PageLimit, Serial};
use crypt_keeper_domain::usecase::{EnsureKeyPair, RewrapDocuments, RewrapPace, Rewrapped};
use serde_json::json;

use super::super::administration::Administration;
use super::super::page::parse_limit;
use super::super::{Failure, Output};
use super::rewrap_teller::Teller;
use super::{documents, open_vault, parse_serial, rotate_keys};
use crate::config::Settings;

/// Wrap the keys of a pair's documents under the pair that wraps those of new documents
///
/// So that a pair that was rotated out can be destroyed, documents of a compromised one are released
/// again (the service does that by itself), or documents move to another algorithm. Objects are not
/// touched; documents stay readable, and the service runs on. It may be stopped, or killed, at any
/// moment: run again, it begins with what is left. The exit code is 1 if anything is.
///
/// Examples: crypt-keeper keys rewrap 4611686018427387904
///           crypt-keeper keys rewrap --serial 4611686018427387904 --rate 200
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Rewrap {
    /// The key pair's serial
    #[arg(value_parser = parse_serial, required_unless_present = "named")]
    serial: Option<Serial>,

    /// The same
    #[arg(id = "named", long = "serial", value_name = "SERIAL", value_parser = parse_serial)]
    #[arg(conflicts_with = "serial")]
    named: Option<Serial>,

    /// The most documents a second; without it, as many as the machine gives
    #[arg(long, value_name = "DOCUMENTS", value_parser = parse_rate)]
    rate: Option<NonZeroU32>,

    /// How many documents are committed together, 1 to 1000
    #[arg(long, value_name = "DOCUMENTS", default_value = "200", value_parser = parse_limit)]
    batch_size: PageLimit,

    /// JSON for scripts: one object a line, for each batch, each document that is left, and the end
    #[arg(long)]
    json: bool,
}

fn parse_rate(text: &str) -> Result<NonZeroU32, String> {
    text.parse()
        .map_err(|_| "a number of documents a second, 1 or more, is needed".to_owned())
}

impl Rewrap {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.serial.or(self.named);
        let serial = serial.ok_or_else(|| Failure::Usage("which key pair?".to_owned()))?;
        let vault = open_vault(settings, admin).await?;
        let rewrap = RewrapDocuments {
            store: Arc::clone(&admin.stores.store),
            clock: Arc::clone(&admin.clock),
            entropy: Arc::clone(&admin.entropy),
            target: EnsureKeyPair {
                rotate: rotate_keys(admin, &vault),
                algorithm: settings.keys.algorithm,
            },
            vault,
            pace: RewrapPace {
                batch: self.batch_size,
                rate: self.rate,
            },
        };
        let mut teller = Teller::new(serial, self.json, output)?;
        let done = rewrap.run(&admin.call, serial, &mut teller).await;
        teller.finish()?;
        let done = done.map_err(refused)?;
        if self.json {
            output.json(&json!({
                "event": "finished",
                "serial": serial.to_string(),
                "rewrapped": done.counts.rewrapped,
                "elsewhere": done.counts.elsewhere,
                "failed": done.counts.failed,
                "left": done.left,
                "stopped": done.stopped,
            }))?;
        } else {
            output.result(summary(&done))?;
            output.result(next(&done))?;
        }
        if done.left > 0 {
            return Err(Failure::Findings);
        }
        Ok(())
    }
}

fn refused(error: Error) -> Failure {
    match error {
        Error::KeyPairState {
            serial,
            state: KeyState::Active,
        } => Failure::Failed(format!(
            "key pair {serial} is the one that wraps the keys of new documents: make another \
             first (`crypt-keeper keys rotate`), then rewrap from it"
        )),
        Error::KeyPairState {
            serial,
            state: KeyState::Suspended,
        }
        | Error::KeyPairStopped(serial) => Failure::Failed(format!(
            "key pair {serial} is suspended and unwraps nothing: resume it first (`crypt-keeper \
             keys resume {serial}`)"
        )),
        error @ Error::Unavailable(_) => {
            let failure = Failure::from(error);
            Failure::Failed(format!(
                "{failure}; what was rewrapped stays so: mend it, then run this again"
            ))
        }
        other => other.into(),
    }
}

fn summary(done: &Rewrapped) -> String {
    let counts = &done.counts;
    let serial = done.pair.serial;
    let mut text = format!(
        "Key pair {serial}: documents rewrapped: {}",
        counts.rewrapped
    );
    if counts.elsewhere > 0 {
        text += &format!(", by somebody else meanwhile: {}", counts.elsewhere);
    }
    if counts.failed > 0 {
        text += &format!(", that could not be: {}", counts.failed);
    }
    text + &format!(
        "; {} under it.",
        documents(done.left, "is still", "are still")
    )
}

/// What is to be done now.
fn next(done: &Rewrapped) -> String {
    let KeyPair { serial, state, .. } = done.pair;
    if done.stopped {
        return "Next: it was stopped; run the same command again to go on.".to_owned();
    }
    if done.counts.failed > 0 {
        return "Next: bring the documents named above back from a backup of the database, or have \
                their owners upload them anew; then run this again."
            .to_owned();
    }
    if done.left > 0 {
        return match state {
            KeyState::Active => format!(
                "Next: some service still wraps under {serial}: give all the same \
                 `keys.algorithm`, then run this again."
            ),
            _ => "Next: run this again.".to_owned(),
        };
    }
    match state {
        KeyState::Compromised => format!(
            "Next: they are released again, but stay exposed: tell their owners (`crypt-keeper \
             documents list --exposed --by-owner`); then `crypt-keeper keys destroy {serial}`."
        ),
        KeyState::Active => format!(
            "Next: it is still active, until the service rotates it out, a day after the pair of \
             `keys.algorithm` became active: run this again then, and a day later `crypt-keeper \
             keys destroy {serial}`."
        ),
        _ => format!(
            "Next: nothing needs it any more: `crypt-keeper keys destroy {serial}` schedules its \
             destruction, a day after it was rotated out at the earliest."
        ),
    }
}
