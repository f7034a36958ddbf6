//! Many keys from one wrap into another.

use crypt_keeper_crypto as crypto;
use crypt_keeper_domain::model::WrappedKey;
use crypt_keeper_domain::ports::{OldWrap, Purpose, VaultError};
use futures_util::stream::{self, StreamExt as _};

use crate::error::PairError;
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;
use crate::wrapping;

impl<H: PrivateHalves> LocalVault<H> {
    /// Each key is one piece of work for the vault's threads, unwrapped and wrapped in one go. As
    /// many again as there are threads wait for one, so that none is idle, and no more, so that a
    /// download that needs one waits for few.
    pub(crate) async fn rewrap_all(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        let at_once = self.config.workers.threads.get() * 2;
        let works: Vec<_> = old.iter().map(|one| self.rewrap_one(one)).collect();
        stream::iter(works).buffered(at_once).collect().await
    }

    async fn rewrap_one(&self, old: &OldWrap) -> Result<WrappedKey, VaultError> {
        let private_half = self.private_half(&old.wrapped, Purpose::Rewrap).await?;
        let active = self
            .pairs
            .active(&old.wrapped.scope, self.config.algorithm, old.refused)
            .await?;
        let (serial, document) = (old.wrapped.serial, old.document);
        let bytes = old.wrapped.bytes.clone();
        let commitment = crypto::KeyCommitment::from_bytes(*old.wrapped.commitment.as_bytes());
        self.pool
            .run(move || {
                let key = private_half
                    .unwrap(&bytes, serial.get(), document.as_bytes())
                    .map_err(|error| PairError::wrap(serial, error))?;
                commitment
                    .check(&key, document.as_bytes())
                    .map_err(|error| PairError::commitment(serial, error))?;
                wrapping::wrap_under(&active, &key, document)
            })
            .await
    }
}
