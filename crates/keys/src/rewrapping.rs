//! Many keys from one wrap into another.

use crypt_keeper_domain::model::WrappedKey;
use crypt_keeper_domain::ports::{OldWrap, Purpose, VaultError};
use futures_util::stream::{self, StreamExt as _};

use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;
use crate::{unwrapping, wrapping};

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
        let (wrapped, document) = (old.wrapped.clone(), old.document);
        self.pool
            .run(move || {
                let key = unwrapping::unwrap(&private_half, &wrapped, document)?;
                wrapping::wrap_under(&active, &key, document)
            })
            .await
    }
}
