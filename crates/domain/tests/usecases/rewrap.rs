//! Rewrapping the documents of a pair, alone and among others who work.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{Fault, ManualClock, MemoryVault};
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, DocumentState, Entry, KeyState, PageLimit, PageRequest,
    Principal, Rights, Serial,
};
use crypt_keeper_domain::ports::{
    AuditFilter, AuditLog, DocumentChange, EntropyExt, KeyRegistry, MetadataStore,
};
use crypt_keeper_domain::usecase::{
    CompromiseKeys, EnsureKeyPair, RewrapCounts, RewrapDocuments, RewrapPace, RewrapProgress,
    RewrapWatch, Rewrapped, SuspendKeys, UploadGrant,
};

use crate::house::{House, Person, refusal};
use crate::meddling::MeddledVault;

pub(crate) fn rewrap_documents(house: &House, batch: usize, rate: Option<u32>) -> RewrapDocuments {
    RewrapDocuments {
        store: house.store.clone(),
        vault: house.vault.clone(),
        clock: house.clock.clone(),
        entropy: house.entropy.clone(),
        target: EnsureKeyPair {
            rotate: house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        },
        pace: RewrapPace {
            batch: PageLimit::clamped(batch),
            rate: rate.and_then(NonZeroU32::new),
        },
    }
}

/// Follows a rewrap on a clock that moves when it pauses.
pub(crate) struct Follower {
    clock: Arc<ManualClock>,
    pub(crate) failed: Vec<DocumentId>,
    pub(crate) told: Vec<RewrapProgress>,
    pub(crate) paused: Duration,
    /// Says stop once it has been told so often of a batch.
    pub(crate) stop_after: usize,
    /// What happens in a pause because of a trouble.
    pub(crate) in_trouble: Option<Box<dyn FnMut() + Send>>,
    pub(crate) troubles: usize,
}

impl Follower {
    pub(crate) fn of(house: &House) -> Self {
        Self {
            clock: house.clock.clone(),
            failed: Vec::new(),
            told: Vec::new(),
            paused: Duration::ZERO,
            stop_after: usize::MAX,
            in_trouble: None,
            troubles: 0,
        }
    }

    fn batches(&self) -> impl Iterator<Item = RewrapCounts> {
        let batches = self.told.iter().map(|told| told.batch);
        batches.filter(|batch| batch.total() > 0)
    }
}

#[async_trait]
impl RewrapWatch for Follower {
    fn failed(&mut self, document: DocumentId, _: &Error) {
        self.failed.push(document);
    }

    fn progress(&mut self, progress: &RewrapProgress) -> ControlFlow<()> {
        self.told.push(*progress);
        if self.batches().count() >= self.stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    async fn pause(&mut self, length: Duration, why: Option<&Error>) -> ControlFlow<()> {
        self.clock.advance(length);
        self.paused += length;
        if why.is_some() {
            self.troubles += 1;
            if let Some(deed) = &mut self.in_trouble {
                deed();
            }
        }
        ControlFlow::Continue(())
    }
}

pub(crate) fn all_of(counts: RewrapCounts) -> [u64; 3] {
    [counts.rewrapped, counts.elsewhere, counts.failed]
}

/// So many documents of a person, under the pair that is then rotated out.
pub(crate) async fn under_an_old_pair(
    house: &House,
    who: &Person,
    documents: usize,
) -> (Serial, Vec<UploadGrant>) {
    let mut grants = Vec::new();
    for _ in 0..documents {
        grants.push(house.upload(who, "report.pdf").await.unwrap());
    }
    let old = house.rotate().await.unwrap().deactivated.unwrap().serial;
    (old, grants)
}

pub(crate) async fn serial_of(house: &House, id: DocumentId) -> Serial {
    let found = house.store.find(id, &[]).await.unwrap().unwrap();
    found.document.wrapped_key.serial
}

/// A document whose wrap does not open.
pub(crate) async fn insert_spoiled(house: &House, who: &Person, like: DocumentId) -> DocumentId {
    let like = house.store.find(like, &[]).await.unwrap().unwrap().document;
    let id = DocumentId::new(like.id.class(), house.now(), house.entropy.bytes().unwrap());
    let mut spoiled = Document { id, ..like };
    spoiled.wrapped_key.bytes[0] ^= 1;
    let entry = Entry {
        document: id,
        principal: Principal::User(who.user.id),
        rights: Rights::OWNER,
        granted_by: who.user.id,
        granted_at: house.now(),
        expires_at: None,
    };
    let record = house.record(AuditAction::DocumentCreated);
    house.store.insert(&spoiled, &entry, &record).await.unwrap();
    id
}

/// How often each document was rewrapped out of a pair, as the audit log has it.
pub(crate) async fn rewraps_of(house: &House, left: Serial) -> HashMap<DocumentId, usize> {
    let mut rewraps = HashMap::new();
    let filter = AuditFilter {
        action: Some(AuditAction::DocumentRewrapped),
        ..AuditFilter::default()
    };
    let mut page = PageRequest {
        after: None,
        limit: PageLimit::MAX,
    };
    loop {
        let found = house.store.list_audit(&filter, &page).await.unwrap();
        for entry in found.items {
            if entry.serial == Some(left) {
                *rewraps.entry(entry.document.unwrap()).or_default() += 1;
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return rewraps,
        }
    }
}

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

#[tokio::test]
async fn a_pair_that_is_suspended_meanwhile_is_not_unwrapped_any_more() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 5).await;
    let suspend = {
        let house = Arc::clone(&house);
        async move {
            let suspend = SuspendKeys {
                registry: house.store.clone(),
                entropy: house.entropy.clone(),
                successor: None,
            };
            suspend.run(&house.operator(), old).await.unwrap();
        }
    };
    let rewrap = RewrapDocuments {
        vault: Arc::new(MeddledVault::new(house.vault.clone()).then(suspend)),
        ..rewrap_documents(&house, 2, None)
    };
    let mut watch = Follower::of(&house);
    let answer = rewrap.run(&house.operator(), old, &mut watch).await;
    assert_eq!(refusal(answer), "KeyPairStopped");
    assert_eq!(watch.failed, []);
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

#[tokio::test]
async fn it_keeps_to_its_rate_and_stops_between_two_batches() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 12).await;
    let mut watch = Follower::of(&house);
    watch.stop_after = 2;
    let rewrap = rewrap_documents(&house, 100, Some(4));
    let operator = house.operator();
    let done = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert!(done.stopped);
    assert_eq!((all_of(done.counts), done.left), ([8, 0, 0], 4));

    let mut watch = Follower::of(&house);
    let rest = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!((all_of(rest.counts), rest.left), ([4, 0, 0], 0));
    assert!(!rest.stopped);
    let (again, _) = under_an_old_pair(&house, &alice, 0).await;
    let mut watch = Follower::of(&house);
    rewrap.run(&operator, again, &mut watch).await.unwrap();
    assert_eq!(watch.batches().count(), 3);
    assert_eq!(watch.paused, Duration::from_secs(2), "between three");
    let last = watch.told.last().unwrap();
    assert!((last.rate - 6.0).abs() < 0.01, "{}", last.rate);
    assert_eq!(last.left, Some(Duration::ZERO));
}

#[tokio::test]
async fn a_passing_trouble_is_waited_for() {
    // Past the look at the pair, the count, and the look for an active one.
    for calls in 3.. {
        let house = House::new().await;
        let alice = house.person("alice").await;
        let (old, grants) = under_an_old_pair(&house, &alice, 9).await;
        let mut watch = Follower::of(&house);
        let store = Arc::clone(&house.store);
        watch.in_trouble = Some(Box::new(move || store.faults().heal()));
        house.store.faults().fail_after(calls, Fault::Unavailable);
        let rewrap = rewrap_documents(&house, 2, None);
        let done = rewrap.run(&house.operator(), old, &mut watch).await;
        house.store.faults().heal();
        let Ok(done) = done else {
            // It was met by the last count, which nobody waits for.
            assert_eq!((refusal(done), watch.troubles), ("Unavailable", 0));
            continue;
        };
        assert_eq!((done.left, done.counts.failed), (0, 0), "{calls}");
        for grant in &grants {
            let answer = house.download(&alice, grant.id).await.unwrap();
            assert_eq!(answer.key, grant.key);
        }
        if watch.troubles == 0 {
            assert!(calls > 20, "{calls}");
            return;
        }
        assert_eq!(watch.paused, Duration::from_secs(1), "{calls}");
    }
}

#[tokio::test]
async fn a_lasting_trouble_is_told_after_a_minute() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 9).await;
    house.vault.faults().fail_after(7, Fault::Unavailable);
    let rewrap = rewrap_documents(&house, 2, None);
    let operator = house.operator();
    let mut watch = Follower::of(&house);
    let answer = rewrap.run(&operator, old, &mut watch).await;
    assert_eq!(refusal(answer), "Unavailable");
    assert_eq!((watch.troubles, &watch.failed), (6, &vec![]));
    assert_eq!(watch.paused, Duration::from_secs(63), "1 + 2 + .. + 32");

    house.vault.faults().heal();
    let mut watch = Follower::of(&house);
    let rest = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!(
        (rest.counts.rewrapped, rest.left),
        (6, 0),
        "three were done"
    );
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
