//! Mounts, policies and tokens of a test's own, and vaults over them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::memory::{ManualClock, MemoryStore};
use crypt_keeper_domain::model::{
    Algorithm, AuditAction, DocumentId, KeyPair, KeyState, RetentionClass, Scope, Timestamp,
    WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, Purpose, RegistryChange, VaultError, WrapContext,
};
use crypt_keeper_keys_vault::{
    Auth, AuthMethod, CacheConfig, KvHalves, LocalVault, MountPath, SessionConfig, TransitConfig,
    TransitVault, VaultConfig, VaultSession, kv_vault,
};
use crypt_keeper_secret::DocumentKey;
use crypt_keeper_test_services::{VaultAccess, VaultSite, openbao};
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-03-01T12:00:00.000001Z
pub(crate) const NOON: i64 = 1_772_366_400_000_001;
/// Long enough for a test on a busy machine to be within it.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// What a service has that does everything in one.
pub(crate) const ALL_ROLES: &[&str] = &["serve", "rotate", "destroy"];

/// A place in a Vault, and a folder for files.
pub(crate) struct Site {
    pub(crate) access: VaultAccess,
    pub(crate) kv: String,
    pub(crate) transit: String,
    site: VaultSite,
    folder: TempDir,
}

impl Site {
    /// On the server that all tests share.
    pub(crate) fn shared() -> Option<Self> {
        openbao().map(|access| Self::on(&access))
    }

    pub(crate) fn on(access: &VaultAccess) -> Self {
        let site = VaultSite::create(access).unwrap();
        Self {
            access: access.clone(),
            kv: site.kv().to_owned(),
            transit: site.transit().to_owned(),
            site,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn policy(&self, role: &str) -> String {
        self.site.policy(role)
    }

    /// A token with the policies of some roles and no other.
    pub(crate) fn token(&self, roles: &[&str]) -> String {
        self.token_for(roles, 600)
    }

    pub(crate) fn token_for(&self, roles: &[&str], ttl_seconds: u32) -> String {
        self.site.token(roles, ttl_seconds).unwrap()
    }

    /// A file of the site's own with this content.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The configuration of a session with a token.
    pub(crate) fn config(&self, token: &str) -> SessionConfig {
        let file = self.file(&format!("token-{}", next()), token);
        self.config_by(AuthMethod::Token { file })
    }

    pub(crate) fn config_by(&self, method: AuthMethod) -> SessionConfig {
        SessionConfig {
            address: self.access.address().parse().unwrap(),
            namespace: None,
            ca_file: None,
            auth: Auth {
                method,
                mount: None,
            },
            patience: SessionConfig::PATIENCE,
        }
    }

    /// A session that may do everything a service does.
    pub(crate) fn session(&self) -> Arc<VaultSession> {
        VaultSession::start(self.config(&self.token(ALL_ROLES))).unwrap()
    }

    pub(crate) fn kv_mount(&self) -> MountPath {
        self.kv.parse().unwrap()
    }

    pub(crate) fn transit_mount(&self) -> MountPath {
        self.transit.parse().unwrap()
    }

    /// What an entry of KV holds.
    pub(crate) fn entry(&self, pair: &KeyPair) -> Value {
        let path = format!("{}/data/crypt-keeper/keys/{}", self.kv, pair.serial);
        self.access.must("GET", &path, &Value::Null).unwrap()["data"].clone()
    }

    pub(crate) fn set_entry(&self, pair: &KeyPair, entry: &Value) {
        let path = format!("{}/data/crypt-keeper/keys/{}", self.kv, pair.serial);
        self.access
            .must("POST", &path, &json!({ "data": entry }))
            .unwrap();
    }
}

/// A number that no other caller gets.
fn next() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Serials of their own for each scene: several may share a mount.
fn fixtures() -> Fixtures {
    Fixtures::new(Timestamp::from_micros(NOON + 1000 * next()))
}

/// A vault over a registry in memory.
pub(crate) struct Scene<V> {
    pub(crate) registry: Arc<MemoryStore>,
    pub(crate) vault: Arc<V>,
    pub(crate) make: Fixtures,
    pub(crate) algorithm: Algorithm,
}

fn registry() -> Arc<MemoryStore> {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
    Arc::new(MemoryStore::new(clock))
}

impl Scene<LocalVault<KvHalves>> {
    pub(crate) fn kv(session: Arc<VaultSession>, mount: MountPath) -> Self {
        Self::kv_with(session, mount, |_| {})
    }

    pub(crate) fn kv_with(
        session: Arc<VaultSession>,
        mount: MountPath,
        change: impl FnOnce(&mut VaultConfig),
    ) -> Self {
        let registry = registry();
        let mut config = VaultConfig::default();
        change(&mut config);
        let algorithm = config.algorithm;
        let vault = kv_vault(session, mount, registry.clone(), config).unwrap();
        Self {
            registry,
            vault: Arc::new(vault),
            make: fixtures(),
            algorithm,
        }
    }
}

/// Private halves are fetched each time.
pub(crate) fn uncached(config: &mut VaultConfig) {
    config.cache = CacheConfig::OFF;
}

impl Scene<TransitVault> {
    pub(crate) fn transit(session: Arc<VaultSession>, mount: MountPath) -> Self {
        Self::transit_for(session, mount, LONG)
    }

    pub(crate) fn transit_for(
        session: Arc<VaultSession>,
        mount: MountPath,
        registry_life: Duration,
    ) -> Self {
        let registry = registry();
        let config = TransitConfig {
            registry_life,
            ..TransitConfig::default()
        };
        let vault = TransitVault::new(session, mount, registry.clone(), config);
        Self {
            registry,
            vault: Arc::new(vault),
            make: fixtures(),
            algorithm: Algorithm::TransitRsaOaep256,
        }
    }
}

impl<V: KeyVault> Scene<V> {
    pub(crate) async fn active_pair(&self, scope: Scope) -> KeyPair {
        self.try_active_pair(scope).await.unwrap()
    }

    pub(crate) async fn try_active_pair(&self, scope: Scope) -> Result<KeyPair, VaultError> {
        let mut pair = self.make.pair(scope, KeyState::Active);
        pair.algorithm = self.algorithm;
        pair.public_half = self
            .vault
            .create(pair.serial, &pair.scope, pair.algorithm)
            .await?;
        self.enter(&pair).await;
        Ok(pair)
    }

    pub(crate) async fn enter(&self, pair: &KeyPair) {
        let record = self.make.record(AuditAction::KeyPairCreated);
        let entered = self.registry.insert_pair(pair, &record).await;
        assert_eq!(entered.unwrap(), RegistryChange::Changed);
    }

    pub(crate) async fn wrapped(&self) -> Wrapped {
        let (id, key) = (self.document_id(), self.make.document_key());
        let context = WrapContext {
            document: id,
            scope: Scope::Shared,
            refused: None,
        };
        let wrapped = self.vault.wrap(&key, &context).await.unwrap();
        Wrapped { id, key, wrapped }
    }

    pub(crate) fn document_id(&self) -> DocumentId {
        self.make
            .document_id(RetentionClass::DEFAULT, self.make.at())
    }
}

pub(crate) struct Wrapped {
    pub(crate) id: DocumentId,
    pub(crate) key: DocumentKey,
    pub(crate) wrapped: WrappedKey,
}

impl Wrapped {
    pub(crate) async fn release(&self, vault: &impl KeyVault) -> Result<DocumentKey, VaultError> {
        vault.unwrap(&self.wrapped, self.id, Purpose::Release).await
    }

    pub(crate) async fn is_released(&self, vault: &impl KeyVault) {
        assert_eq!(self.release(vault).await.unwrap(), self.key);
    }
}

/// An error and all that is behind it.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[track_caller]
pub(crate) fn is_unavailable<T: std::fmt::Debug>(answer: Result<T, VaultError>, says: &str) {
    match answer {
        Err(error @ VaultError::Unavailable(_)) => {
            assert!(words(&error).contains(says), "{}", words(&error));
        }
        other => panic!("not unavailable: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn is_backend<T: std::fmt::Debug>(answer: Result<T, VaultError>, says: &str) {
    match answer {
        Err(error @ VaultError::Backend(_)) => {
            assert!(words(&error).contains(says), "{}", words(&error));
        }
        other => panic!("not a failure of the backend: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn is_corrupt<T: std::fmt::Debug>(answer: Result<T, VaultError>, says: &str) {
    match answer {
        Err(error @ VaultError::Corrupt(_)) => {
            assert!(words(&error).contains(says), "{}", words(&error));
        }
        other => panic!("not corrupt: {other:?}"),
    }
}
