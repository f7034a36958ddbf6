//! The master keys: where they come from, and whether they are the right ones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_keys_sealed::master_key::{
    MasterKeyCommand, RingSeal, make_master_key_file, make_sealed_master_key_file,
};
pub use crypt_keeper_keys_sealed::master_key::{
    MasterKeySource, MasterKeySourceError, MasterKeys, ReloadError, Reloaded, RingFile,
};
use crypt_keeper_keys_sealed::{PairInspection, SealedVault};

use super::needs_master_key;
use crate::config::{MasterKey, Settings};
use crate::data_dir::DataDir;
use crate::error::StartError;

/// How long the master key command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the master keys from where they are configured; in the embedded default, from the data
/// folder. `None` if nothing that is configured needs one.
///
/// # Errors
/// [`StartError::NoMasterKey`], [`StartError::LostMasterKey`], [`StartError::Part`].
pub async fn read_master_keys(settings: &Settings) -> Result<Option<MasterKeys>, StartError> {
    if !needs_master_key(settings) {
        return Ok(None);
    }
    let source = match &settings.keys.master_key {
        Some(MasterKey::Command(line)) => {
            let command = MasterKeyCommand::parse(line).map_err(StartError::part("master key"))?;
            MasterKeySource::Command(command, PATIENCE)
        }
        Some(MasterKey::SealedFile { file, transit }) => {
            MasterKeySource::SealedFile(file.clone(), ring_seal(settings, transit)?)
        }
        _ => MasterKeySource::File(master_key_file(settings)?),
    };
    let keys = MasterKeys::read(source).await;
    keys.map(Some).map_err(StartError::part("master key"))
}

fn master_key_file(settings: &Settings) -> Result<PathBuf, StartError> {
    match &settings.keys.master_key {
        Some(MasterKey::File(path)) => Ok(path.clone()),
        None if settings.is_embedded() => {
            let path = DataDir::new(&settings.data_dir).master_key();
            if path.exists() {
                Ok(path)
            } else {
                Err(StartError::LostMasterKey(path))
            }
        }
        _ => Err(StartError::NoMasterKey),
    }
}

/// What seals the keys of a ring; Vault is not asked anything yet.
#[cfg(feature = "vault")]
fn ring_seal(settings: &Settings, transit: &str) -> Result<Arc<dyn RingSeal>, StartError> {
    Ok(Arc::new(super::hashicorp::open_ring_seal(
        settings, transit,
    )?))
}

#[cfg(not(feature = "vault"))]
fn ring_seal(_settings: &Settings, _transit: &str) -> Result<Arc<dyn RingSeal>, StartError> {
    Err(StartError::NotCompiledIn {
        key: "keys.master_key_transit",
        backend: "transit",
        feature: "vault",
    })
}

/// Makes a file with a new master key, mode 0600; never overwrites one.
///
/// # Errors
/// [`StartError::Part`].
pub fn make_master_key(path: &Path) -> Result<MasterKeyRing, StartError> {
    make_master_key_file(path).map_err(StartError::part("master key"))
}

/// The same, with the key sealed, if that is how `settings` have their ring; whether it is.
///
/// # Errors
/// [`StartError::NotCompiledIn`], [`StartError::Config`], [`StartError::Part`].
pub async fn make_configured_master_key(
    settings: &Settings,
    path: &Path,
) -> Result<bool, StartError> {
    let Some(MasterKey::SealedFile { transit, .. }) = &settings.keys.master_key else {
        make_master_key(path)?;
        return Ok(false);
    };
    let seal = ring_seal(settings, transit)?;
    let made = make_sealed_master_key_file(path, &*seal).await;
    made.map_err(StartError::part("master key"))?;
    Ok(true)
}

/// What follows the ring in a running service.
#[derive(Clone, Debug)]
pub struct RingFollower {
    keys: MasterKeys,
    /// The private halves under it; without, it signs URLs alone.
    sealed: Option<Arc<SealedVault>>,
}

impl RingFollower {
    /// Follows this ring; `sealed` are the private halves under it, if there are any.
    #[must_use]
    pub fn new(keys: MasterKeys, sealed: Option<Arc<SealedVault>>) -> Self {
        Self { keys, sealed }
    }

    /// The ring.
    #[must_use]
    pub fn keys(&self) -> &MasterKeys {
        &self.keys
    }

    /// Reads it again, now.
    ///
    /// # Errors
    /// [`ReloadError`]; the ring in force stays.
    pub async fn reload(&self) -> Result<Reloaded, ReloadError> {
        match &self.sealed {
            Some(vault) => vault.reload_master_keys().await,
            None => self.keys.reload_alone().await,
        }
    }

    /// Looks every `interval` whether its file has changed. For ever; at once over if it has none.
    pub async fn follow(self, interval: Duration) {
        match &self.sealed {
            Some(vault) => vault.follow_master_keys(interval).await,
            None => self.keys.follow_alone(interval).await,
        }
    }
}

/// Refuses master keys that open none of the private halves there are.
///
/// # Errors
/// [`StartError::WrongMasterKey`], [`StartError::Part`].
pub async fn check_master_keys(vault: &SealedVault) -> Result<(), StartError> {
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
