use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, VaultError};
use crypt_keeper_keys::tell_readiness;

use super::TransitVault;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the default scope has an active pair, and Vault knows this service's token.
#[async_trait]
impl Probe for TransitVault {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        tell_readiness(PATIENCE, self.look()).await
    }
}

impl TransitVault {
    async fn look(&self) -> Result<Condition, VaultError> {
        let scope = &self.config.default_scope;
        self.pairs.active(scope, self.algorithm(), None).await?;
        self.keys.session.check().await?;
        Ok(Condition::Good)
    }
}
