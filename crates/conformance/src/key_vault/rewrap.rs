use crypt_keeper_domain::model::{KeyState, Scope};
use crypt_keeper_domain::ports::{OldWrap, VaultError};

use super::vault::{Vault, step};
use crate::KeyVaultHarness;

/// Keys that were wrapped under a pair open to the same keys under the active pair of their
/// documents' scopes, each answered in its place, from a compromised pair too. What does not open is
/// Corrupt, and does not stop the rest. From a suspended pair nothing is rewrapped.
pub async fn rewrapped_is_unwrapped(harness: &dyn KeyVaultHarness) {
    let vault = Vault::new(harness);
    let old = vault.active_pair(Scope::Shared).await;
    let customer = Scope::Customer(vault.make.user_id());
    let customers = vault.active_pair(customer.clone()).await;
    assert!(vault.keys.rewrap(&[]).await.is_empty());
    let mut wraps = Vec::new();
    let mut keys = Vec::new();
    for number in 0..20 {
        let (id, key) = (vault.document_id(), vault.make.document_key());
        let scope = if number % 5 == 4 {
            customer.clone()
        } else {
            Scope::Shared
        };
        wraps.push(OldWrap {
            document: id,
            wrapped: vault.wrap_in(&key, id, scope).await,
            refused: None,
        });
        keys.push(key);
    }
    let new = vault.pair(Scope::Shared).await;
    let steps = [
        step(&old, KeyState::Compromised),
        step(&new, KeyState::Active),
    ];
    vault.change(&steps).await;
    vault.settle().await;
    let spoiled = [3, 17];
    for number in spoiled {
        wraps[number].wrapped.bytes[0] ^= 1;
    }

    let answers = vault.keys.rewrap(&wraps).await;
    assert_eq!(answers.len(), wraps.len());
    for (number, answer) in answers.into_iter().enumerate() {
        let old = &wraps[number];
        if spoiled.contains(&number) {
            let is_corrupt = matches!(answer, Err(VaultError::Corrupt(_)));
            assert!(is_corrupt, "{number}: {answer:?}");
            continue;
        }
        let rewrapped = answer.expect("rewrap");
        let expected = if old.wrapped.scope == customer {
            customers.serial
        } else {
            new.serial
        };
        assert_eq!(rewrapped.serial, expected, "{number}");
        assert_eq!(rewrapped.scope, old.wrapped.scope);
        assert_eq!(rewrapped.algorithm, harness.algorithm());
        assert_eq!(rewrapped.commitment, old.wrapped.commitment);
        assert_ne!(rewrapped.bytes, old.wrapped.bytes);
        let opened = vault.release(&rewrapped, old.document).await;
        assert_eq!(opened.expect("unwrap"), keys[number], "{number}");
    }

    // The store may know better than the vault which pair is active.
    let newest = vault.pair(Scope::Shared).await;
    let steps = [
        step(&steps[1].after, KeyState::Suspended),
        step(&newest, KeyState::Active),
    ];
    vault.change(&steps).await;
    wraps[0].refused = Some(new.serial);
    let answer = vault.keys.rewrap(&wraps[..1]).await.pop();
    let rewrapped = answer.expect("an answer").expect("rewrap");
    assert_eq!(rewrapped.serial, newest.serial);

    vault.settle().await;
    let (id, key) = (vault.document_id(), vault.make.document_key());
    let mut wrapped = vault.wrap(&key, id).await;
    assert_eq!(wrapped.serial, newest.serial);
    wrapped.serial = new.serial;
    let suspended = OldWrap {
        document: id,
        wrapped,
        refused: None,
    };
    match vault.keys.rewrap(&[suspended]).await.pop() {
        Some(Err(VaultError::Refused(serial))) => assert_eq!(serial, new.serial),
        other => panic!("rewrapped from a suspended pair: {other:?}"),
    }
}
