//! `crypt-keeper master-key prune`: the end of a change, when nothing needs the old keys any more.

use std::time::{Duration, SystemTime};

use clap::Args;
use crypt_keeper_crypto::MasterKeyId;
use crypt_keeper_domain::model::{AuditAction, Timestamp};
use serde_json::json;

use super::service::{self, Service};
use super::{Ring, chain, listed, write_down};
use crate::commands::administration::Administration;
use crate::commands::times::seconds;
use crate::commands::{Failure, Output};
use crate::config::{BlobsBackend, Settings};
use crate::error::StartError;
use crate::wiring::{Census, RingFile};

/// URLs of the local folder live 600 s; a service looks at its ring every 5 s, and may be busy.
const URLS_LIVE: Duration = Duration::from_secs(600 + 60);

/// Take the old master keys out of the ring, once nothing needs them
///
/// A key stays while a private half is sealed under it (`master-key rotate` ends that), and, where
/// objects lie in the local folder, for eleven minutes after the ring was changed, as long as URLs
/// signed under it may be in use.
///
/// Example: crypt-keeper master-key prune
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in super::super) struct Prune {
    /// Do not wait for the URLs of the local folder: those that are out there stop working
    #[arg(long)]
    now: bool,
    /// Erase private halves under old keys that no key pair in the registry bears: what an
    /// interrupted `keys rotate` has left
    #[arg(long)]
    erase_unregistered: bool,
    /// Do not ask the service of this machine whether it has read the ring
    #[arg(long)]
    no_wait: bool,
    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// Until when URLs may be in use that were signed under keys which are not first any more.
pub(super) enum UrlsOut {
    /// None are: the object store signs its own.
    None,
    /// Until then, unless the ring changes again.
    Until(Timestamp),
}

pub(super) fn urls_out(settings: &Settings, file: &RingFile) -> UrlsOut {
    match settings.blobs.backend {
        BlobsBackend::S3(_) => UrlsOut::None,
        BlobsBackend::Local => {
            let modified = file.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let age = modified
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            UrlsOut::Until(Timestamp::EPOCH.plus(age + URLS_LIVE))
        }
    }
}

/// Does it.
pub(super) async fn run(
    prune: &Prune,
    settings: &Settings,
    admin: &Administration,
    ring: &Ring,
    output: &mut Output,
) -> Result<(), Failure> {
    let Some(mut file) = ring.file().await? else {
        let census = ring.census().await?;
        let (old, _) = sort(ring, &census);
        return Err(Failure::Usage(format!(
            "the ring comes from a command, so its keys are taken out there; no longer needed: {}",
            if old.is_empty() {
                "none".to_owned()
            } else {
                listed(&old)
            }
        )));
    };
    if prune.erase_unregistered {
        erase_unregistered(ring, output).await?;
    }
    let census = ring.census().await?;
    ring.refuse_missing(&census)?;
    let (old, kept) = sort(ring, &census);
    if !old.is_empty() {
        wait_for_urls(prune, settings, admin, &file)?;
        if !prune.no_wait && service::wait_for(settings, ring.first()).await? == Service::NotRunning
        {
            output.note("No service answers on this machine: those elsewhere need the new ring.");
        }
        for id in &old {
            write_down(admin, AuditAction::MasterKeyRemoved, *id).await?;
        }
        take_out(ring, &mut file, &old).await?;
    }
    drop(file);
    say(prune, ring, output, &old, &kept)?;
    if kept.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "master keys that private halves are still sealed under stay in the ring: {}. Run \
         `crypt-keeper master-key rotate`; for what `master-key status` calls unregistered, pass \
         --erase-unregistered",
        listed(&kept)
    )))
}

/// Old keys that nothing needs, and those that something needs.
fn sort(ring: &Ring, census: &Census) -> (Vec<MasterKeyId>, Vec<MasterKeyId>) {
    let ids = ring.ids();
    ids.into_iter()
        .skip(1)
        .partition(|id| census.needing(*id) == 0)
}

/// Only under old keys: a pair that is being made at this moment is sealed under the first.
async fn erase_unregistered(ring: &Ring, output: &mut Output) -> Result<(), Failure> {
    let first = ring.first();
    let Some(vault) = &ring.vault else {
        return Ok(());
    };
    for (serial, under) in ring.census().await?.unregistered {
        if under == first {
            continue;
        }
        let erased = vault.erase_unregistered(serial).await;
        if erased.map_err(StartError::part("key store"))? {
            output.note(format_args!(
                "Erased the unregistered private half {serial}."
            ));
        }
    }
    Ok(())
}

fn wait_for_urls(
    prune: &Prune,
    settings: &Settings,
    admin: &Administration,
    file: &RingFile,
) -> Result<(), Failure> {
    match urls_out(settings, file) {
        UrlsOut::Until(end) if admin.clock.now() < end && !prune.now => {
            Err(Failure::Failed(format!(
                "URLs that were signed before the ring changed may be in use until {}: run this \
                 again then, or with --now, which stops them",
                seconds(end)
            )))
        }
        _ => Ok(()),
    }
}

async fn take_out(ring: &Ring, file: &mut RingFile, old: &[MasterKeyId]) -> Result<(), Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| Failure::Failed(chain(error));
    file.remove(old).map_err(|error| failed(&error))?;
    // A process that had read the ring before, and sealed at this very moment.
    let census = ring.census().await?;
    if let Some(id) = old.iter().find(|id| census.needing(**id) > 0) {
        file.put_back().map_err(|error| failed(&error))?;
        return Err(Failure::Failed(format!(
            "a private half was sealed under master key {id} at this very moment: the key is back \
             in the ring. Run `crypt-keeper master-key rotate`, then this again"
        )));
    }
    ring.reload().await
}

fn say(
    prune: &Prune,
    ring: &Ring,
    output: &mut Output,
    old: &[MasterKeyId],
    kept: &[MasterKeyId],
) -> Result<(), Failure> {
    let texts = |ids: &[MasterKeyId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    if prune.json {
        return output.json(&json!({ "taken_out": texts(old), "kept": texts(kept),
            "master_key": ring.first().to_string() }));
    }
    for id in old {
        output.result(format_args!("Took master key {id} out of the ring."))?;
    }
    if old.is_empty() && kept.is_empty() {
        output.result("The ring holds one master key: there is nothing to take out.")?;
    }
    if !old.is_empty() {
        output.note(
            "A backup of the key store from before the change opens with the old ring alone: keep \
             its copy as long as such backups.",
        );
    }
    Ok(())
}
