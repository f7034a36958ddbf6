use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::KeyPair;
use crypt_keeper_domain::ports::{PrivateHalfCopy, PutOutcome, VaultError};
use crypt_keeper_secret::SecretBytes;

use crate::error::PairError;
use crate::pairs::PairIdentity;
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

/// A vault that lets private halves out and takes them in, for whoever moves a whole installation.
#[async_trait]
pub trait CarriesHalves: Debug + Send + Sync + 'static {
    /// The private half of a pair, as it is kept now.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if there is none, it does not open, or it is not of the pair's public
    /// half.
    async fn take_out(&self, pair: &KeyPair) -> Result<SecretBytes, VaultError>;

    /// Keeps the private half of a pair that its registry may not know yet, and reads it back.
    /// [`PutOutcome::Differs`] if another is kept in its place, or one that does not open.
    ///
    /// # Errors
    /// [`VaultError`] if it cannot be known to be kept.
    async fn take_in(
        &self,
        pair: &KeyPair,
        private_half: &SecretBytes,
    ) -> Result<PutOutcome, VaultError>;
}

#[async_trait]
impl<H: PrivateHalves> CarriesHalves for LocalVault<H> {
    async fn take_out(&self, pair: &KeyPair) -> Result<SecretBytes, VaultError> {
        let identity = Arc::new(PairIdentity::of(pair));
        let private_half = self.private_halves().fetch(&identity).await?;
        self.verify(identity, private_half.clone()).await?;
        Ok(private_half)
    }

    async fn take_in(
        &self,
        pair: &KeyPair,
        private_half: &SecretBytes,
    ) -> Result<PutOutcome, VaultError> {
        let identity = PairIdentity::of(pair);
        let halves = self.private_halves();
        match halves.fetch(&identity).await {
            Ok(kept) if kept == *private_half => return Ok(PutOutcome::Unchanged),
            Ok(_) => return Ok(PutOutcome::Differs),
            Err(error @ VaultError::Unavailable(_)) => return Err(error),
            // None, as a rule; if it is one that does not open, nothing is overwritten.
            Err(_) => {}
        }
        match halves.keep(&identity, private_half).await {
            Ok(()) => {}
            Err(error) if is_taken(&error) => return Ok(PutOutcome::Differs),
            Err(error) => return Err(error),
        }
        if halves.fetch(&identity).await? == *private_half {
            Ok(PutOutcome::Stored)
        } else {
            Err(PairError::not_kept(pair.serial, None))
        }
    }
}

fn is_taken(error: &VaultError) -> bool {
    let VaultError::Backend(source) = error else {
        return false;
    };
    matches!(source.downcast_ref(), Some(PairError::Exists(_)))
}

/// Carries private halves from one vault to another.
#[derive(Debug)]
pub struct HalfCopy {
    /// Where they are taken out; they stay there.
    pub from: Arc<dyn CarriesHalves>,
    /// Where they are taken in.
    pub to: Arc<dyn CarriesHalves>,
}

#[async_trait]
impl PrivateHalfCopy for HalfCopy {
    async fn copy_private_half(&self, pair: &KeyPair) -> Result<PutOutcome, VaultError> {
        let private_half = self.from.take_out(pair).await?;
        self.to.take_in(pair, &private_half).await
    }
}
