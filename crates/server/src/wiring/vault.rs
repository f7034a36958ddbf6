//! The key vault that is configured: private halves sealed in a database, or in HashiCorp Vault.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{
    Condition, KeyVault, OldWrap, Probe, ProbeError, Purpose, VaultError, WrapContext,
};
use crypt_keeper_domain::usecase::ScopePolicy;
use crypt_keeper_keys_sealed::{
    CacheConfig, CacheStats, PairInspection, ReadyScope, SealedVault, SealedVaultConfig,
};
use crypt_keeper_secret::DocumentKey;

#[cfg(feature = "vault")]
use super::hashicorp::{KvVault, TransitVault};
use super::{MasterKeys, Stores, check_master_keys};
use crate::clock::SystemClock;
use crate::config::{BlobsBackend, KeysBackend, Role, Settings};
use crate::error::StartError;

/// The key vault that is configured.
#[derive(Debug)]
pub enum Vault {
    /// Private halves in a database, sealed under the master key.
    Sealed(Arc<SealedVault>),
    /// Private halves in KV of HashiCorp Vault or OpenBao.
    #[cfg(feature = "vault")]
    Kv(KvVault),
    /// Private halves that never leave Transit of HashiCorp Vault or OpenBao.
    #[cfg(feature = "vault")]
    Transit(TransitVault),
}

/// Whether anything that is configured needs a master key: sealed private halves, or URLs that the
/// service signs itself.
#[must_use]
pub fn needs_master_key(settings: &Settings) -> bool {
    settings.keys.backend == KeysBackend::Sealed
        || matches!(settings.blobs.backend, BlobsBackend::Local)
}

impl Vault {
    /// Opens the vault that is configured. HashiCorp Vault is not asked anything yet. Must be called
    /// on the runtime.
    ///
    /// # Errors
    /// [`StartError::NotCompiledIn`], [`StartError::NoMasterKey`], [`StartError::IngestRole`],
    /// [`StartError::Config`], [`StartError::Part`]; [`StartError::System`] if there are no threads
    /// to be had.
    pub fn open(
        settings: &Settings,
        stores: &Stores,
        master_keys: Option<&MasterKeys>,
    ) -> Result<Arc<Self>, StartError> {
        let vault = match settings.keys.backend {
            KeysBackend::Sealed => {
                let master_keys = master_keys.ok_or(StartError::NoMasterKey)?;
                Self::Sealed(open_sealed(settings, stores, master_keys)?)
            }
            #[cfg(feature = "vault")]
            KeysBackend::VaultKv => Self::Kv(super::hashicorp::open_kv(settings, stores)?),
            #[cfg(feature = "vault")]
            KeysBackend::VaultTransit => {
                Self::Transit(super::hashicorp::open_transit(settings, stores)?)
            }
            #[cfg(not(feature = "vault"))]
            KeysBackend::VaultKv | KeysBackend::VaultTransit => {
                return Err(StartError::NotCompiledIn {
                    key: "keys.backend",
                    backend: settings.keys.backend.as_str(),
                    feature: "vault",
                });
            }
        };
        Ok(Arc::new(vault))
    }

    /// The vault of sealed private halves, if it is that.
    #[must_use]
    pub fn sealed(&self) -> Option<&Arc<SealedVault>> {
        match self {
            Self::Sealed(vault) => Some(vault),
            #[cfg(feature = "vault")]
            Self::Kv(_) | Self::Transit(_) => None,
        }
    }

    /// Refuses what cannot work: master keys that open nothing, an engine that is not there. A Vault
    /// that is away is waited for by those who need it.
    ///
    /// # Errors
    /// [`StartError::WrongMasterKey`], [`StartError::Part`].
    pub async fn check_at_start(&self) -> Result<(), StartError> {
        match self {
            Self::Sealed(vault) => check_master_keys(vault).await,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => super::hashicorp::judge(vault.private_halves().check().await),
            #[cfg(feature = "vault")]
            Self::Transit(vault) => super::hashicorp::judge(vault.check_mount().await),
        }
    }

    /// What is wrong with the private half of each pair that is not destroyed.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or the private halves cannot be read at all.
    pub async fn inspect_pairs(&self) -> Result<Vec<PairInspection>, VaultError> {
        match self {
            Self::Sealed(vault) => vault.inspect_pairs().await,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault.inspect_pairs().await,
            #[cfg(feature = "vault")]
            Self::Transit(vault) => vault.inspect_pairs().await,
        }
    }

    /// What has been read of private halves, and what is held of them; `None` if they never get
    /// here.
    #[must_use]
    pub fn cache_stats(&self) -> Option<CacheStats> {
        match self {
            Self::Sealed(vault) => Some(vault.cache_stats()),
            #[cfg(feature = "vault")]
            Self::Kv(vault) => Some(vault.cache_stats()),
            #[cfg(feature = "vault")]
            Self::Transit(_) => None,
        }
    }

    /// Takes private halves out of memory that have no business there any more, again and again;
    /// ends at once if none gets there.
    pub async fn keep_swept(&self, every: Duration) {
        match self {
            Self::Sealed(vault) => vault.keep_swept(every).await,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault.keep_swept(every).await,
            #[cfg(feature = "vault")]
            Self::Transit(_) => {}
        }
    }

    fn keys(&self) -> &dyn KeyVault {
        match self {
            Self::Sealed(vault) => &**vault,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault,
            #[cfg(feature = "vault")]
            Self::Transit(vault) => vault,
        }
    }

    fn probe(&self) -> &dyn Probe {
        match self {
            Self::Sealed(vault) => &**vault,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault,
            #[cfg(feature = "vault")]
            Self::Transit(vault) => vault,
        }
    }
}

/// The vault over the key store and the registry, for [`KeysBackend::Sealed`].
///
/// # Errors
/// [`StartError::IngestRole`]; [`StartError::System`] if there are no threads to be had.
pub fn open_sealed(
    settings: &Settings,
    stores: &Stores,
    master_keys: &MasterKeys,
) -> Result<Arc<SealedVault>, StartError> {
    let private_keys = stores.private_keys.as_ref().ok_or(StartError::IngestRole)?;
    let vault = SealedVault::new(
        Arc::clone(&stores.registry),
        Arc::clone(private_keys),
        master_keys.clone(),
        vault_config(settings),
    )?;
    Ok(Arc::new(vault))
}

pub(super) fn vault_config(settings: &Settings) -> SealedVaultConfig {
    let mut config = SealedVaultConfig {
        algorithm: settings.keys.algorithm,
        ready_scope: ready_scope(settings),
        ..SealedVaultConfig::default()
    };
    if let Some(cache) = settings.keys.cache {
        config.cache = CacheConfig {
            soft_ttl: cache.soft_ttl,
            hard_ttl: cache.hard_ttl,
            ..CacheConfig::DEFAULT
        };
    }
    config
}

/// Readiness depends on the pair that most documents are wrapped under.
pub(super) fn ready_scope(settings: &Settings) -> ReadyScope {
    match settings.keys.scope {
        ScopePolicy::Shared | ScopePolicy::Customer => ReadyScope::Of(Scope::Shared),
        ScopePolicy::Partition => ReadyScope::OfPartition {
            class: settings.retention.default_class(),
            clock: Arc::new(SystemClock),
            // A server that holds no private half can make none.
            is_made_when_needed: settings.role == Role::Full,
        },
    }
}

#[async_trait]
impl KeyVault for Vault {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.keys().create(serial, scope, algorithm).await
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.keys().destroy(serial).await
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        self.keys().wrap(key, context).await
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        self.keys().unwrap(wrapped, document, purpose).await
    }

    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        self.keys().rewrap(old).await
    }
}

#[async_trait]
impl Probe for Vault {
    fn part(&self) -> &'static str {
        self.probe().part()
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        self.probe().check().await
    }
}
