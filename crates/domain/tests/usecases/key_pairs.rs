use std::sync::Arc;

use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{AuditAction, KeyPair, KeyState, Scope};
use crypt_keeper_domain::ports::{Entropy, EntropyError, KeyRegistry};
use crypt_keeper_domain::usecase::RotateKeys;

use crate::house::{House, refusal};
use crate::meddling::MeddledVault;

const ALGORITHM: crypt_keeper_domain::model::Algorithm = MemoryVault::ALGORITHM;

#[tokio::test]
async fn a_new_pair_waits_to_be_activated() {
    let house = House::empty();
    let create = house.create_key_pair();
    let pair = create.run(&house.operator(), Scope::Hold, ALGORITHM).await;
    let pair = pair.unwrap();
    assert_eq!(pair.state, KeyState::PreActive);
    assert_eq!((pair.created_at, pair.activated_at), (house.now(), None));
    assert_eq!(pairs(&house).await, std::slice::from_ref(&pair));
    assert_eq!(actions(&house, &pair).await, [AuditAction::KeyPairCreated]);
}

#[tokio::test]
async fn a_rotation_activates_one_pair_and_deactivates_the_other() {
    let house = House::empty();
    let first = house.rotate().await.unwrap();
    assert_eq!(first.deactivated, None);
    assert_eq!(first.active.state, KeyState::Active);
    assert_eq!(first.active.activated_at, Some(house.now()));
    assert_eq!(house.active_pair().await, first.active);

    let second = house.rotate().await.unwrap();
    let old = second.deactivated.unwrap();
    assert_eq!(old.serial, first.active.serial);
    assert_eq!(old.state, KeyState::Deactivated);
    assert_eq!(old.deactivated_at, Some(house.now()));
    assert_eq!(house.active_pair().await, second.active);
    assert_eq!(
        actions(&house, &old).await,
        [
            AuditAction::KeyPairCreated,
            AuditAction::KeyPairActivated,
            AuditAction::KeyPairChanged,
        ]
    );
    let stored = house.store.find_pair(old.serial).await.unwrap();
    assert_eq!(stored, Some(old));
}

#[tokio::test]
async fn scopes_rotate_apart() {
    let house = House::new().await;
    let shared = house.active_pair().await;
    let rotate = house.rotate_keys();
    let hold = rotate.run(&house.operator(), Scope::Hold, ALGORITHM).await;
    assert_eq!(hold.unwrap().deactivated, None);
    assert_eq!(house.active_pair().await, shared);
}

#[tokio::test]
async fn the_first_pair_is_made_once() {
    let house = House::empty();
    let rotate = house.rotate_keys();
    let operator = house.operator();
    let ensure = async || {
        let made = rotate.ensure_active(&operator, Scope::Shared, ALGORITHM);
        made.await.unwrap()
    };
    let made = ensure().await.expect("there was none");
    assert_eq!(made.state, KeyState::Active);
    assert_eq!(ensure().await, None);
    assert_eq!(pairs(&house).await, [made]);
}

#[tokio::test]
async fn of_two_rotators_one_wins_and_the_other_sees_it() {
    let house = Arc::new(House::new().await);
    let operator = house.operator();
    let answer = while_another_rotates(&house)
        .run(&operator, Scope::Shared, ALGORITHM)
        .await;
    assert_eq!(refusal(answer), "Conflict");
    let states = states(&house).await;
    assert_eq!(
        states,
        [KeyState::Active, KeyState::Deactivated, KeyState::Destroyed]
    );
}

#[tokio::test]
async fn who_only_wants_a_pair_is_content_with_another_ones() {
    let house = Arc::new(House::empty());
    let operator = house.operator();
    let answer = while_another_rotates(&house)
        .ensure_active(&operator, Scope::Shared, ALGORITHM)
        .await;
    assert_eq!(answer.unwrap(), None);
    let states = states(&house).await;
    assert_eq!(states, [KeyState::Active, KeyState::Destroyed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rotators_at_once_leave_one_active_pair() {
    let house = Arc::new(House::new().await);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.rotate().await })
        })
        .collect();
    let mut rotations = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => rotations += 1,
            answer => assert_eq!(refusal(answer), "Conflict"),
        }
    }
    assert!(rotations > 0);
    let states = states(&house).await;
    let count = |state| states.iter().filter(|other| **other == state).count();
    assert_eq!(count(KeyState::Active), 1);
    assert_eq!(count(KeyState::Deactivated), rotations);
}

#[tokio::test]
async fn users_do_not_administer_key_pairs() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let context = house.of(&alice);
    let rotate = house.rotate_keys();
    let answer = rotate.run(&context, Scope::Shared, ALGORITHM).await;
    assert_eq!(refusal(answer), "Forbidden");
    let answer = rotate.ensure_active(&context, Scope::Shared, ALGORITHM);
    assert_eq!(refusal(answer.await), "Forbidden");
    let create = house.create_key_pair();
    let answer = create.run(&context, Scope::Shared, ALGORITHM).await;
    assert_eq!(refusal(answer), "Forbidden");
    assert_eq!(pairs(&house).await.len(), 1);
}

/// Entropy that says the same for ever.
#[derive(Debug)]
struct Stuck;

impl Entropy for Stuck {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn a_serial_is_never_used_twice() {
    let house = House::empty();
    let mut create = house.create_key_pair();
    create.entropy = Arc::new(Stuck);
    let operator = house.operator();
    let first = create.run(&operator, Scope::Shared, ALGORITHM).await;
    let again = create.run(&operator, Scope::Shared, ALGORITHM).await;
    assert_eq!(refusal(again), "Internal");
    // Another vault does not know the serial; the registry does.
    create.vault = Arc::new(MemoryVault::new(house.store.clone(), house.entropy.clone()));
    let again = create.run(&operator, Scope::Shared, ALGORITHM).await;
    assert_eq!(refusal(again), "Conflict");
    assert_eq!(pairs(&house).await, [first.unwrap()]);
}

/// While the rotator makes its pair, somebody else rotates.
fn while_another_rotates(house: &Arc<House>) -> RotateKeys {
    let other = Arc::clone(house);
    let vault = MeddledVault::new(house.vault.clone()).then(async move {
        other.rotate().await.unwrap();
    });
    RotateKeys {
        create: house.create_key_pair_in(Arc::new(vault)),
    }
}

async fn pairs(house: &House) -> Vec<KeyPair> {
    house.store.list_pairs().await.unwrap()
}

async fn states(house: &House) -> Vec<KeyState> {
    let mut states: Vec<_> = pairs(house).await.iter().map(|pair| pair.state).collect();
    states.sort_unstable();
    states
}

async fn actions(house: &House, pair: &KeyPair) -> Vec<AuditAction> {
    let audit = house.audit().await;
    let of_pair = audit
        .iter()
        .filter(|entry| entry.serial == Some(pair.serial));
    of_pair.map(|entry| entry.action).collect()
}
