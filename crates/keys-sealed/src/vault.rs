use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, OldWrap, PrivateKeys, Probe, ProbeError, Purpose, VaultError,
    WrapContext,
};
use crypt_keeper_keys::{LocalVault, PairInspection, VaultConfig};
use crypt_keeper_secret::DocumentKey;

use crate::master_key::MasterKeys;
use crate::private_halves::SealedHalves;

/// A vault over a registry and a store of sealed private halves: a [`LocalVault`], whose notes on
/// freshness, memory and threads hold here.
#[derive(Debug)]
pub struct SealedVault {
    pub(crate) local: LocalVault<SealedHalves>,
}

impl SealedVault {
    /// A vault; starts its threads. `master_keys` is a ring, or [`MasterKeys`] that follow theirs.
    ///
    /// # Errors
    /// [`std::io::Error`] if the operating system gives no threads.
    pub fn new(
        registry: Arc<dyn KeyRegistry>,
        private_keys: Arc<dyn PrivateKeys>,
        master_keys: impl Into<MasterKeys>,
        config: VaultConfig,
    ) -> std::io::Result<Self> {
        let private_halves = SealedHalves {
            store: private_keys,
            keys: master_keys.into(),
        };
        Ok(Self {
            local: LocalVault::new(registry, Arc::new(private_halves), config)?,
        })
    }

    /// How it wraps new document keys.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.local.algorithm()
    }

    /// Opens the private half of every pair that is not destroyed, as the store holds it now: what
    /// a start and a doctor should know, such as a wrong master key.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or the key store cannot be read at all.
    pub async fn inspect_pairs(&self) -> Result<Vec<PairInspection>, VaultError> {
        self.local.inspect_pairs().await
    }
}

#[async_trait]
impl KeyVault for SealedVault {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.local.create(serial, scope, algorithm).await
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.local.destroy(serial).await
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        self.local.wrap(key, context).await
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        self.local.unwrap(wrapped, document, purpose).await
    }

    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        self.local.rewrap(old).await
    }
}

#[async_trait]
impl Probe for SealedVault {
    fn part(&self) -> &'static str {
        self.local.part()
    }

    async fn check(&self) -> Result<(), ProbeError> {
        self.local.check().await
    }
}
