//! Private halves are carried from under one master key to under another.

use std::sync::Arc;

use crypt_keeper_domain::model::{KeyPair, KeyState, Scope};
use crypt_keeper_domain::ports::{
    KeyVault, PrivateHalfCopy, PrivateKeys, Purpose, PutOutcome, VaultError,
};
use crypt_keeper_keys_sealed::HalfCopy;
use crypt_keeper_secret::ExposeSecret as _;

use crate::support::Scene;

fn copy(from: &Scene, to: &Scene) -> HalfCopy {
    HalfCopy {
        from: Arc::clone(&from.vault) as _,
        to: Arc::clone(&to.vault) as _,
    }
}

async fn put(copy: &HalfCopy, pair: &KeyPair) -> PutOutcome {
    copy.copy_private_half(pair).await.unwrap()
}

#[tokio::test]
async fn what_was_wrapped_here_opens_there() {
    let (from, to) = (Scene::new(), Scene::new());
    let pair = from.active_pair(Scope::Shared).await;
    let document = from.wrapped().await;
    let copy = copy(&from, &to);
    assert_eq!(put(&copy, &pair).await, PutOutcome::Stored);
    // The registry comes after.
    to.enter(&pair).await;
    let opened = to
        .vault
        .unwrap(&document.wrapped, document.id, Purpose::Release)
        .await
        .unwrap();
    assert!(opened.expose_secret() == document.key.expose_secret());
    // It stays where it was, and lies there under another master key.
    let sealed = async |scene: &Scene| scene.private_keys.get(pair.serial).await.unwrap().unwrap();
    assert_ne!(sealed(&from).await, sealed(&to).await);
    assert_eq!(put(&copy, &pair).await, PutOutcome::Unchanged);
}

#[tokio::test]
async fn what_is_there_is_never_overwritten() {
    let (from, to, other) = (Scene::new(), Scene::new(), Scene::new());
    let pair = from.active_pair(Scope::Shared).await;
    // The half of another pair, which bears the serial; and one under a key that is not there.
    let another = to
        .vault
        .create(pair.serial, &pair.scope, pair.algorithm)
        .await
        .unwrap();
    assert_ne!(another, pair.public_half);
    let kept = to.private_keys.get(pair.serial).await.unwrap();
    assert_eq!(put(&copy(&from, &to), &pair).await, PutOutcome::Differs);
    assert_eq!(to.private_keys.get(pair.serial).await.unwrap(), kept);
    let foreign = from.private_keys.get(pair.serial).await.unwrap().unwrap();
    other.private_keys.put(pair.serial, &foreign).await.unwrap();
    assert_eq!(put(&copy(&from, &other), &pair).await, PutOutcome::Differs);
}

#[tokio::test]
async fn what_is_not_whole_is_not_carried() {
    let (from, to) = (Scene::new(), Scene::new());
    let pair = from.active_pair(Scope::Shared).await;
    let mut other = from.make.pair(Scope::Shared, KeyState::Deactivated);
    other.algorithm = pair.algorithm;
    let copy = copy(&from, &to);
    let missing = copy.copy_private_half(&other).await.unwrap_err();
    assert!(matches!(missing, VaultError::Corrupt(_)), "{missing}");
    let mut of_another = pair.clone();
    of_another.public_half = other.public_half;
    let refused = copy.copy_private_half(&of_another).await.unwrap_err();
    assert!(matches!(refused, VaultError::Corrupt(_)), "{refused}");
    assert!(to.private_keys.serials().await.unwrap().is_empty());
}
