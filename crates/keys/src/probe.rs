use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Probe, ProbeError, VaultError};

use crate::error::in_one_line;
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the default scope has an active pair, and its private half opens.
#[async_trait]
impl<H: PrivateHalves> Probe for LocalVault<H> {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<(), ProbeError> {
        tell_readiness(PATIENCE, self.look()).await
    }
}

/// What became of a look at the parts within `patience`, in words.
pub async fn tell_readiness(
    patience: Duration,
    look: impl Future<Output = Result<(), VaultError>>,
) -> Result<(), ProbeError> {
    match tokio::time::timeout(patience, look).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ProbeError {
            message: match &error {
                VaultError::NoActivePair(scope) => format!(
                    "no active key pair for scope {scope}: make one with `crypt-keeper keys \
                     rotate`"
                ),
                other => in_one_line(other),
            },
            source: Some(Box::new(error)),
        }),
        Err(late) => Err(ProbeError {
            message: format!(
                "the key store or the registry has not answered within {} s",
                patience.as_secs()
            ),
            source: Some(Box::new(late)),
        }),
    }
}

impl<H: PrivateHalves> LocalVault<H> {
    async fn look(&self) -> Result<(), VaultError> {
        let active = self
            .pairs
            .active(&self.config.default_scope, self.config.algorithm, None)
            .await?;
        let pair = self.pairs.find(active.serial).await?;
        self.opened.get(&pair.identity).await.map(drop)
    }
}
