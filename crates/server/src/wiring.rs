//! The only place that names adapters, and the only one with `cfg(feature)`.
//!
//! Commands take what they need and no more: [`Stores`] needs no master key, [`open_vault`] needs
//! one, [`open_blobs`] needs one where the service signs URLs itself.

mod databases;
mod objects;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_domain::ports::{Clock, Entropy};
use crypt_keeper_keys_sealed::SealedVaultConfig;
use crypt_keeper_keys_sealed::master_key::{
    MasterKeyCommand, make_master_key_file, read_master_key_file,
};
pub use crypt_keeper_keys_sealed::{PairInspection, SealedVault};

pub use databases::{Applied, Database, DatabaseError, Missing, SchemaStatus, Stores};
#[cfg(feature = "s3")]
pub use objects::S3;
pub use objects::{Objects, open_blobs};

use crate::config::{KeysBackend, MasterKey, Settings};
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::ports::Ports;

/// The HTTP face of the local folder, for the route that serves its signed URLs.
pub mod local_objects {
    pub use crypt_keeper_blobs_local::{
        GET_HEADERS, GetPermit, LocalBlobs, PATH_PREFIX, Permit, PutError, PutPermit,
        RequestedRange, UrlRefused, requested_range,
    };
}

/// How long the master key command may take.
const MASTER_KEY_PATIENCE: Duration = Duration::from_secs(30);

/// Reads the master key from where it is configured; in the embedded default, from the data folder.
///
/// # Errors
/// [`StartError::NoMasterKey`], [`StartError::Part`].
pub async fn read_master_key(settings: &Settings) -> Result<MasterKeyRing, StartError> {
    let failed = StartError::part("master key");
    match &settings.keys.master_key {
        Some(MasterKey::File(path)) => read_master_key_file(path).map_err(failed),
        Some(MasterKey::Command(line)) => {
            let command = MasterKeyCommand::parse(line).map_err(StartError::part("master key"))?;
            command.run(MASTER_KEY_PATIENCE).await.map_err(failed)
        }
        None if settings.is_embedded() => {
            let path = DataDir::new(&settings.data_dir).master_key();
            if !path.exists() {
                return Err(StartError::LostMasterKey(path));
            }
            read_master_key_file(&path).map_err(failed)
        }
        None => Err(StartError::NoMasterKey),
    }
}

/// Makes a file with a new master key, mode 0600; never overwrites one.
///
/// # Errors
/// [`StartError::Part`].
pub fn make_master_key(path: &Path) -> Result<MasterKeyRing, StartError> {
    make_master_key_file(path).map_err(StartError::part("master key"))
}

/// The vault over the key store and the registry.
///
/// # Errors
/// [`StartError::System`] if there are no threads to be had.
pub fn open_vault(
    settings: &Settings,
    stores: &Stores,
    ring: &MasterKeyRing,
) -> Result<Arc<SealedVault>, StartError> {
    match settings.keys.backend {
        KeysBackend::Sealed => {
            let vault = SealedVault::new(
                Arc::clone(&stores.registry),
                Arc::clone(&stores.private_keys),
                ring.clone(),
                SealedVaultConfig {
                    algorithm: settings.keys.algorithm,
                    ..SealedVaultConfig::default()
                },
            )?;
            Ok(Arc::new(vault))
        }
    }
}

/// Refuses a master key that opens none of the private halves there are.
///
/// # Errors
/// [`StartError::WrongMasterKey`], [`StartError::Part`].
pub async fn check_master_key(vault: &SealedVault) -> Result<(), StartError> {
    let inspected = vault.inspect_pairs().await;
    let inspected = inspected.map_err(StartError::part("key store"))?;
    let faults: Vec<_> = inspected
        .iter()
        .filter_map(PairInspection::fault_in_words)
        .collect();
    match faults.first() {
        Some(words) if faults.len() == inspected.len() => {
            Err(StartError::WrongMasterKey(words.clone()))
        }
        Some(words) => {
            tracing::error!(
                faulty = faults.len(),
                of = inspected.len(),
                first = words,
                "private halves do not open: run `crypt-keeper doctor`"
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// All ports of the service.
#[must_use]
pub fn ports(
    stores: &Stores,
    vault: &Arc<SealedVault>,
    objects: &Objects,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Ports {
    Ports {
        store: Arc::clone(&stores.store),
        accounts: Arc::clone(&stores.accounts),
        audit: Arc::clone(&stores.audit),
        registry: Arc::clone(&stores.registry),
        vault: Arc::clone(vault) as _,
        blobs: Arc::clone(&objects.blobs),
        probes: vec![
            Arc::clone(&stores.probe),
            Arc::clone(vault) as _,
            Arc::clone(&objects.probe),
        ],
        clock,
        entropy,
    }
}
