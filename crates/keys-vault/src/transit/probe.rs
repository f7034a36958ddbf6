use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Probe, ProbeError, VaultError};
use crypt_keeper_keys::in_one_line;

use super::TransitVault;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the default scope has an active pair, and Vault knows this service's token.
#[async_trait]
impl Probe for TransitVault {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<(), ProbeError> {
        match tokio::time::timeout(PATIENCE, self.look()).await {
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
                    "Vault or the registry has not answered within {} s",
                    PATIENCE.as_secs()
                ),
                source: Some(Box::new(late)),
            }),
        }
    }
}

impl TransitVault {
    async fn look(&self) -> Result<(), VaultError> {
        let scope = &self.config.default_scope;
        self.pairs.active(scope, self.algorithm(), None).await?;
        Ok(self.keys.session.check().await?)
    }
}
