use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{PrivateKeys, SealedPrivateHalf, StoreError, VaultError};
use crypt_keeper_keys::{PairError, PairIdentity, PrivateHalves};
use crypt_keeper_secret::SecretBytes;

use crate::error::DoesNotOpen;

/// Private halves in a store of their own, sealed under the first key of a ring.
#[derive(Debug)]
pub(crate) struct SealedHalves {
    pub(crate) store: Arc<dyn PrivateKeys>,
    pub(crate) ring: MasterKeyRing,
}

impl SealedHalves {
    pub(crate) fn seal(
        &self,
        pair: &PairIdentity,
        private_half: &SecretBytes,
    ) -> Result<SealedPrivateHalf, VaultError> {
        let sealed = self
            .ring
            .seal(&pair.seal_context()?, private_half)
            .map_err(|error| VaultError::Backend(Box::new(error)))?;
        Ok(SealedPrivateHalf::new(sealed))
    }

    /// AES over two kilobytes at most: it may be done in place.
    pub(crate) fn open(
        &self,
        pair: &PairIdentity,
        sealed: &SealedPrivateHalf,
    ) -> Result<SecretBytes, VaultError> {
        self.ring
            .open(&pair.seal_context()?, sealed.as_bytes())
            .map_err(|error| DoesNotOpen::because(pair.serial, error))
    }
}

#[async_trait]
impl PrivateHalves for SealedHalves {
    async fn keep(
        &self,
        pair: &PairIdentity,
        private_half: &SecretBytes,
    ) -> Result<(), VaultError> {
        let sealed = self.seal(pair, private_half)?;
        match self.store.put(pair.serial, &sealed).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict) => Err(PairError::Exists(pair.serial).backend()),
            Err(error) => Err(error.into()),
        }
    }

    async fn fetch(&self, pair: &PairIdentity) -> Result<SecretBytes, VaultError> {
        let serial = pair.serial;
        let sealed = self.store.get(serial).await?.ok_or_else(|| {
            let store = "the key store";
            PairError::NoPrivateHalf { serial, store }.corrupt()
        })?;
        self.open(pair, &sealed)
    }

    async fn erase(&self, serial: Serial) -> Result<(), VaultError> {
        Ok(self.store.erase(serial).await?)
    }
}
