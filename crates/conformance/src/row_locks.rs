//! Laws of stores that can lock a row, beyond those that every store keeps. Stores without row
//! locks keep the same promise by waiting times instead (docs/architecture.md).

use std::sync::Arc;

use crypt_keeper_domain::model::{AuditAction, KeyPair, KeyState, Scope, UserId};
use crypt_keeper_domain::ports::{DocumentFilter, InsertOutcome};
use futures_util::FutureExt;

use crate::concurrency::{Acts, Race};
use crate::{Scene, StoreHarness};

/// Makes a test of every law of stores that lock rows; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! row_lock_laws {
    ($harness:expr) => {
        $crate::laws!(row_locks, $harness, [no_insert_after_its_pair_was_stopped]);
    };
}

const ROUNDS: usize = 12;
const UPLOADERS: usize = 4;
/// More inserts than a racer gets to before the stop.
const ATTEMPTS: usize = 200;

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
