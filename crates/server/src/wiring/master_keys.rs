//! The master keys: where they come from, and whether they are the right ones.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_keys_sealed::master_key::{MasterKeyCommand, make_master_key_file};
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

/// Makes a file with a new master key, mode 0600; never overwrites one.
///
/// # Errors
/// [`StartError::Part`].
pub fn make_master_key(path: &Path) -> Result<MasterKeyRing, StartError> {
    make_master_key_file(path).map_err(StartError::part("master key"))
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
