//! What others do while documents are rewrapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crypt_keeper_domain::model::{DocumentId, KeyState, Serial};
use crypt_keeper_domain::ports::KeyRegistry;
use crypt_keeper_domain::usecase::{RewrapDocuments, Rewrapped, SuspendKeys};

use super::{Follower, all_of, rewrap_documents, rewraps_of, under_an_old_pair};
use crate::house::{House, refusal};
use crate::meddling::{MeddledStore, MeddledVault};

/// Suspends a pair.
fn suspend(house: &Arc<House>, serial: Serial) -> impl Future<Output = ()> + Send + use<> {
    let house = Arc::clone(house);
    async move {
        let suspend = SuspendKeys {
            registry: house.store.clone(),
            entropy: house.entropy.clone(),
            successor: None,
        };
        suspend.run(&house.operator(), serial).await.unwrap();
    }
}

#[tokio::test]
async fn a_pair_that_is_suspended_meanwhile_is_not_unwrapped_any_more() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 5).await;
    let rewrap = RewrapDocuments {
        vault: Arc::new(MeddledVault::new(house.vault.clone()).then(suspend(&house, old))),
        ..rewrap_documents(&house, 2, None)
    };
    let mut watch = Follower::of(&house);
    let answer = rewrap.run(&house.operator(), old, &mut watch).await;
    assert_eq!(refusal(answer), "KeyPairStopped");
    assert_eq!(watch.failed, []);
}

/// While the last batch but one waits for the store, the last one is refused by the vault.
#[tokio::test]
async fn a_pair_that_is_suspended_in_an_outage_is_told_of_after_it() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 4).await;
    let rewrap = RewrapDocuments {
        store: Arc::new(MeddledStore::new(house.store.clone()).then(suspend(&house, old))),
        ..rewrap_documents(&house, 2, None)
    };
    let mut watch = Follower::of(&house);
    let answer = rewrap.run(&house.operator(), old, &mut watch).await;
    assert_eq!(refusal(answer), "KeyPairStopped");
    assert_eq!((watch.troubles, watch.failed), (1, vec![]));
}

#[tokio::test]
async fn what_rotates_out_meanwhile_is_wrapped_anew() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let (old, grants) = under_an_old_pair(&house, &alice, 5).await;
    let rotate = || {
        let house = Arc::clone(&house);
        async move { drop(house.rotate().await.unwrap()) }
    };
    let rewrap = RewrapDocuments {
        vault: Arc::new(
            MeddledVault::new(house.vault.clone())
                .then(rotate())
                .then(rotate()),
        ),
        ..rewrap_documents(&house, 2, None)
    };
    let mut watch = Follower::of(&house);
    let done = rewrap.run(&house.operator(), old, &mut watch).await;
    let done = done.unwrap();
    assert_eq!((all_of(done.counts), done.left), ([5, 0, 0], 0));
    for grant in &grants {
        let answer = house.download(&alice, grant.id).await.unwrap();
        assert_eq!(answer.key, grant.key);
    }
    let rewraps = rewraps_of(&house, old).await;
    assert_eq!((rewraps.len(), rewraps.values().max()), (5, Some(&1)));
}

/// Runs it in a task of its own.
fn at_work(
    house: &Arc<House>,
    serial: Serial,
    batch: usize,
) -> tokio::task::JoinHandle<(Rewrapped, Vec<DocumentId>)> {
    let house = Arc::clone(house);
    tokio::spawn(async move {
        let rewrap = rewrap_documents(&house, batch, None);
        let mut watch = Follower::of(&house);
        let done = rewrap.run(&house.operator(), serial, &mut watch).await;
        (done.unwrap(), watch.failed)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_rewrappers_at_once_do_each_document_once() {
    for round in 0..20 {
        let house = Arc::new(House::new().await);
        let alice = house.person("alice").await;
        let (old, grants) = under_an_old_pair(&house, &alice, 300).await;
        let (one, other) = (at_work(&house, old, 7), at_work(&house, old, 11 + round));
        let ((one, failed), (other, also)) = (one.await.unwrap(), other.await.unwrap());
        assert_eq!((failed, also), (vec![], vec![]));
        assert_eq!(one.counts.rewrapped + other.counts.rewrapped, 300);
        assert_eq!((one.left, other.left), (0, 0));
        let rewraps = rewraps_of(&house, old).await;
        assert_eq!((rewraps.len(), rewraps.values().max()), (300, Some(&1)));
        for grant in &grants {
            let answer = house.download(&alice, grant.id).await.unwrap();
            assert_eq!(answer.key, grant.key);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_shares_and_downloads_go_on_while_it_works() {
    let house = Arc::new(House::new().await);
    let alice = Arc::new(house.person("alice").await);
    let bob = Arc::new(house.person("bob").await);
    let (mut serial, grants) = under_an_old_pair(&house, &alice, 200).await;
    let grants = Arc::new(grants);
    let done = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..6)
        .map(|number| {
            let (house, done, grants) = (house.clone(), done.clone(), grants.clone());
            let (alice, bob) = (alice.clone(), bob.clone());
            tokio::spawn(async move {
                let mut turns = 0;
                let mut made = Vec::new();
                while !done.load(Ordering::SeqCst) {
                    let grant = &grants[(turns * 7 + number) % grants.len()];
                    let answer = house.download(&alice, grant.id).await.unwrap();
                    assert_eq!(answer.key, grant.key);
                    house.share(&alice, grant.id, "bob").await.unwrap();
                    let answer = house.download(&bob, grant.id).await.unwrap();
                    assert_eq!(answer.key, grant.key);
                    if turns % 10 == 0 {
                        made.push(house.upload(&alice, "new").await.unwrap());
                    }
                    turns += 1;
                    tokio::task::yield_now().await;
                }
                (turns, made)
            })
        })
        .collect();
    for _ in 0..8 {
        let (done, failed) = at_work(&house, serial, 5).await.unwrap();
        assert_eq!((failed, done.left), (vec![], 0));
        serial = house.rotate().await.unwrap().deactivated.unwrap().serial;
    }
    done.store(true, Ordering::SeqCst);
    for worker in workers {
        let (turns, made) = worker.await.unwrap();
        assert!(turns > 0);
        for grant in made {
            let answer = house.download(&alice, grant.id).await.unwrap();
            assert_eq!(answer.key, grant.key);
        }
    }
    let found = house.store.find_pair(serial).await.unwrap().unwrap();
    assert_eq!(found.state, KeyState::Deactivated);
}
