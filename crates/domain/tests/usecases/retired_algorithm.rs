//! What becomes of an algorithm's active pair when another algorithm is configured.

use std::time::Duration;

use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{
    Algorithm, AuditAction, AuditEntry, KeyPair, KeyState, Record, Scope,
};
use crypt_keeper_domain::ports::{EntropyExt as _, KeyRegistry, RegistryChange};
use crypt_keeper_domain::usecase::{
    CountDocuments, DestroyKeys, KeepUpKeys, KeptUp, RetireKeys, RotateKeys,
};

use crate::house::House;

/// What the vault in memory does; and what was configured before.
const NEW: Algorithm = MemoryVault::ALGORITHM;
const OLD: Algorithm = Algorithm::HpkeX25519;

fn keep_up(house: &House) -> KeepUpKeys {
    KeepUpKeys {
        rotate: RotateKeys {
            create: house.create_key_pair(),
        },
        destroy: DestroyKeys {
            registry: house.store.clone(),
            vault: house.vault.clone(),
            count: CountDocuments {
                store: house.store.clone(),
            },
            entropy: house.entropy.clone(),
        },
        algorithm: NEW,
        rotate_after: None,
    }
}

async fn look(house: &House) -> KeptUp {
    let kept_up = keep_up(house).run(&house.operator()).await.unwrap();
    assert!(kept_up.failures.is_empty(), "{kept_up:?}");
    kept_up
}

/// An active pair of the old algorithm, made by an instance that was configured for it.
async fn old_pair(house: &House, scope: Scope) -> KeyPair {
    let mut pair = house
        .create_key_pair()
        .run(&house.operator(), scope, NEW)
        .await
        .unwrap();
    pair.serial = crypt_keeper_domain::model::Serial::from_random(house.entropy.bytes().unwrap());
    pair.algorithm = OLD;
    pair.state = KeyState::Active;
    pair.activated_at = Some(house.now());
    let random = house.entropy.bytes().unwrap();
    let audit = AuditEntry::new(&house.operator(), AuditAction::KeyPairCreated, random);
    let inserted = house.store.insert_pair(&pair, &Record::from(audit)).await;
    assert_eq!(inserted.unwrap(), RegistryChange::Changed);
    pair
}

async fn state(house: &House, pair: &KeyPair) -> KeyState {
    let found = house.store.find_pair(pair.serial).await.unwrap();
    found.unwrap().state
}

#[tokio::test]
async fn it_is_rotated_out_a_day_after_its_successor_took_over() {
    let house = House::empty();
    let old = old_pair(&house, Scope::Shared).await;
    house.clock.advance(RetireKeys::AFTER * 10);
    assert_eq!(look(&house).await.retired, [], "nothing has taken over");

    let new = house.rotate().await.unwrap().active;
    house
        .clock
        .advance(RetireKeys::AFTER - Duration::from_secs(1));
    assert_eq!(look(&house).await.retired, [], "an instance may need it");
    assert_eq!(state(&house, &old).await, KeyState::Active);

    house.clock.advance(Duration::from_secs(1));
    let retired = look(&house).await.retired;
    assert_eq!(retired.len(), 1);
    assert_eq!(
        (retired[0].serial, retired[0].state),
        (old.serial, KeyState::Deactivated)
    );
    assert_eq!(retired[0].deactivated_at, Some(house.now()));
    assert_eq!(state(&house, &old).await, KeyState::Deactivated);
    assert_eq!(state(&house, &new).await, KeyState::Active);
    let audit = house.audit().await;
    let mut of_old = audit
        .iter()
        .filter(|entry| entry.serial == Some(old.serial));
    assert_eq!(
        of_old.next_back().unwrap().action,
        AuditAction::KeyPairChanged
    );
    assert_eq!(look(&house).await.retired, [], "once");
}

#[tokio::test]
async fn scopes_are_retired_apart_and_partitions_not_at_all() {
    let house = House::empty();
    let at = house.now();
    let partition = crypt_keeper_domain::model::Partition::at(
        crypt_keeper_domain::model::RetentionClass::DEFAULT,
        at,
    );
    let shared = old_pair(&house, Scope::Shared).await;
    let hold = old_pair(&house, Scope::Hold).await;
    let of_partition = old_pair(&house, Scope::Partition(partition)).await;
    let rotate = house.rotate_keys();
    for scope in [Scope::Shared, Scope::Partition(partition)] {
        rotate.run(&house.operator(), scope, NEW).await.unwrap();
    }
    house.clock.advance(RetireKeys::AFTER);
    let retired = look(&house).await.retired;
    let serials: Vec<_> = retired.iter().map(|pair| pair.serial).collect();
    assert_eq!(serials, [shared.serial]);
    assert_eq!(state(&house, &hold).await, KeyState::Active);
    assert_eq!(state(&house, &of_partition).await, KeyState::Active);
}

#[tokio::test]
async fn of_two_who_retire_at_once_one_changes_it() {
    let house = House::empty();
    let old = old_pair(&house, Scope::Shared).await;
    house.rotate().await.unwrap();
    house.clock.advance(RetireKeys::AFTER);
    let retire = RetireKeys {
        registry: house.store.clone(),
        entropy: house.entropy.clone(),
    };
    let operator = house.operator();
    let first = retire.run(&operator, old.clone(), NEW).await.unwrap();
    assert!(first.changed);
    let second = retire.run(&operator, old, NEW).await;
    assert_eq!(crate::house::refusal(second), "Conflict");
}
