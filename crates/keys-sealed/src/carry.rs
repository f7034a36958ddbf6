use async_trait::async_trait;
use crypt_keeper_domain::model::KeyPair;
use crypt_keeper_domain::ports::{PutOutcome, VaultError};
use crypt_keeper_keys::CarriesHalves;
use crypt_keeper_secret::SecretBytes;

use crate::vault::SealedVault;

/// Taken out from under the ring's keys, taken in under the first of them.
#[async_trait]
impl CarriesHalves for SealedVault {
    async fn take_out(&self, pair: &KeyPair) -> Result<SecretBytes, VaultError> {
        self.local.take_out(pair).await
    }

    async fn take_in(
        &self,
        pair: &KeyPair,
        private_half: &SecretBytes,
    ) -> Result<PutOutcome, VaultError> {
        self.local.take_in(pair, private_half).await
    }
}
