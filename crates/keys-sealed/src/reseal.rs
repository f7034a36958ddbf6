use std::sync::Arc;

use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_crypto::seal::sealed_under;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{SealedPrivateHalf, VaultError};
use crypt_keeper_keys::{PairError, PairIdentity};

use crate::error::DoesNotOpen;
use crate::master_key::Reason;
use crate::private_halves::{open, seal};
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

/// One private half on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResealStep {
    /// Whose.
    pub serial: Serial,
    /// Whether it was sealed anew; otherwise it was under the first key already, or was left.
    pub resealed: bool,
    /// The number of this step, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl SealedVault {
    /// Seals every private half under the first key of the ring; once done, the others may leave
    /// it. Row by row and under traffic; begun again, it goes on where it was interrupted.
    /// `on_step` is told of each row.
    ///
    /// # Errors
    /// [`VaultError`] at the first private half that does not open; those before it stay sealed
    /// anew.
    pub async fn reseal(
        &self,
        mut on_step: impl FnMut(ResealStep),
    ) -> Result<Resealed, VaultError> {
        let halves = self.local.private_halves();
        halves.reload(Reason::MayHaveChanged).await?;
        let ring = halves.keys.current();
        let mut done = Resealed::default();
        let serials = halves.store.serials().await?;
        for (index, serial) in serials.iter().copied().enumerate() {
            let mut resealed = false;
            match self.local.registry().find_pair(serial).await? {
                Some(pair) => {
                    let identity = Arc::new(PairIdentity::of(&pair));
                    resealed = self.reseal_one(&ring, &identity).await?;
                    if resealed {
                        done.resealed += 1;
                    } else {
                        done.unchanged += 1;
                    }
                }
                None => done.unknown.push(serial),
            }
            on_step(ResealStep {
                serial,
                resealed,
                number: index + 1,
                of: serials.len(),
            });
        }
        Ok(done)
    }

    /// Whether it was sealed anew.
    async fn reseal_one(
        &self,
        ring: &MasterKeyRing,
        pair: &Arc<PairIdentity>,
    ) -> Result<bool, VaultError> {
        let serial = pair.serial;
        let halves = self.local.private_halves();
        loop {
            // Destroyed meanwhile: nothing is left to seal.
            let Some(seen) = halves.store.get(serial).await? else {
                return Ok(false);
            };
            let under = sealed_under(seen.as_bytes())
                .map_err(|error| DoesNotOpen::because(serial, error))?;
            if under == ring.first().id() {
                return Ok(false);
            }
            let sealed = self.sealed_anew(ring, pair, &seen).await?;
            if halves.store.replace(serial, &seen, &sealed).await? {
                return Ok(true);
            }
        }
    }

    async fn sealed_anew(
        &self,
        ring: &MasterKeyRing,
        pair: &Arc<PairIdentity>,
        seen: &SealedPrivateHalf,
    ) -> Result<SealedPrivateHalf, VaultError> {
        let plain = open(ring, pair, seen)?;
        self.local.verify(Arc::clone(pair), plain.clone()).await?;
        let sealed = seal(ring, pair, &plain)?;
        if open(ring, pair, &sealed)? == plain {
            Ok(sealed)
        } else {
            let (serial, source) = (pair.serial, None);
            Err(PairError::NotKept { serial, source }.backend())
        }
    }
}
