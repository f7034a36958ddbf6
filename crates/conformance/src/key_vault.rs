//! Laws of [`KeyVault`].

use std::sync::Arc;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyCommitment, KeyPair, KeyPairChange, KeyState, RetentionClass,
    Scope, WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, Purpose, RegistryChange, VaultError, WrapContext,
};
use crypt_keeper_secret::DocumentKey;

use crate::KeyVaultHarness;
use crate::concurrency::at_once;
use crate::fixtures::Fixtures;

/// Makes a test of every law of `KeyVault`; takes an expression whose future gives
/// `Option<impl KeyVaultHarness>`.
#[macro_export]
macro_rules! key_vault_laws {
    ($harness:expr) => {
        $crate::laws!(
            key_vault,
            $harness,
            [
                wrapped_is_unwrapped,
                wrapping_twice_differs,
                a_flipped_bit_is_refused,
                another_documents_id_is_refused,
                another_pairs_serial_is_refused,
                unwrap_works_after_rotation,
                wrap_needs_an_active_pair,
                create_never_overwrites,
                destroyed_opens_nothing,
                purpose_is_held_to_the_state,
            ]
        );
    };
}

/// A wrapped key is unwrapped to the same key, many at a time too; it says what it was wrapped
/// under.
pub async fn wrapped_is_unwrapped(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let pair = vault.active_pair(Scope::Shared).await;
    let customer = Scope::Customer(vault.make.user_id());
    let customers = vault.active_pair(customer.clone()).await;
    for (scope, pair) in [(Scope::Shared, &pair), (customer, &customers)] {
        let (id, key) = (vault.document_id(), vault.make.document_key());
        let wrapped = vault.wrap_in(&key, id, scope.clone()).await;
        assert_eq!(wrapped.serial, pair.serial);
        assert_eq!(wrapped.algorithm, pair.algorithm);
        assert_eq!(wrapped.scope, scope);
        for purpose in [Purpose::Release, Purpose::Rewrap] {
            let opened = vault.keys.unwrap(&wrapped, id, purpose).await;
            assert_eq!(opened.expect("unwrap"), key);
        }
    }

    let answers = at_once(16, |_| {
        let keys = Arc::clone(&vault.keys);
        let (id, key) = (vault.document_id(), vault.make.document_key());
        let context = context(id, Scope::Shared);
        async move {
            let wrapped = keys.wrap(&key, &context).await.expect("wrap");
            let opened = keys.unwrap(&wrapped, id, Purpose::Release).await;
            opened.expect("unwrap") == key
        }
    })
    .await;
    assert_eq!(answers, [true; 16]);
}

/// One key wrapped twice for one document gives other bytes, and both open.
pub async fn wrapping_twice_differs(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    vault.active_pair(Scope::Shared).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let one = vault.wrap(&key, id).await;
    let other = vault.wrap(&key, id).await;
    assert_ne!(one.bytes, other.bytes);
    for wrapped in [one, other] {
        assert_eq!(vault.release(&wrapped, id).await.expect("unwrap"), key);
    }
}

/// Any bit of the wrapped bytes or of the commitment: one in each byte is tried. Nor do bytes
/// that were cut or extended open.
pub async fn a_flipped_bit_is_refused(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    vault.active_pair(Scope::Shared).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let good = vault.wrap(&key, id).await;
    let bits = vault.make.many_bytes(good.bytes.len() + 32);
    let bit = |at: usize| 1 << (bits[at] % 8);

    for at in 0..good.bytes.len() {
        let mut bad = good.clone();
        bad.bytes[at] ^= bit(at);
        vault.is_corrupt(&bad, id, &format!("byte {at}")).await;
    }
    for at in 0..32 {
        let mut bytes = *good.commitment.as_bytes();
        bytes[at] ^= bit(good.bytes.len() + at);
        let mut bad = good.clone();
        bad.commitment = KeyCommitment::from_bytes(bytes);
        let what = format!("byte {at} of the commitment");
        vault.is_corrupt(&bad, id, &what).await;
    }
    let mut cut = good.clone();
    cut.bytes.pop();
    vault.is_corrupt(&cut, id, "cut").await;
    let mut extended = good.clone();
    extended.bytes.push(0);
    vault.is_corrupt(&extended, id, "extended").await;
    let mut empty = good.clone();
    empty.bytes.clear();
    vault.is_corrupt(&empty, id, "empty").await;
    assert_eq!(vault.release(&good, id).await.expect("unwrap"), key);
}

/// What was wrapped for one document does not open for another; where the wrapped bytes are bound
/// to the document, not even with a commitment that fits.
pub async fn another_documents_id_is_refused(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    vault.active_pair(Scope::Shared).await;
    let key = vault.make.document_key();
    let (id, other_id) = (vault.document_id(), vault.document_id());
    let wrapped = vault.wrap(&key, id).await;
    vault.is_corrupt(&wrapped, other_id, "another id").await;

    let mut pasted = wrapped.clone();
    pasted.commitment = vault.wrap(&key, other_id).await.commitment;
    assert_ne!(pasted.commitment, wrapped.commitment, "it holds the id");
    if harness.binds_document_in_wrap() {
        vault.is_corrupt(&pasted, other_id, "pasted").await;
    }
}

/// What was wrapped under one pair does not open under another.
pub async fn another_pairs_serial_is_refused(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    vault.active_pair(Scope::Shared).await;
    let other = vault.active_pair(Scope::Hold).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let mut wrapped = vault.wrap(&key, id).await;
    wrapped.serial = other.serial;
    wrapped.scope = other.scope;
    vault.is_corrupt(&wrapped, id, "another pair").await;
    wrapped.serial = vault.make.serial();
    vault.is_corrupt(&wrapped, id, "an unknown pair").await;
}

/// After a rotation new keys are wrapped under the new pair, and the old ones open as before.
pub async fn unwrap_works_after_rotation(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let mut pair = vault.active_pair(Scope::Shared).await;
    let mut wrapped = Vec::new();
    for _ in 0..3 {
        let (id, key) = (vault.document_id(), vault.make.document_key());
        let under_old = vault.wrap(&key, id).await;
        assert_eq!(under_old.serial, pair.serial);
        wrapped.push((under_old, id, key.clone()));

        let old = pair;
        pair = vault.pair(Scope::Shared).await;
        let steps = [
            step(&old, KeyState::Deactivated),
            step(&pair, KeyState::Active),
        ];
        vault.change(&steps).await;
        pair = steps[1].after.clone();
        let mut context = context(id, Scope::Shared);
        context.refused = Some(old.serial);
        let rewrapped = vault.keys.wrap(&key, &context).await.expect("wrap");
        assert_eq!(rewrapped.serial, pair.serial, "the store refused the old");
        wrapped.push((rewrapped, id, key));
        for (wrapped, id, key) in &wrapped {
            assert_eq!(vault.release(wrapped, *id).await.expect("unwrap"), *key);
        }
    }
}

/// A scope without an active pair wraps nothing, whatever other scopes have.
pub async fn wrap_needs_an_active_pair(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let none = async |scope: Scope, refused| {
        let mut context = context(id, scope.clone());
        context.refused = refused;
        match vault.keys.wrap(&key, &context).await {
            Err(VaultError::NoActivePair(of)) => assert_eq!(of, scope),
            other => panic!("wrapped without an active pair: {other:?}"),
        }
    };
    none(Scope::Shared, None).await;
    let pair = vault.pair(Scope::Shared).await;
    none(Scope::Shared, None).await;
    let active = step(&pair, KeyState::Active);
    vault.change(std::slice::from_ref(&active)).await;
    vault.settle().await;
    assert_eq!(vault.wrap(&key, id).await.serial, pair.serial);
    none(Scope::Hold, None).await;

    vault
        .change(&[step(&active.after, KeyState::Suspended)])
        .await;
    none(Scope::Shared, Some(pair.serial)).await;
    vault.settle().await;
    none(Scope::Shared, None).await;
}

/// A serial that has a private half keeps it; of many made at once one is made.
pub async fn create_never_overwrites(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let pair = vault.active_pair(Scope::Shared).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let wrapped = vault.wrap(&key, id).await;
    let algorithm = harness.algorithm();
    let again = vault
        .keys
        .create(pair.serial, &Scope::Shared, algorithm)
        .await;
    assert!(matches!(again, Err(VaultError::Backend(_))), "{again:?}");
    assert_eq!(vault.release(&wrapped, id).await.expect("unwrap"), key);

    let serial = vault.make.serial();
    let answers = at_once(3, |_| {
        let keys = Arc::clone(&vault.keys);
        async move { keys.create(serial, &Scope::Hold, algorithm).await }
    })
    .await;
    let mut made = Vec::new();
    for answer in answers {
        match answer {
            Ok(public_half) => made.push(public_half),
            Err(VaultError::Backend(_)) => {}
            Err(other) => panic!("create: {other:?}"),
        }
    }
    assert_eq!(made.len(), 1);
    let mut pair = vault.make.pair(Scope::Hold, KeyState::Active);
    pair.serial = serial;
    pair.algorithm = algorithm;
    pair.public_half = made.remove(0);
    vault.enter(&pair).await;
    let wrapped = vault.wrap_in(&key, id, Scope::Hold).await;
    assert_eq!(vault.release(&wrapped, id).await.expect("unwrap"), key);
}

/// What was wrapped under a destroyed pair opens no more, at once, whatever the registry says;
/// others do. Destroying again, or what never was, is harmless.
pub async fn destroyed_opens_nothing(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let pair = vault.active_pair(Scope::Shared).await;
    vault.active_pair(Scope::Hold).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let doomed = vault.wrap(&key, id).await;
    let kept = vault.wrap_in(&key, id, Scope::Hold).await;
    assert_eq!(vault.release(&doomed, id).await.expect("unwrap"), key);
    for _ in 0..2 {
        vault.keys.destroy(pair.serial).await.expect("destroy");
        for purpose in [Purpose::Release, Purpose::Rewrap] {
            let opened = vault.keys.unwrap(&doomed, id, purpose).await;
            assert!(
                matches!(
                    opened,
                    Err(VaultError::Corrupt(_) | VaultError::Refused(_) | VaultError::Backend(_))
                ),
                "{opened:?}"
            );
        }
    }
    let nobodys = vault.make.serial();
    vault.keys.destroy(nobodys).await.expect("destroy");
    assert_eq!(vault.release(&kept, id).await.expect("unwrap"), key);
}

/// Active and deactivated pairs unwrap for every purpose, compromised ones for rewrapping only,
/// the others not at all.
pub async fn purpose_is_held_to_the_state(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let mut pair = vault.active_pair(Scope::Shared).await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let wrapped = vault.wrap(&key, id).await;
    for state in KeyState::ALL {
        let mut after = pair.clone();
        after.state = *state;
        after.version += 1;
        let change = KeyPairChange {
            seen_version: pair.version,
            after,
        };
        vault.change(std::slice::from_ref(&change)).await;
        pair = change.after;
        vault.settle().await;
        for (purpose, allowed) in [
            (Purpose::Release, state.may_release()),
            (Purpose::Rewrap, state.may_rewrap()),
        ] {
            match vault.keys.unwrap(&wrapped, id, purpose).await {
                Ok(opened) if allowed => assert_eq!(opened, key),
                Err(VaultError::Refused(serial)) if !allowed => assert_eq!(serial, pair.serial),
                other => panic!("{state}, {purpose:?}: {other:?}"),
            }
        }
    }
}

/// A vault and the registry it looks into.
struct Vault<'a> {
    harness: &'a dyn KeyVaultHarness,
    keys: Arc<dyn KeyVault>,
    registry: Arc<dyn KeyRegistry>,
    make: Fixtures,
}

impl<'a> Vault<'a> {
    fn new(harness: &'a dyn KeyVaultHarness) -> Self {
        Self {
            harness,
            keys: harness.key_vault(),
            registry: harness.key_registry(),
            make: Fixtures::new(harness.now()),
        }
    }

    /// Waits until the vault has noticed what changed in the registry.
    async fn settle(&self) {
        let bound = self.harness.state_bound();
        if !bound.is_zero() {
            tokio::time::sleep(bound).await;
        }
    }

    fn document_id(&self) -> DocumentId {
        self.make
            .document_id(RetentionClass::DEFAULT, self.make.at())
    }

    /// A pre-active pair, made and entered.
    async fn pair(&self, scope: Scope) -> KeyPair {
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

    async fn active_pair(&self, scope: Scope) -> KeyPair {
        let pair = self.pair(scope).await;
        let change = step(&pair, KeyState::Active);
        self.change(std::slice::from_ref(&change)).await;
        change.after
    }

    async fn enter(&self, pair: &KeyPair) {
        let record = self.make.record(AuditAction::KeyPairCreated);
        let entered = self.registry.insert_pair(pair, &record).await;
        assert_eq!(entered.expect("insert_pair"), RegistryChange::Changed);
    }

    async fn change(&self, changes: &[KeyPairChange]) {
        let records: Vec<_> = changes
            .iter()
            .map(|_| self.make.record(AuditAction::KeyPairChanged))
            .collect();
        let changed = self.registry.change_pairs(changes, &records).await;
        assert_eq!(changed.expect("change_pairs"), RegistryChange::Changed);
    }

    async fn wrap(&self, key: &DocumentKey, id: DocumentId) -> WrappedKey {
        self.wrap_in(key, id, Scope::Shared).await
    }

    async fn wrap_in(&self, key: &DocumentKey, id: DocumentId, scope: Scope) -> WrappedKey {
        let wrapped = self.keys.wrap(key, &context(id, scope)).await;
        wrapped.expect("wrap")
    }

    async fn release(
        &self,
        wrapped: &WrappedKey,
        id: DocumentId,
    ) -> Result<DocumentKey, VaultError> {
        self.keys.unwrap(wrapped, id, Purpose::Release).await
    }

    async fn is_corrupt(&self, wrapped: &WrappedKey, id: DocumentId, what: &str) {
        let opened = self.release(wrapped, id).await;
        assert!(
            matches!(opened, Err(VaultError::Corrupt(_))),
            "{what}: {opened:?}"
        );
    }
}

fn context(document: DocumentId, scope: Scope) -> WrapContext {
    WrapContext {
        document,
        scope,
        refused: None,
    }
}

fn step(pair: &KeyPair, state: KeyState) -> KeyPairChange {
    KeyPairChange {
        seen_version: pair.version,
        after: pair
            .become_state(state, pair.created_at)
            .expect("an allowed step"),
    }
}
