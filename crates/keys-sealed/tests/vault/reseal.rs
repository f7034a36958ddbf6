//! A change of master key.

use std::sync::atomic::{AtomicBool, Ordering};

use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{Algorithm, Scope};
use crypt_keeper_domain::ports::{KeyVault, PrivateKeys, VaultError};
use crypt_keeper_keys_sealed::Resealed;

use crate::support::Scene;

#[tokio::test]
async fn every_private_half_is_sealed_anew_under_traffic() {
    let scene = Scene::new();
    for scope in [Scope::Shared, Scope::Hold] {
        scene.active_pair(scope).await;
    }
    let wrapped = scene.wrapped().await;
    // Its making was interrupted before it was entered.
    let orphan = scene.make.serial();
    scene
        .vault
        .create(orphan, &Scope::Shared, Algorithm::RsaOaep256)
        .await
        .unwrap();

    let mut ring = scene.ring.clone();
    ring.prepend(MasterKey::generate().unwrap()).unwrap();
    let vault = scene.vault_with_ring(&ring);
    let done = AtomicBool::new(false);
    let traffic = async {
        let mut released = 0;
        while !done.load(Ordering::SeqCst) {
            assert_eq!(wrapped.release(&scene.vault).await.unwrap(), wrapped.key);
            assert_eq!(wrapped.release(&vault).await.unwrap(), wrapped.key);
            released += 1;
        }
        released
    };
    let reseal = async {
        let resealed = vault.reseal(|_| ()).await.unwrap();
        done.store(true, Ordering::SeqCst);
        resealed
    };
    let (released, resealed) = futures_util::future::join(traffic, reseal).await;
    assert!(released > 0);
    let expected = Resealed {
        resealed: 2,
        unchanged: 0,
        unknown: vec![orphan],
    };
    assert_eq!(resealed, expected);

    let again = vault.reseal(|_| ()).await.unwrap();
    assert_eq!((again.resealed, again.unchanged), (0, 2));
    let new_only = scene.vault_with_ring(&MasterKeyRing::new(ring.first().clone()));
    assert_eq!(wrapped.release(&new_only).await.unwrap(), wrapped.key);
    let old_only = scene.vault_with_ring(&scene.ring);
    assert!(matches!(
        wrapped.release(&old_only).await,
        Err(VaultError::Backend(_))
    ));
}

#[tokio::test]
async fn an_interrupted_change_goes_on_where_it_was() {
    let scene = Scene::new();
    for scope in [Scope::Shared, Scope::Hold] {
        scene.active_pair(scope).await;
    }
    let mut ring = scene.ring.clone();
    ring.prepend(MasterKey::generate().unwrap()).unwrap();
    let vault = scene.vault_with_ring(&ring);
    // The list, then get and replace of the first; the next get fails.
    scene
        .private_keys
        .faults()
        .fail_after(3, Fault::Unavailable);
    let interrupted = vault.reseal(|_| ()).await;
    assert!(matches!(interrupted, Err(VaultError::Unavailable(_))));
    scene.private_keys.faults().heal();
    let done = vault.reseal(|_| ()).await.unwrap();
    assert_eq!((done.resealed, done.unchanged), (1, 1));
    let serials = scene.private_keys.serials().await.unwrap();
    assert_eq!(serials.len(), 2);
}
