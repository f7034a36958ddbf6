//! `crypt-keeper master-key`: what seals the private halves, from outside of every database, and its
//! change under a running service.

pub(super) mod new;
mod prune;
mod rotate;
mod service;
mod status;

use std::sync::Arc;

use clap::Subcommand;
use crypt_keeper_crypto::{MasterKey, MasterKeyId};

use super::administration::Administration;
use super::{Failure, Output};
use crate::config::Settings;
use crate::error::{Chain, StartError};
use crate::wiring::{self, Census, MasterKeySource, MasterKeys, RingFile, SealedVault};

/// What to do with master keys.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    New(new::New),
    Rotate(rotate::Rotate),
    Prune(prune::Prune),
    Status(status::Status),
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    settings: &Settings,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::New(new) => new::run(new, output),
        Command::Rotate(rotate) => {
            let ring = Ring::open(settings, admin).await?;
            rotate::run(rotate, settings, &ring, output).await
        }
        Command::Prune(prune) => {
            let ring = Ring::open(settings, admin).await?;
            prune::run(prune, settings, admin, &ring, output).await
        }
        Command::Status(status) => {
            let ring = Ring::open(settings, admin).await?;
            status::run(status, settings, &ring, output).await
        }
    }
}

/// The ring, and what it opens.
struct Ring {
    keys: MasterKeys,
    vault: Arc<SealedVault>,
}

impl Ring {
    async fn open(settings: &Settings, admin: &Administration) -> Result<Self, Failure> {
        let backend = settings.keys.backend.as_str();
        let keys = wiring::read_master_keys(settings).await?;
        let keys = keys.ok_or(StartError::OtherVault(backend))?;
        let vault = wiring::open_sealed(settings, &admin.stores, &keys)?;
        Ok(Self { keys, vault })
    }

    /// Its file, locked against other changes, and what it says by now; `None` if a command prints
    /// it.
    async fn file(&self) -> Result<Option<RingFile>, Failure> {
        let Some(MasterKeySource::File(path)) = self.keys.source() else {
            return Ok(None);
        };
        let file = RingFile::open(path).map_err(|error| Failure::Failed(chain(&error)))?;
        self.reload().await?;
        Ok(Some(file))
    }

    async fn reload(&self) -> Result<(), Failure> {
        let reloaded = self.vault.reload_master_keys().await;
        reloaded
            .map(drop)
            .map_err(|error| Failure::Failed(chain(&error)))
    }

    async fn census(&self) -> Result<Census, Failure> {
        let census = self.vault.census().await;
        Ok(census.map_err(StartError::part("key store"))?)
    }

    /// The key that seals.
    fn first(&self) -> MasterKeyId {
        self.keys.current().first().id()
    }

    fn ids(&self) -> Vec<MasterKeyId> {
        self.keys.current().keys().map(MasterKey::id).collect()
    }

    /// Refuses to go on while private halves need a key that the ring lacks.
    fn refuse_missing(&self, census: &Census) -> Result<(), Failure> {
        let ids = self.ids();
        let missing = census.sealed_under.iter().find(|(id, _)| !ids.contains(id));
        match missing {
            None => Ok(()),
            Some((id, count)) => Err(Failure::Failed(format!(
                "private halves ({count}) are sealed under master key {id}, which is not in the \
                 ring: put its line back, then run this again"
            ))),
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    Chain(error).to_string()
}

/// Key ids in words.
fn listed(ids: &[MasterKeyId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}
