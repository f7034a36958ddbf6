use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{
    Condition, KeyRegistry, KeyVault, OldWrap, PrivateKeys, Probe, ProbeError, Purpose, VaultError,
    WrapContext,
};
use crypt_keeper_keys::{CacheStats, LocalVault, PairInspection, VaultConfig};
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
        let keys = private_halves.keys.clone();
        let local = LocalVault::new(registry, Arc::new(private_halves), config)?;
        // What did not open may open now.
        let forgive = local.forgiver();
        keys.on_change(move |_| forgive());
        Ok(Self { local })
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

    /// What has been read of private halves, and what is held of them.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.local.cache_stats()
    }

    /// Takes private halves out of memory that have no business there any more, as
    /// [`LocalVault::sweep`].
    pub async fn sweep(&self) {
        self.local.sweep().await;
    }

    /// The same again and again, until it is dropped.
    pub async fn keep_swept(&self, every: Duration) {
        self.local.keep_swept(every).await;
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

    async fn check(&self) -> Result<Condition, ProbeError> {
        self.local.check().await
    }
}
