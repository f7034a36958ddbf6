//! `crypt-keeper keys`: the key pairs that wrap document keys, and their life.

mod cancel_destroy;
mod compromised;
mod destroy;
mod list;
mod resume;
mod rewrap;
mod rewrap_teller;
mod rotate;
mod show;
mod suspend;

use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{KeyPair, Serial, Timestamp};
use crypt_keeper_domain::usecase::{CountDocuments, CreateKeyPair, RotateKeys, Stopped};
use serde_json::json;

use super::administration::Administration;
use super::{Failure, Output};
use crate::config::Settings;
use crate::wiring::{self, Vault};

/// What to do with key pairs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    List(list::List),
    Show(show::Show),
    Rotate(rotate::Rotate),
    Suspend(suspend::Suspend),
    Resume(resume::Resume),
    Compromised(compromised::Compromised),
    Rewrap(rewrap::Rewrap),
    Destroy(destroy::Destroy),
    CancelDestroy(cancel_destroy::CancelDestroy),
}

/// Which pair, and how it is shown.
#[derive(Debug, Args)]
struct OnePair {
    /// The key pair's serial
    #[arg(value_parser = parse_serial)]
    serial: Serial,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

pub(super) fn parse_serial(text: &str) -> Result<Serial, String> {
    text.parse().map_err(|_| {
        "a serial is a number of decimal digits; `crypt-keeper keys list` lists them".to_owned()
    })
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    settings: &Settings,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::List(list) => list.run(admin, output).await,
        Command::Show(show) => show.run(admin, output).await,
        Command::Rotate(rotate) => rotate.run(settings, admin, output).await,
        Command::Suspend(suspend) => suspend.run(settings, admin, output).await,
        Command::Resume(resume) => resume.run(admin, output).await,
        Command::Compromised(compromised) => compromised.run(settings, admin, output).await,
        Command::Rewrap(rewrap) => rewrap.run(settings, admin, output).await,
        Command::Destroy(destroy) => destroy.run(settings, admin, output).await,
        Command::CancelDestroy(cancel) => cancel.run(admin, output).await,
    }
}

/// The vault, whose master key is known to be the right one: a pair sealed under a key that the
/// service does not have would stop it.
async fn open_vault(settings: &Settings, admin: &Administration) -> Result<Arc<Vault>, Failure> {
    let master_keys = wiring::read_master_keys(settings).await?;
    let vault = Vault::open(settings, &admin.stores, master_keys.as_ref())?;
    vault.check_at_start().await?;
    Ok(vault)
}

/// The use case that makes and activates key pairs.
pub(super) fn rotate_keys(admin: &Administration, vault: &Arc<Vault>) -> RotateKeys {
    RotateKeys {
        create: create_key_pair(admin, vault),
    }
}

fn create_key_pair(admin: &Administration, vault: &Arc<Vault>) -> CreateKeyPair {
    CreateKeyPair {
        registry: Arc::clone(&admin.stores.registry),
        vault: Arc::clone(vault) as _,
        entropy: Arc::clone(&admin.entropy),
    }
}

fn count_documents(admin: &Administration) -> CountDocuments {
    CountDocuments {
        store: Arc::clone(&admin.stores.store),
    }
}

/// The pair of a serial.
async fn find(admin: &Administration, serial: Serial) -> Result<KeyPair, Failure> {
    let found = admin.stores.registry.find_pair(serial).await;
    let found = found.map_err(Error::from)?;
    Ok(found.ok_or(Error::NoSuchKeyPair(serial))?)
}

/// `3 live documents`, with the verb that goes with them.
fn documents(count: u64, one: &str, many: &str) -> String {
    match count {
        0 => format!("no live document {one}"),
        1 => format!("1 live document {one}"),
        _ => format!("{count} live documents {many}"),
    }
}

/// Whether a successor takes over from an active pair.
#[derive(Debug, Args)]
struct SuccessorArgs {
    /// Make no successor of an active pair: uploads stop until somebody rotates. For when the key
    /// vault cannot make one
    #[arg(long)]
    no_successor: bool,
}

impl SuccessorArgs {
    /// What makes it. Without one nothing is asked of the vault, which may be away.
    async fn create(
        &self,
        settings: &Settings,
        admin: &Administration,
    ) -> Result<Option<CreateKeyPair>, Failure> {
        if self.no_successor {
            return Ok(None);
        }
        let vault = open_vault(settings, admin).await?;
        Ok(Some(create_key_pair(admin, &vault)))
    }

    /// Says who wraps from now on.
    fn tell(&self, stopped: &Stopped, output: &mut Output) -> Result<(), Failure> {
        if let Some(successor) = &stopped.successor {
            return output.result(format_args!(
                "Key pair {} wraps the keys of new documents from now on.",
                successor.serial
            ));
        }
        if self.no_successor && stopped.changed {
            output.note(
                "If it was the active one, nothing can be uploaded in its scope: see `crypt-keeper \
                 keys rotate`. The pair of a partition or a customer is made anew by the next upload",
            );
        }
        Ok(())
    }
}

/// Serials are text: a program that reads numbers as floating point would round them.
pub(super) fn shown(pair: &KeyPair) -> serde_json::Value {
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "serial": pair.serial.to_string(),
        "state": pair.state.as_str(),
        "scope": pair.scope.to_string(),
        "algorithm": pair.algorithm.as_str(),
        "created_at": pair.created_at.to_string(),
        "activated_at": moment(pair.activated_at),
        "deactivated_at": moment(pair.deactivated_at),
        "destroy_at": moment(pair.destroy_at),
        "destroyed_at": moment(pair.destroyed_at),
    })
}
