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
use crypt_keeper_domain::model::{AuditAction, CallContext};
use crypt_keeper_domain::usecase::RecordMasterKey;

use super::administration::Administration;
use super::{Failure, Output};
use crate::config::{KeysBackend, Settings};
use crate::error::{Chain, StartError};
use crate::wiring::{self, Census, MasterKeys, RingFile, RingFollower, SealedVault};

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
        Command::New(new) => new::run(new, Some(settings), output).await,
        Command::Rotate(rotate) => {
            let ring = Ring::open(settings, admin).await?;
            rotate::run(rotate, settings, admin, &ring, output).await
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
    /// The private halves under it; `None` if they are in Vault, and the ring only signs URLs.
    vault: Option<Arc<SealedVault>>,
}

impl Ring {
    async fn open(settings: &Settings, admin: &Administration) -> Result<Self, Failure> {
        let backend = settings.keys.backend;
        let keys = wiring::read_master_keys(settings).await?;
        let keys = keys.ok_or(StartError::OtherVault(backend.as_str()))?;
        let vault = match backend {
            KeysBackend::Sealed => Some(wiring::open_sealed(settings, &admin.stores, &keys)?),
            KeysBackend::VaultKv | KeysBackend::VaultTransit => None,
        };
        Ok(Self { keys, vault })
    }

    /// Its file, locked against other changes, and what it says by now; `None` if a command prints
    /// it.
    async fn file(&self) -> Result<Option<RingFile>, Failure> {
        let Some(source) = self.keys.source() else {
            return Ok(None);
        };
        let file = source.open_file();
        let file = file.map_err(|error| Failure::Failed(chain(&error)))?;
        if file.is_some() {
            self.reload().await?;
        }
        Ok(file)
    }

    async fn reload(&self) -> Result<(), Failure> {
        let follower = RingFollower::new(self.keys.clone(), self.vault.clone());
        let reloaded = follower.reload().await;
        reloaded
            .map(drop)
            .map_err(|error| Failure::Failed(chain(&error)))
    }

    async fn census(&self) -> Result<Census, Failure> {
        match &self.vault {
            Some(vault) => Ok(vault
                .census()
                .await
                .map_err(StartError::part("key store"))?),
            None => Ok(Census::default()),
        }
    }

    /// Puts a new key first into the file.
    async fn add_key(&self, admin: &Administration, file: &mut RingFile) -> Result<(), Failure> {
        let key = MasterKey::generate().map_err(StartError::part("master key"))?;
        let id = key.id();
        let Some(source) = self.keys.source() else {
            return Err(StartError::NoMasterKey.into());
        };
        let failed = |error| Failure::Failed(chain(&error));
        let line = source.line_of(key).await.map_err(failed)?;
        write_down(admin, AuditAction::MasterKeyAdded, id).await?;
        file.prepend_line(&line).map_err(failed)?;
        self.reload().await
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

/// Into the audit log, before it is done: an entry too many is better than one too few.
async fn write_down(
    admin: &Administration,
    action: AuditAction,
    id: MasterKeyId,
) -> Result<(), Failure> {
    let record = RecordMasterKey {
        audit: Arc::clone(&admin.stores.audit),
        entropy: Arc::clone(&admin.entropy),
    };
    let id = crypt_keeper_domain::model::MasterKeyId::from_bytes(*id.as_bytes());
    let call = CallContext {
        at: admin.clock.now(),
        ..admin.call.clone()
    };
    let written = record.run(&call, action, id).await;
    Ok(written.map_err(StartError::act("write to the audit log"))?)
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    Chain(error).to_string()
}

/// Key ids in words.
fn listed(ids: &[MasterKeyId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}
