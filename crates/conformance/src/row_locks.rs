//! Laws of stores that can lock a row, beyond those that every store keeps. Stores without row
//! locks keep the same promise by waiting times instead (docs/architecture.md).

use std::sync::Arc;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, CallContext, Caller, Document, KeyPair, KeyState, RequestId, Scope, Serial, UserId,
};
use crypt_keeper_domain::ports::{DocumentFilter, InsertOutcome, Rewrap, RewrapOutcome, WalkStep};
use crypt_keeper_domain::usecase::{CountDocuments, DestroyKeys, ScheduleDestruction};
use futures_util::FutureExt;

use crate::concurrency::{Acts, Race};
use crate::{Scene, StoreHarness};

/// Makes a test of every law of stores that lock rows; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! row_lock_laws {
    ($harness:expr) => {
        $crate::laws!(
            row_locks,
            $harness,
            [
                no_insert_after_its_pair_was_stopped,
                no_rewrap_after_its_pair_was_stopped,
                no_live_document_under_a_destroyed_pair,
            ]
        );
    };
}

const ROUNDS: usize = 12;
const UPLOADERS: usize = 4;
/// More inserts than a racer gets to before the stop.
const ATTEMPTS: usize = 200;
/// Documents that a racer rewraps, if it is not stopped.
const REWRAPS: usize = 12;

/// However many inserts race with the end of a key pair's active life: whoever counts the pair's
/// documents after that was acknowledged has counted all that there will ever be. So a pair
/// without documents can be destroyed.
pub async fn no_insert_after_its_pair_was_stopped(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let mut raced = 0;
    for round in 0..ROUNDS {
        let scope = Scope::Customer(scene.make.user_id());
        let pair = scene.pair(scope, KeyState::Active).await;
        let mut race = Race::start((0..UPLOADERS).map(|_| inserts(&scene, alice.id, &pair)));
        race.warm_up(round % 6).await;
        scene.set_pair_state(&pair, KeyState::Deactivated).await;
        race.stopped();

        let wrapped = DocumentFilter::WrappedBy(pair.serial);
        let at_the_stop = scene.list(&wrapped).await.len();
        let inserted = race.finish().await;
        let in_the_end = scene.list(&wrapped).await.len();
        assert_eq!(at_the_stop, in_the_end, "inserted after the stop");
        assert_eq!(in_the_end, inserted, "inserted and acknowledged differ");
        raced += inserted;
    }
    assert!(raced > 0, "nothing raced");
}

/// The same for rewraps into a pair.
pub async fn no_rewrap_after_its_pair_was_stopped(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let mut raced = 0;
    for round in 0..ROUNDS {
        let scope = Scope::Customer(scene.make.user_id());
        let old = scene.pair(scope.clone(), KeyState::Active).await;
        let mut racers = Vec::new();
        for _ in 0..UPLOADERS {
            let mut documents = Vec::new();
            for _ in 0..REWRAPS {
                documents.push(scene.document(alice.id, &old).await);
            }
            racers.push(documents);
        }
        scene.set_pair_state(&old, KeyState::Deactivated).await;
        let pair = scene.pair(scope, KeyState::Active).await;
        let racers = racers.iter().map(|documents| {
            let rewraps = documents.iter().map(|one| rewraps(&scene, one, &pair));
            rewraps.collect::<Acts>()
        });
        let mut race = Race::start(racers.collect::<Vec<_>>());
        race.warm_up(round % 6).await;
        scene.set_pair_state(&pair, KeyState::Suspended).await;
        race.stopped();

        let wrapped = DocumentFilter::WrappedBy(pair.serial);
        let at_the_stop = scene.list(&wrapped).await.len();
        let rewrapped = race.finish().await;
        let in_the_end = scene.list(&wrapped).await.len();
        assert_eq!(at_the_stop, in_the_end, "rewrapped after the stop");
        assert_eq!(in_the_end, rewrapped, "rewrapped and acknowledged differ");
        raced += rewrapped;
    }
    assert!(raced > 0, "nothing raced");
}

/// However uploads race with the way of their key pair from active to destroyed: none of them ends
/// as a live document whose private half is erased.
pub async fn no_live_document_under_a_destroyed_pair(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let vault = Arc::new(MemoryVault::new(
        harness.key_registry(),
        Arc::new(SeededEntropy::new(scene.now().as_micros().unsigned_abs())),
    ));
    let (mut destroyed, mut needed) = (0, 0);
    for round in 0..ROUNDS {
        let scope = Scope::Customer(scene.make.user_id());
        let pair = scene.pair(scope, KeyState::Active).await;
        let mut race = Race::start((0..UPLOADERS).map(|_| inserts(&scene, alice.id, &pair)));
        // Every other pair is retired before anybody could get to it, if all goes well.
        race.warm_up(round % 2).await;
        scene.set_pair_state(&pair, KeyState::Deactivated).await;
        race.stopped();
        match destroy(&scene, vault.clone(), pair.serial).await {
            Ok(()) => destroyed += 1,
            Err(Error::KeyPairNeeded { documents, .. }) => {
                assert!(documents > 0);
                needed += 1;
            }
            Err(error) => panic!("{error}"),
        }
        race.finish().await;

        let now = scene
            .registry
            .find_pair(pair.serial)
            .await
            .unwrap()
            .unwrap();
        let step = WalkStep::default();
        let counted = scene.store.count_wrapped_by(pair.serial, &step).await;
        let live = counted.unwrap().count;
        assert_eq!(now.state == KeyState::Destroyed, live == 0, "{live} live");
    }
    assert!(needed > 0, "nothing raced");
    // A pair that nobody used at all, so that one is destroyed whatever the race.
    let unused = scene.pair(Scope::Hold, KeyState::Deactivated).await;
    let ended = destroy(&scene, vault, unused.serial).await;
    assert!(ended.is_ok(), "{ended:?} after {destroyed}");
}

/// Schedules the destruction and carries it out, as an operator whose clock runs ahead.
async fn destroy(scene: &Scene<'_>, vault: Arc<MemoryVault>, serial: Serial) -> Result<(), Error> {
    let entropy = Arc::new(SeededEntropy::new(serial.get()));
    let count = CountDocuments {
        store: Arc::clone(&scene.store),
    };
    let schedule = ScheduleDestruction {
        registry: Arc::clone(&scene.registry),
        count: count.clone(),
        entropy: entropy.clone(),
    };
    let destroy = DestroyKeys {
        registry: Arc::clone(&scene.registry),
        vault,
        count,
        entropy,
    };
    let mut context = CallContext {
        caller: Caller::operator(),
        at: scene.now().plus(KeyPair::REST * 2),
        request_id: RequestId::from_random(scene.make.bytes()),
        address: None,
    };
    let wait = KeyPair::MIN_DESTROY_WAIT;
    let scheduled = schedule.run(&context, serial, wait).await?;
    assert!(scheduled.changed);
    context.at = context.at.plus(wait);
    let step = destroy.run(&context, serial).await?;
    assert!(step.changed);
    Ok(())
}

fn rewraps(
    scene: &Scene<'_>,
    document: &Document,
    pair: &KeyPair,
) -> futures_util::future::BoxFuture<'static, bool> {
    let store = Arc::clone(&scene.store);
    let mut wrapped = document.wrapped_key.clone();
    wrapped.serial = pair.serial;
    wrapped.bytes = scene.make.many_bytes(1120);
    let rewrapped = AuditAction::DocumentRewrapped;
    let mut record = scene.make.record_on(rewrapped, document.id);
    record.audit.serial = Some(document.wrapped_key.serial);
    let rewrap = Rewrap {
        document: document.id,
        seen_serial: document.wrapped_key.serial,
        wrapped,
        record,
    };
    async move {
        let outcomes = store.rewrap(&[rewrap]).await.expect("rewrap");
        outcomes == [RewrapOutcome::Rewrapped]
    }
    .boxed()
}

fn inserts(scene: &Scene<'_>, owner: UserId, pair: &KeyPair) -> Acts {
    let insert = || {
        let store = Arc::clone(&scene.store);
        let document = scene.make.document(owner, pair);
        let entry = scene.make.owner_entry(&document);
        let created = AuditAction::DocumentCreated;
        let record = scene.make.record_on(created, document.id);
        async move {
            let outcome = store.insert(&document, &entry, &record).await;
            outcome.expect("insert") == InsertOutcome::Inserted
        }
        .boxed()
    };
    (0..ATTEMPTS).map(|_| insert()).collect()
}
