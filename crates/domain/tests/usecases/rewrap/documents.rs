//! Which documents are rewrapped, out of which pairs, and what becomes of them.

use crypt_keeper_domain::model::{DocumentState, Serial};
use crypt_keeper_domain::ports::{DocumentChange, MetadataStore};
use crypt_keeper_domain::usecase::{CompromiseKeys, SuspendKeys};

use super::{
    Follower, all_of, insert_spoiled, rewrap_documents, rewraps_of, serial_of, under_an_old_pair,
};
use crate::house::{House, refusal};

#[tokio::test]
async fn all_documents_of_a_pair_move_to_the_active_one() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (old, grants) = under_an_old_pair(&house, &alice, 7).await;
    let bystander = house.uploaded(&alice).await;
    let before = house.store.find(bystander, &[]).await.unwrap();
    let deleted = grants[3].id;
    let state = DocumentChange::State(DocumentState::Deleted);
    house.change_document(deleted, state).await;

    let mut watch = Follower::of(&house);
    let rewrap = rewrap_documents(&house, 3, None);
    let operator = house.operator();
    let done = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!(all_of(done.counts), [6, 0, 0]);
    assert_eq!((done.left, done.stopped, done.pair.serial), (0, false, old));
    let sizes: Vec<_> = watch.batches().map(|batch| batch.total()).collect();
    assert_eq!(sizes, [3, 3]);
    assert!(watch.told.iter().all(|told| told.total == 6));
    let active = house.active_pair().await.serial;
    for grant in &grants {
        if grant.id == deleted {
            assert_eq!(serial_of(&house, deleted).await, old);
            continue;
        }
        let answer = house.download(&alice, grant.id).await.unwrap();
        assert_eq!(answer.key, grant.key);
        assert_eq!(answer.document.wrapped_key.serial, active);
        assert_eq!(answer.document.version, 1);
        assert!(!answer.document.key_exposed);
    }
    assert_eq!(house.store.find(bystander, &[]).await.unwrap(), before);
    let rewraps = rewraps_of(&house, old).await;
    assert_eq!(rewraps.len(), 6);
    assert!(rewraps.values().all(|times| *times == 1));

    let mut watch = Follower::of(&house);
    let again = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!((all_of(again.counts), again.left), ([0, 0, 0], 0));
    assert_eq!(watch.told, []);
}

#[tokio::test]
async fn a_document_that_does_not_open_is_named_and_stops_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let first = house.uploaded(&alice).await;
    let spoiled = insert_spoiled(&house, &alice, first).await;
    let (old, grants) = under_an_old_pair(&house, &alice, 4).await;
    let mut watch = Follower::of(&house);
    let rewrap = rewrap_documents(&house, 2, None);
    let done = rewrap.run(&house.operator(), old, &mut watch).await;
    let done = done.unwrap();
    assert_eq!((all_of(done.counts), done.left), ([5, 0, 1], 1));
    assert_eq!(watch.failed, [spoiled]);
    assert_eq!(serial_of(&house, spoiled).await, old);
    for grant in grants {
        let answer = house.download(&alice, grant.id).await.unwrap();
        assert_eq!(answer.key, grant.key);
    }
}

#[tokio::test]
async fn documents_of_a_compromised_pair_are_released_again_and_stay_exposed() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    let serial = house.active_pair().await.serial;
    let compromise = CompromiseKeys {
        registry: house.store.clone(),
        entropy: house.entropy.clone(),
        successor: None,
    };
    let operator = house.operator();
    compromise.run(&operator, serial).await.unwrap();
    let refused = house.download(&alice, id).await;
    assert_eq!(refusal(refused), "KeyPairStopped");
    assert_eq!(refusal(house.upload(&alice, "a").await), "NoKeyPair");

    // There is no successor: one is made.
    let mut watch = Follower::of(&house);
    let rewrap = rewrap_documents(&house, 3, None);
    let done = rewrap.run(&operator, serial, &mut watch).await.unwrap();
    assert_eq!((all_of(done.counts), done.left), ([1, 0, 0], 0));
    let answer = house.download(&alice, id).await.unwrap();
    assert!(answer.document.key_exposed);
    house.upload(&alice, "a").await.unwrap();
}

#[tokio::test]
async fn only_a_pair_that_may_be_left_is() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.uploaded(&alice).await;
    let active = house.active_pair().await.serial;
    let rewrap = rewrap_documents(&house, 3, None);
    let operator = house.operator();
    let run = async |serial, context| {
        let mut watch = Follower::of(&house);
        rewrap.run(context, serial, &mut watch).await
    };
    assert_eq!(refusal(run(active, &operator).await), "KeyPairState");
    let unknown = Serial::new(7).unwrap();
    assert_eq!(refusal(run(unknown, &operator).await), "NoSuchKeyPair");
    let suspend = SuspendKeys {
        registry: house.store.clone(),
        entropy: house.entropy.clone(),
        successor: Some(house.create_key_pair()),
    };
    suspend.run(&operator, active).await.unwrap();
    assert_eq!(refusal(run(active, &operator).await), "KeyPairState");
    assert_eq!(refusal(run(active, &house.of(&alice)).await), "Forbidden");
}
