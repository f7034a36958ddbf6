//! What the vault remembers, and what it looks up.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::{Fault, ManualClock};
use crypt_keeper_domain::model::{KeyState, Scope, Timestamp};
use crypt_keeper_domain::ports::{KeyVault, Purpose, VaultError};
use crypt_keeper_keys_sealed::CacheConfig;
use futures_util::future::join_all;

use crate::support::{LONG, Scene, context};

#[tokio::test]
async fn requests_cost_no_statement_of_the_vaults_own() {
    let scene = Scene::new();
    scene.active_pair(Scope::Shared).await;
    let wrapped = join_all((0..16).map(|_| scene.wrapped())).await;
    assert_eq!(scene.registry.reads(), 1);

    // The private half is opened once too.
    scene.private_keys.faults().fail_after(1, Fault::Backend);
    let released = join_all(wrapped.iter().map(|it| it.release(&scene.vault))).await;
    for (released, wrapped) in released.into_iter().zip(&wrapped) {
        assert_eq!(released.unwrap(), wrapped.key);
    }
    assert_eq!(scene.registry.reads(), 1);
    wrapped[0].release(&scene.vault).await.unwrap();
    assert_eq!(scene.registry.reads(), 0);
}

#[tokio::test]
async fn a_refused_pair_is_looked_up_anew_and_only_then() {
    let scene = Scene::new();
    let old = scene.active_pair(Scope::Shared).await;
    scene.wrapped().await;
    scene.set_state(&old, KeyState::Deactivated).await;
    let new = scene.active_pair(Scope::Shared).await;
    scene.registry.reads();

    let key = scene.make.document_key();
    let mut context = context(scene.document_id());
    let unaware = scene.vault.wrap(&key, &context).await.unwrap();
    assert_eq!((unaware.serial, scene.registry.reads()), (old.serial, 0));
    context.refused = Some(scene.make.serial());
    let unaware = scene.vault.wrap(&key, &context).await.unwrap();
    assert_eq!((unaware.serial, scene.registry.reads()), (old.serial, 0));

    context.refused = Some(old.serial);
    let wraps = (0..8).map(|_| scene.vault.wrap(&key, &context));
    for wrapped in join_all(wraps).await {
        assert_eq!(wrapped.unwrap().serial, new.serial);
    }
    assert_eq!(scene.registry.reads(), 1);
}

#[tokio::test]
async fn a_stopped_pair_is_refused_by_the_vault_itself_soon_after() {
    let life = Duration::from_millis(50);
    let scene = Scene::with(|config| config.registry_life = life);
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    let pair = scene.set_state(&pair, KeyState::Compromised).await;
    tokio::time::sleep(life).await;
    let refused = wrapped.release(&scene.vault).await;
    assert!(matches!(refused, Err(VaultError::Refused(serial)) if serial == pair.serial));
    let rewrap = scene
        .vault
        .unwrap(&wrapped.wrapped, wrapped.id, Purpose::Rewrap);
    assert_eq!(rewrap.await.unwrap(), wrapped.key);
}

/// Nobody may be told a key wrapped under it; what is held is of use to a rewrap alone, which can
/// read it again.
#[tokio::test]
async fn a_sweep_takes_the_private_half_of_a_compromised_pair_out_of_memory() {
    let scene = Scene::with(|config| config.registry_life = Duration::ZERO);
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    let sweep = tokio::time::timeout(
        Duration::from_millis(50),
        scene.vault.keep_swept(Duration::from_millis(1)),
    );
    assert!(sweep.await.is_err(), "it goes on and on");
    assert_eq!(
        scene.vault.cache_stats().entries,
        1,
        "an active pair's stays"
    );

    scene.registry.faults().fail(Fault::Unavailable);
    scene.vault.sweep().await;
    scene.registry.faults().heal();
    assert_eq!(
        scene.vault.cache_stats().entries,
        1,
        "nothing is known against it"
    );
    scene.set_state(&pair, KeyState::Compromised).await;
    scene.vault.sweep().await;
    assert_eq!(scene.vault.cache_stats().entries, 0);
    let rewrap = scene
        .vault
        .unwrap(&wrapped.wrapped, wrapped.id, Purpose::Rewrap);
    assert_eq!(rewrap.await.unwrap(), wrapped.key);
}

/// A pair that may not even be rewrapped from does not stay opened in memory.
#[tokio::test]
async fn the_private_half_of_a_stopped_pair_leaves_memory() {
    let scene = Scene::with(|config| config.registry_life = Duration::ZERO);
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    scene.private_keys.faults().fail(Fault::Unavailable);
    wrapped.release(&scene.vault).await.unwrap();

    let pair = scene.set_state(&pair, KeyState::Suspended).await;
    let refused = wrapped.release(&scene.vault).await;
    assert!(matches!(refused, Err(VaultError::Refused(_))));
    scene.set_state(&pair, KeyState::Deactivated).await;
    let gone = wrapped.release(&scene.vault).await;
    assert!(matches!(gone, Err(VaultError::Unavailable(_))), "{gone:?}");
}

#[tokio::test]
async fn an_opened_private_half_is_used_up_to_its_hard_ttl_while_the_key_store_is_away() {
    let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
    let scene = Scene::with(|config| {
        config.registry_life = LONG;
        config.clock = clock.clone();
    });
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    scene.private_keys.faults().fail(Fault::Unavailable);
    let CacheConfig { hard_ttl, .. } = CacheConfig::DEFAULT;
    clock.advance(hard_ttl - Duration::from_micros(1));
    assert_eq!(wrapped.release(&scene.vault).await.unwrap(), wrapped.key);
    clock.advance(Duration::from_micros(1));
    let ended = wrapped.release(&scene.vault).await;
    assert!(
        matches!(ended, Err(VaultError::Unavailable(_))),
        "{ended:?}"
    );
}

#[tokio::test]
async fn stores_that_are_away_are_unavailable_and_nothing_is_remembered_of_it() {
    let scene = Scene::with(|config| config.registry_life = Duration::ZERO);
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;

    scene.private_keys.faults().fail(Fault::Unavailable);
    let many = join_all((0..4).map(|_| wrapped.release(&scene.vault))).await;
    for away in many {
        assert!(matches!(away, Err(VaultError::Unavailable(_))), "{away:?}");
    }
    scene.private_keys.faults().heal();
    wrapped.release(&scene.vault).await.unwrap();

    scene.registry.faults().fail(Fault::Unavailable);
    let away = wrapped.release(&scene.vault).await;
    assert!(matches!(away, Err(VaultError::Unavailable(_))), "{away:?}");
    let key = scene.make.document_key();
    let away = scene.vault.wrap(&key, &context(scene.document_id())).await;
    assert!(matches!(away, Err(VaultError::Unavailable(_))), "{away:?}");
    scene.registry.faults().heal();
    wrapped.release(&scene.vault).await.unwrap();
    scene.wrapped().await;
}

#[tokio::test]
async fn destroying_fails_where_it_cannot_be_known_to_be_done() {
    let scene = Scene::new();
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    scene.private_keys.faults().fail(Fault::Unavailable);
    let failed = scene.vault.destroy(pair.serial).await;
    assert!(matches!(failed, Err(VaultError::Unavailable(_))));
    // Out of memory all the same.
    assert!(wrapped.release(&scene.vault).await.is_err());
    scene.private_keys.faults().heal();
    scene.vault.destroy(pair.serial).await.unwrap();
    assert!(wrapped.release(&scene.vault).await.is_err());
}
