use std::sync::Arc;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyPair, KeyPairChange, KeyState, RetentionClass, Scope, WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, Purpose, RegistryChange, VaultError, WrapContext,
};
use crypt_keeper_secret::DocumentKey;

use crate::KeyVaultHarness;
use crate::fixtures::Fixtures;

/// A vault and the registry it looks into.
pub(super) struct Vault<'a> {
    harness: &'a dyn KeyVaultHarness,
    pub(super) keys: Arc<dyn KeyVault>,
    registry: Arc<dyn KeyRegistry>,
    pub(super) make: Fixtures,
}

impl<'a> Vault<'a> {
    pub(super) fn new(harness: &'a dyn KeyVaultHarness) -> Self {
        Self {
            harness,
            keys: harness.key_vault(),
            registry: harness.key_registry(),
            make: Fixtures::new(harness.now()),
        }
    }

    /// Waits until the vault has noticed what changed in the registry.
    pub(super) async fn settle(&self) {
        let bound = self.harness.state_bound();
        if !bound.is_zero() {
            tokio::time::sleep(bound).await;
        }
    }

    pub(super) fn document_id(&self) -> DocumentId {
        self.make
            .document_id(RetentionClass::DEFAULT, self.make.at())
    }

    /// A pre-active pair, made and entered.
    pub(super) async fn pair(&self, scope: Scope) -> KeyPair {
        let mut pair = self.make.pair(scope, KeyState::PreActive);
        pair.algorithm = self.harness.algorithm();
        let made = self
            .keys
            .create(pair.serial, &pair.scope, pair.algorithm)
            .await;
        pair.public_half = made.expect("create");
        self.enter(&pair).await;
        pair
    }

    pub(super) async fn active_pair(&self, scope: Scope) -> KeyPair {
        let pair = self.pair(scope).await;
        let change = step(&pair, KeyState::Active);
        self.change(std::slice::from_ref(&change)).await;
        change.after
    }

    pub(super) async fn enter(&self, pair: &KeyPair) {
        let record = self.make.record(AuditAction::KeyPairCreated);
        let entered = self.registry.insert_pair(pair, &record).await;
        assert_eq!(entered.expect("insert_pair"), RegistryChange::Changed);
    }

    pub(super) async fn change(&self, changes: &[KeyPairChange]) {
        let records: Vec<_> = changes
            .iter()
            .map(|_| self.make.record(AuditAction::KeyPairChanged))
            .collect();
        let changed = self.registry.change_pairs(changes, &records).await;
        assert_eq!(changed.expect("change_pairs"), RegistryChange::Changed);
    }

    pub(super) async fn wrap(&self, key: &DocumentKey, id: DocumentId) -> WrappedKey {
        self.wrap_in(key, id, Scope::Shared).await
    }

    pub(super) async fn wrap_in(
        &self,
        key: &DocumentKey,
        id: DocumentId,
        scope: Scope,
    ) -> WrappedKey {
        let wrapped = self.keys.wrap(key, &context(id, scope)).await;
        wrapped.expect("wrap")
    }

    pub(super) async fn release(
        &self,
        wrapped: &WrappedKey,
        id: DocumentId,
    ) -> Result<DocumentKey, VaultError> {
        self.keys.unwrap(wrapped, id, Purpose::Release).await
    }

    pub(super) async fn is_corrupt(&self, wrapped: &WrappedKey, id: DocumentId, what: &str) {
        let opened = self.release(wrapped, id).await;
        assert!(
            matches!(opened, Err(VaultError::Corrupt(_))),
            "{what}: {opened:?}"
        );
    }
}

pub(super) fn context(document: DocumentId, scope: Scope) -> WrapContext {
    WrapContext {
        document,
        scope,
        refused: None,
    }
}

pub(super) fn step(pair: &KeyPair, state: KeyState) -> KeyPairChange {
    KeyPairChange {
        seen_version: pair.version,
        after: pair
            .become_state(state, pair.created_at)
            .expect("an allowed step"),
    }
}
