use std::sync::Arc;

use crypt_keeper_crypto::seal::sealed_under;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{SealedPrivateHalf, VaultError};
use crypt_keeper_keys::{PairError, PairIdentity};

use crate::error::DoesNotOpen;
use crate::vault::SealedVault;

/// What a change of master key has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Private halves that are now sealed under the ring's first key.
    pub resealed: u64,
    /// Private halves that were so already.
    pub unchanged: u64,
    /// Private halves of serials that are not in the registry, left as they were: a pair whose
    /// making was interrupted.
    pub unknown: Vec<Serial>,
}

impl SealedVault {
    /// Seals every private half under the first key of the ring; once done, the others may leave
    /// it. Row by row and under traffic; begun again, it goes on where it was interrupted.
    ///
    /// # Errors
    /// [`VaultError`] at the first private half that does not open; those before it stay sealed
    /// anew.
    pub async fn reseal(&self) -> Result<Resealed, VaultError> {
        let mut done = Resealed::default();
        for serial in self.local.private_halves().store.serials().await? {
            match self.local.registry().find_pair(serial).await? {
                Some(pair) => {
                    let identity = Arc::new(PairIdentity::of(&pair));
                    if self.reseal_one(&identity).await? {
                        done.resealed += 1;
                    } else {
                        done.unchanged += 1;
                    }
                }
                None => done.unknown.push(serial),
            }
        }
        Ok(done)
    }

    /// Whether it was sealed anew.
    async fn reseal_one(&self, pair: &Arc<PairIdentity>) -> Result<bool, VaultError> {
        let serial = pair.serial;
        let halves = self.local.private_halves();
        loop {
            // Destroyed meanwhile: nothing is left to seal.
            let Some(seen) = halves.store.get(serial).await? else {
                return Ok(false);
            };
            let under = sealed_under(seen.as_bytes())
                .map_err(|error| DoesNotOpen::because(serial, error))?;
            if under == halves.ring.first().id() {
                return Ok(false);
            }
            let sealed = self.sealed_anew(pair, &seen).await?;
            if halves.store.replace(serial, &seen, &sealed).await? {
                return Ok(true);
            }
        }
    }

    async fn sealed_anew(
        &self,
        pair: &Arc<PairIdentity>,
        seen: &SealedPrivateHalf,
    ) -> Result<SealedPrivateHalf, VaultError> {
        let halves = self.local.private_halves();
        let plain = halves.open(pair, seen)?;
        self.local.verify(Arc::clone(pair), plain.clone()).await?;
        let sealed = halves.seal(pair, &plain)?;
        if halves.open(pair, &sealed)? == plain {
            Ok(sealed)
        } else {
            let (serial, source) = (pair.serial, None);
            Err(PairError::NotKept { serial, source }.backend())
        }
    }
}
