use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_crypto::seal::sealed_under;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{PrivateKeys, SealedPrivateHalf, StoreError, VaultError};
use crypt_keeper_keys::{PairError, PairIdentity, PrivateHalves};
use crypt_keeper_secret::SecretBytes;

use crate::error::DoesNotOpen;
use crate::master_key::{MasterKeys, Reason, ReloadError, Reloaded};

/// Private halves in a store of their own, sealed under the first key of a ring.
#[derive(Debug)]
pub(crate) struct SealedHalves {
    pub(crate) store: Arc<dyn PrivateKeys>,
    pub(crate) keys: MasterKeys,
}

impl SealedHalves {
    pub(crate) async fn reload(&self, reason: Reason) -> Result<Reloaded, ReloadError> {
        self.keys.reload(reason, Some(&*self.store)).await
    }

    async fn stored(&self, serial: Serial) -> Result<SealedPrivateHalf, VaultError> {
        self.store.get(serial).await?.ok_or_else(|| {
            let store = "the key store";
            PairError::NoPrivateHalf { serial, store }.corrupt()
        })
    }

    /// The ring is read again if a blob names a key that it lacks. The blob then is, too: it may
    /// have been sealed anew, and the key it named taken out.
    async fn learn_unknown_key(
        &self,
        serial: Serial,
        sealed: SealedPrivateHalf,
    ) -> Result<SealedPrivateHalf, VaultError> {
        let ring = self.keys.current();
        match sealed_under(sealed.as_bytes()) {
            Ok(id) if ring.get(id).is_none() => {
                // If it cannot be read, opening says which key is missing; this says why.
                if let Err(error) = self.reload(Reason::MayHaveChanged).await {
                    let error = crypt_keeper_keys::in_one_line(&error);
                    tracing::error!(%serial, master_key = %id, error, "an unknown master key");
                }
                self.stored(serial).await
            }
            _ => Ok(sealed),
        }
    }
}

pub(crate) fn seal(
    ring: &MasterKeyRing,
    pair: &PairIdentity,
    private_half: &SecretBytes,
) -> Result<SealedPrivateHalf, VaultError> {
    let sealed = ring
        .seal(&pair.seal_context()?, private_half)
        .map_err(|error| VaultError::Backend(Box::new(error)))?;
    Ok(SealedPrivateHalf::new(sealed))
}

/// AES over two kilobytes at most: it may be done in place.
pub(crate) fn open(
    ring: &MasterKeyRing,
    pair: &PairIdentity,
    sealed: &SealedPrivateHalf,
) -> Result<SecretBytes, VaultError> {
    ring.open(&pair.seal_context()?, sealed.as_bytes())
        .map_err(|error| DoesNotOpen::because(pair.serial, error))
}

#[async_trait]
impl PrivateHalves for SealedHalves {
    /// Under the newest ring: a key that was taken out of it must seal nothing more.
    async fn keep(
        &self,
        pair: &PairIdentity,
        private_half: &SecretBytes,
    ) -> Result<(), VaultError> {
        self.reload(Reason::MayHaveChanged).await?;
        let sealed = seal(&self.keys.current(), pair, private_half)?;
        match self.store.put(pair.serial, &sealed).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict) => Err(PairError::Exists(pair.serial).backend()),
            Err(error) => Err(error.into()),
        }
    }

    async fn fetch(&self, pair: &PairIdentity) -> Result<SecretBytes, VaultError> {
        let sealed = self.stored(pair.serial).await?;
        let sealed = self.learn_unknown_key(pair.serial, sealed).await?;
        open(&self.keys.current(), pair, &sealed)
    }

    async fn erase(&self, serial: Serial) -> Result<(), VaultError> {
        Ok(self.store.erase(serial).await?)
    }
}
