//! Laws of [`KeyRegistry`](crypt_keeper_domain::ports::KeyRegistry).

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    Algorithm, AuditAction, KeyPair, KeyPairChange, KeyState, PageLimit, Partition, PublicHalf,
    RetentionClass, Scope, Serial, Timestamp,
};
use crypt_keeper_domain::ports::{DuePairs, RegistryChange, StoreError};

use crate::concurrency::at_once;
use crate::fixtures::ALGORITHM;
use crate::{Scene, StoreHarness};

/// Makes a test of every law of `KeyRegistry`; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! key_registry_laws {
    ($harness:expr) => {
        $crate::laws!(
            key_registry,
            $harness,
            [
                inserted_pair_is_found,
                one_active_pair_per_scope_and_algorithm,
                changes_need_the_seen_versions,
                pairs_are_listed_oldest_first,
                due_pairs_are_found,
            ]
        );
    };
}

/// A pair is found as it was inserted or changed, every column of it.
pub async fn inserted_pair_is_found(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let at = scene.make.at();
    let partition = Partition::at(RetentionClass::new(254), at);
    let scopes = [
        Scope::Shared,
        Scope::Hold,
        Scope::Partition(partition),
        Scope::Customer(scene.make.user_id()),
    ];
    for (scope, state) in scopes.iter().cycle().zip(KeyState::ALL) {
        let mut pair = scene.pair(scope.clone(), *state).await;
        assert_eq!(found(&scene, pair.serial).await.as_ref(), Some(&pair));

        let later = |micros| Some(at.plus(Duration::from_micros(micros)));
        pair.public_half = PublicHalf::new(scene.make.many_bytes(1216));
        pair.activated_at = later(1);
        pair.deactivated_at = later(2);
        pair.destroy_at = Some(Timestamp::MAX);
        pair.former_state = Some(KeyState::Compromised);
        pair.destroyed_at = later(3);
        let after = scene.set_pair_state(&pair, *state).await;
        assert_eq!(found(&scene, pair.serial).await.as_ref(), Some(&after));
    }

    let greatest = Serial::new(i64::MAX.unsigned_abs()).unwrap();
    for serial in [Serial::new(0).unwrap(), greatest] {
        let scope = Scope::Customer(scene.make.user_id());
        let mut pair = scene.make.pair(scope, KeyState::Active);
        pair.serial = serial;
        pair.version = 7;
        let record = scene.make.record(AuditAction::KeyPairCreated);
        let inserted = scene.registry.insert_pair(&pair, &record).await;
        assert_eq!(inserted.unwrap(), RegistryChange::Changed);
        assert!(scene.is_recorded(&record).await);
        assert_eq!(found(&scene, serial).await.as_ref(), Some(&pair));

        let mut rival = scene.make.pair(Scope::Shared, KeyState::PreActive);
        rival.serial = serial;
        let record = scene.make.record(AuditAction::KeyPairCreated);
        let taken = scene.registry.insert_pair(&rival, &record).await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        assert!(!scene.is_recorded(&record).await);
        assert_eq!(found(&scene, serial).await.as_ref(), Some(&pair));
    }
    assert_eq!(found(&scene, scene.make.serial()).await, None);
}

/// A scope has one active pair of an algorithm at most, also when many are activated at once.
pub async fn one_active_pair_per_scope_and_algorithm(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    assert_eq!(active(&scene, &Scope::Shared).await, None);
    let first = scene.pair(Scope::Shared, KeyState::Active).await;
    let elsewhere = scene.pair(Scope::Hold, KeyState::Active).await;
    assert_eq!(active(&scene, &Scope::Shared).await, Some(first.clone()));
    assert_eq!(active(&scene, &Scope::Hold).await, Some(elsewhere));

    for other in Algorithm::ALL.iter().filter(|other| **other != ALGORITHM) {
        let mut pair = scene.make.pair(Scope::Shared, KeyState::Active);
        pair.algorithm = *other;
        let record = scene.make.record(AuditAction::KeyPairCreated);
        let inserted = scene.registry.insert_pair(&pair, &record).await;
        assert_eq!(inserted.unwrap(), RegistryChange::Changed, "{other}");
        let active = scene.registry.active_pair(&Scope::Shared, *other).await;
        assert_eq!(active.unwrap(), Some(pair));
    }
    assert_eq!(active(&scene, &Scope::Shared).await, Some(first.clone()));

    let second = scene.make.pair(Scope::Shared, KeyState::Active);
    let record = scene.make.record(AuditAction::KeyPairCreated);
    let inserted = scene.registry.insert_pair(&second, &record).await;
    assert_eq!(inserted.unwrap(), RegistryChange::AnotherIsActive);
    assert!(!scene.is_recorded(&record).await);
    assert_eq!(found(&scene, second.serial).await, None);

    // In the order given: activating before the other is deactivated is refused, whole.
    let next = scene.pair(Scope::Shared, KeyState::PreActive).await;
    let activate = step(&next, KeyState::Active);
    let deactivate = step(&first, KeyState::Deactivated);
    let wrong_order = [activate.clone(), deactivate.clone()];
    let change = change(&scene, &wrong_order).await;
    assert_eq!(change, RegistryChange::AnotherIsActive);
    assert_eq!(active(&scene, &Scope::Shared).await, Some(first.clone()));
    let change = self::change(&scene, &[deactivate, activate.clone()]).await;
    assert_eq!(change, RegistryChange::Changed);
    let activated = activate.after;
    assert_eq!(active(&scene, &Scope::Shared).await, Some(activated));

    for _ in 0..3 {
        let scope = Scope::Customer(scene.make.user_id());
        let mut changes = Vec::new();
        for _ in 0..8 {
            let pair = scene.pair(scope.clone(), KeyState::PreActive).await;
            changes.push(vec![step(&pair, KeyState::Active)]);
        }
        let answers = change_at_once(&scene, changes).await;
        assert_eq!(winners(&answers), 1, "{answers:?}");
        assert!(!answers.contains(&RegistryChange::Stale), "{answers:?}");
        assert_eq!(active_pairs(&scene, &scope).await.len(), 1);
    }
}

/// Changes are made to the versions that were seen, all or none, with their audit entries; of
/// many rotations at once one takes place.
pub async fn changes_need_the_seen_versions(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let mut old = scene.pair(Scope::Shared, KeyState::Active).await;
    let new = scene.pair(Scope::Shared, KeyState::PreActive).await;
    let rotation = |old: &KeyPair, new: &KeyPair| {
        vec![
            step(old, KeyState::Deactivated),
            step(new, KeyState::Active),
        ]
    };

    let mut stale = rotation(&old, &new);
    stale[1].seen_version += 1;
    let mut ahead = rotation(&old, &new);
    ahead[0].seen_version += 1;
    let missing = rotation(&old, &scene.make.pair(Scope::Shared, KeyState::PreActive));
    for changes in [stale, ahead, missing] {
        assert_eq!(change(&scene, &changes).await, RegistryChange::Stale);
        assert_eq!(found(&scene, old.serial).await.as_ref(), Some(&old));
        assert_eq!(found(&scene, new.serial).await.as_ref(), Some(&new));
    }

    for _ in 0..3 {
        let mut changes = Vec::new();
        for _ in 0..8 {
            let new = scene.pair(Scope::Shared, KeyState::PreActive).await;
            changes.push(rotation(&old, &new));
        }
        let answers = change_at_once(&scene, changes.clone()).await;
        assert_eq!(winners(&answers), 1, "{answers:?}");
        let won = answers
            .iter()
            .position(|answer| *answer == RegistryChange::Changed);
        let [deactivated, activated] = &changes[won.unwrap()][..] else {
            panic!("a rotation is two changes");
        };
        let before = found(&scene, old.serial).await;
        assert_eq!(before.as_ref(), Some(&deactivated.after));
        let now_active = active_pairs(&scene, &Scope::Shared).await;
        assert_eq!(now_active, std::slice::from_ref(&activated.after));
        old = activated.after.clone();
    }
}

/// All pairs, ordered by creation and then by serial.
pub async fn pairs_are_listed_oldest_first(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let mut made = Vec::new();
    for seconds in [5, 3, 9, 3, 3, 0, 9] {
        let mut pair = scene.make.pair(Scope::Shared, KeyState::Deactivated);
        pair.created_at = scene.make.at().plus(Duration::from_secs(seconds));
        let record = scene.make.record(AuditAction::KeyPairCreated);
        let inserted = scene.registry.insert_pair(&pair, &record).await;
        assert_eq!(inserted.unwrap(), RegistryChange::Changed);
        made.push(pair);
    }
    made.sort_by_key(|pair| (pair.created_at, pair.serial));
    assert_eq!(scene.registry.list_pairs().await.unwrap(), made);
}

/// Active pairs by the moment of their activation, destroy-scheduled ones by that of their
/// destruction; the moment itself belongs to it.
pub async fn due_pairs_are_found(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let at = |seconds| scene.make.at().plus(Duration::from_secs(seconds));
    let mut made = Vec::new();
    for state in KeyState::ALL {
        for seconds in [4, 2, 3] {
            let scope = Scope::Customer(scene.make.user_id());
            let mut pair = scene.make.pair(scope, *state);
            // Younger pairs are due earlier.
            pair.created_at = at(10 - seconds);
            pair.activated_at = Some(at(seconds));
            pair.destroy_at = Some(at(seconds));
            let record = scene.make.record(AuditAction::KeyPairCreated);
            let inserted = scene.registry.insert_pair(&pair, &record).await;
            assert_eq!(inserted.unwrap(), RegistryChange::Changed);
            made.push(pair);
        }
    }
    made.sort_by_key(|pair| (pair.created_at, pair.serial));
    for (due, state) in [
        (
            DuePairs::ActiveSince as fn(Timestamp) -> DuePairs,
            KeyState::Active,
        ),
        (DuePairs::DestroyBy, KeyState::DestroyScheduled),
    ] {
        for seconds in 1..6 {
            let is_due = |pair: &&KeyPair| {
                pair.state == state && pair.activated_at.is_some_and(|own| own <= at(seconds))
            };
            let expected: Vec<_> = made.iter().filter(is_due).cloned().collect();
            for limit in [1, 2, 1000] {
                let limit = PageLimit::clamped(limit);
                let found = scene.registry.due_pairs(due(at(seconds)), limit).await;
                let cut = expected.len().min(limit.get());
                assert_eq!(found.unwrap(), expected[..cut], "{state} {seconds}");
            }
        }
    }

    let mut other = made
        .iter()
        .find(|pair| pair.state == KeyState::Active)
        .cloned()
        .unwrap();
    other.serial = scene.make.serial();
    other.algorithm = Algorithm::HpkeX25519;
    let record = scene.make.record(AuditAction::KeyPairCreated);
    let inserted = scene.registry.insert_pair(&other, &record).await;
    assert_eq!(inserted.unwrap(), RegistryChange::Changed);
    let of_no_other = |algorithm| {
        let due = DuePairs::ActiveOtherThan(algorithm);
        scene.registry.due_pairs(due, PageLimit::clamped(1000))
    };
    assert_eq!(of_no_other(ALGORITHM).await.unwrap(), [other.clone()]);
    made.retain(|pair| pair.state == KeyState::Active);
    assert_eq!(of_no_other(other.algorithm).await.unwrap(), made);
}

fn step(pair: &KeyPair, state: KeyState) -> KeyPairChange {
    let at = pair.created_at.plus(Duration::from_secs(1));
    KeyPairChange {
        seen_version: pair.version,
        after: pair.become_state(state, at).expect("an allowed step"),
    }
}

async fn found(scene: &Scene<'_>, serial: Serial) -> Option<KeyPair> {
    scene.registry.find_pair(serial).await.expect("find_pair")
}

async fn active(scene: &Scene<'_>, scope: &Scope) -> Option<KeyPair> {
    let active = scene.registry.active_pair(scope, ALGORITHM).await;
    active.expect("active_pair")
}

async fn active_pairs(scene: &Scene<'_>, scope: &Scope) -> Vec<KeyPair> {
    let mut pairs = scene.registry.list_pairs().await.expect("list_pairs");
    pairs.retain(|pair| pair.scope == *scope && pair.state == KeyState::Active);
    pairs
}

/// Makes changes, and holds the audit log to the answer.
async fn change(scene: &Scene<'_>, changes: &[KeyPairChange]) -> RegistryChange {
    let records: Vec<_> = changes
        .iter()
        .map(|_| scene.make.record(AuditAction::KeyPairChanged))
        .collect();
    let answer = scene.registry.change_pairs(changes, &records).await;
    let answer = answer.expect("change_pairs");
    for record in &records {
        let recorded = scene.is_recorded(record).await;
        assert_eq!(recorded, answer == RegistryChange::Changed);
    }
    answer
}

async fn change_at_once(
    scene: &Scene<'_>,
    changes: Vec<Vec<KeyPairChange>>,
) -> Vec<RegistryChange> {
    at_once(changes.len(), |number| {
        let registry = Arc::clone(&scene.registry);
        let changes = changes[number].clone();
        let records: Vec<_> = changes
            .iter()
            .map(|_| scene.make.record(AuditAction::KeyPairChanged))
            .collect();
        async move {
            let answer = registry.change_pairs(&changes, &records).await;
            answer.expect("change_pairs")
        }
    })
    .await
}

fn winners(answers: &[RegistryChange]) -> usize {
    let changed = |answer: &&RegistryChange| **answer == RegistryChange::Changed;
    answers.iter().filter(changed).count()
}
