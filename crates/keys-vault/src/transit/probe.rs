use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, VaultError};
use crypt_keeper_keys::tell_readiness;

use super::TransitVault;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the scope that readiness depends on has an active pair, and Vault knows this service's token.
#[async_trait]
impl Probe for TransitVault {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let ready_scope = &self.config.ready_scope;
        tell_readiness(PATIENCE, async { ready_scope.forgive(self.look().await) }).await
    }
}

impl TransitVault {
    async fn look(&self) -> Result<Condition, VaultError> {
        let scope = self.config.ready_scope.now();
        self.pairs.active(&scope, self.algorithm(), None).await?;
        self.keys.session.check().await?;
        Ok(Condition::Good)
    }
}
