//! `crypt-keeper keys`: the key pairs that wrap document keys.

use std::sync::Arc;

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{Algorithm, KeyPair, Scope};
use crypt_keeper_domain::usecase::{CreateKeyPair, RotateKeys};
use serde_json::json;

use super::administration::Administration;
use super::table::Table;
use super::times::{seconds, seconds_or_dash};
use super::{Failure, Output};
use crate::config::Settings;
use crate::wiring::{self, SealedVault};

/// What to do with key pairs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List all key pairs, the oldest first: serials and states, never a key
    ///
    /// Example: crypt-keeper keys list
    #[command(verbatim_doc_comment)]
    List(Shown),

    /// Make a new key pair the one that wraps the keys of new documents
    ///
    /// The pair before it only unwraps from then on, so documents stay readable; nothing is
    /// uploaded anew. A running service changes over within a second. Once in 90 days is usual.
    ///
    /// Example: crypt-keeper keys rotate
    #[command(verbatim_doc_comment)]
    Rotate(Shown),
}

/// How it is shown.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// JSON for scripts: one object a line
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    settings: &Settings,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::List(Shown { json }) => list(*json, admin, output).await,
        Command::Rotate(Shown { json }) => {
            let master_keys = wiring::read_master_keys(settings).await?;
            let vault = wiring::open_vault(settings, &admin.stores, &master_keys)?;
            // A pair sealed under a key that the service does not have would stop it.
            wiring::check_master_keys(&vault).await?;
            rotate(*json, settings.keys.algorithm, admin, &vault, output).await
        }
    }
}

/// The use case that makes and activates key pairs.
pub(super) fn rotate_keys(admin: &Administration, vault: &Arc<SealedVault>) -> RotateKeys {
    RotateKeys {
        create: CreateKeyPair {
            registry: Arc::clone(&admin.stores.registry),
            vault: Arc::clone(vault) as _,
            entropy: Arc::clone(&admin.entropy),
        },
    }
}

async fn list(json: bool, admin: &Administration, output: &mut Output) -> Result<(), Failure> {
    let pairs = admin
        .stores
        .registry
        .list_pairs()
        .await
        .map_err(Error::from)?;
    let mut table = Table::new([
        "SERIAL",
        "STATE",
        "SCOPE",
        "ALGORITHM",
        "CREATED",
        "DEACTIVATED",
    ]);
    for pair in pairs {
        if json {
            output.json(&shown(&pair))?;
        } else {
            table.push([
                pair.serial.to_string(),
                pair.state.to_string(),
                pair.scope.to_string(),
                pair.algorithm.to_string(),
                seconds(pair.created_at),
                seconds_or_dash(pair.deactivated_at),
            ]);
        }
    }
    if json { Ok(()) } else { output.result(table) }
}

async fn rotate(
    json: bool,
    algorithm: Algorithm,
    admin: &Administration,
    vault: &Arc<SealedVault>,
    output: &mut Output,
) -> Result<(), Failure> {
    let rotation = rotate_keys(admin, vault)
        .run(&admin.call, Scope::Shared, algorithm)
        .await
        .map_err(|error| match error {
            Error::Conflict => Failure::Failed(
                "somebody else rotated at the same time, and that pair is active: see \
                 `crypt-keeper keys list`"
                    .to_owned(),
            ),
            other => other.into(),
        })?;
    if json {
        return output.json(&json!({
            "active": shown(&rotation.active),
            "deactivated": rotation.deactivated.as_ref().map(shown),
        }));
    }
    output.result(format_args!(
        "Key pair {} wraps the keys of new documents from now on.",
        rotation.active.serial
    ))?;
    if let Some(old) = rotation.deactivated {
        output.result(format_args!(
            "Key pair {} only unwraps from now on; documents under it stay readable.",
            old.serial
        ))?;
    }
    Ok(())
}

/// Serials are text: a program that reads numbers as floating point would round them.
pub(super) fn shown(pair: &KeyPair) -> serde_json::Value {
    let moment = |at: Option<_>| at.map(|at: crypt_keeper_domain::model::Timestamp| at.to_string());
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
