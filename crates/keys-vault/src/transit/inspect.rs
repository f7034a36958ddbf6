use crypt_keeper_domain::model::{KeyPair, KeyState};
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_keys::{PairError, PairInspection};

use super::TransitVault;
use super::keys::TransitKey;

impl TransitVault {
    /// Reads the Transit key of every pair that is not destroyed, and compares it with the
    /// registry: what a doctor should know.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or Vault cannot be read at all.
    pub async fn inspect_pairs(&self) -> Result<Vec<PairInspection>, VaultError> {
        let mut inspected = Vec::new();
        for pair in self.pairs.registry().list_pairs().await? {
            if pair.state == KeyState::Destroyed {
                continue;
            }
            let fault = match self.keys.read(pair.serial).await {
                Ok(key) => compare(&pair, key).err(),
                Err(VaultError::Unavailable(error)) => return Err(VaultError::Unavailable(error)),
                Err(error) => Some(error),
            };
            inspected.push(PairInspection { pair, fault });
        }
        Ok(inspected)
    }
}

fn compare(pair: &KeyPair, key: Option<TransitKey>) -> Result<(), VaultError> {
    let (serial, algorithm) = (pair.serial, pair.algorithm);
    if algorithm != crypt_keeper_domain::model::Algorithm::TransitRsaOaep256 {
        return Err(PairError::OtherVault { serial, algorithm }.backend());
    }
    let store = super::keys::STORE;
    let key = key.ok_or_else(|| PairError::NoPrivateHalf { serial, store }.corrupt())?;
    if key.public_half(serial)?.as_bytes() == pair.public_half.as_bytes() {
        Ok(())
    } else {
        Err(PairError::OtherPublicHalf(serial).corrupt())
    }
}
