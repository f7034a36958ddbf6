use std::sync::Arc;

use crypt_keeper_domain::model::{KeyCommitment, Scope};
use crypt_keeper_domain::ports::Purpose;

use super::vault::{Vault, context};
use crate::KeyVaultHarness;
use crate::concurrency::at_once;

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
