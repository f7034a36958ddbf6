use std::sync::Arc;

use crypt_keeper_domain::model::{KeyPairChange, KeyState, Scope};
use crypt_keeper_domain::ports::{Purpose, VaultError};

use super::vault::{Vault, context, step};
use crate::KeyVaultHarness;
use crate::concurrency::at_once;

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
