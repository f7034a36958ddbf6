//! Uploads that race with the end of their key pair, on a store without row locks.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, CallContext, Caller, KeyPair, KeyPairChange, KeyState, RequestId, Scope, Serial,
};
use crypt_keeper_domain::ports::{
    Clock as _, InsertOutcome, KeyRegistry as _, MetadataStore as _, RegistryChange, StoreError,
    WalkStep,
};
use crypt_keeper_domain::usecase::{CountDocuments, DestroyKeys, ScheduleDestruction};
use tokio::sync::mpsc;

use crate::support::Site;

const ROUNDS: usize = 8;
const UPLOADERS: usize = 4;
/// More uploads than anybody gets to before the pair's end.
const ATTEMPTS: usize = 100;

fn context(scene: &Scene<'_>, site: &Site) -> CallContext {
    CallContext {
        caller: Caller::operator(),
        at: site.clock.now(),
        request_id: RequestId::from_random(scene.make.bytes()),
        address: None,
    }
}

/// However uploads race with the way of their pair from active to destroyed: whoever counts a day
/// after its active service counts all that there will ever be, and none of the acknowledged ones
/// loses its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_upload_loses_its_key_pair() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let store: Arc<_> = site.store.clone();
    let vault = Arc::new(MemoryVault::new(
        site.store.clone(),
        Arc::new(SeededEntropy::new(7)),
    ));
    let count = CountDocuments {
        store: store.clone(),
    };
    let entropy = Arc::new(SeededEntropy::new(8));
    let schedule = ScheduleDestruction {
        registry: store.clone(),
        count: count.clone(),
        entropy: entropy.clone(),
    };
    let destroy = DestroyKeys {
        registry: store.clone(),
        vault,
        count,
        entropy,
    };
    let (mut needed, mut destroyed) = (0, 0);
    for round in 0..=ROUNDS {
        // Made anew as the clock goes on: its ids are of now.
        let scene = Scene::new(&site);
        let scope = Scope::Customer(scene.make.user_id());
        let pair = scene.pair(scope, KeyState::Active).await;
        let first = scene.make.document(alice.id, &pair);
        scene.partition(first.id.partition()).await;
        // In the last round nobody uploads: one pair is destroyed, whatever the race.
        let uploaders = if round == ROUNDS { 0 } else { UPLOADERS };
        let (tells, mut acknowledged) = mpsc::unbounded_channel();
        let mut racers = Vec::new();
        for _ in 0..uploaders {
            let mut uploads = Vec::new();
            for _ in 0..ATTEMPTS {
                let document = scene.make.document(alice.id, &pair);
                let entry = scene.make.owner_entry(&document);
                let created = AuditAction::DocumentCreated;
                let record = scene.make.record_on(created, document.id);
                uploads.push((document, entry, record));
            }
            let (store, tells) = (site.other_process(), tells.clone());
            racers.push(tokio::spawn(async move {
                let mut count = 0;
                for (document, entry, record) in uploads {
                    match store.insert(&document, &entry, &record).await {
                        Ok(InsertOutcome::Inserted) => count += 1,
                        Ok(InsertOutcome::KeyPairNotActive | InsertOutcome::OutsideWindow)
                        | Err(StoreError::Unavailable(_)) => break,
                        Err(error) => panic!("{error:?}"),
                    }
                    // Nobody listens any more once the pair's end has begun.
                    let _ = tells.send(());
                }
                count
            }));
        }
        for _ in 0..uploaders.min(round) {
            acknowledged
                .recv()
                .await
                .expect("the uploaders are at work");
        }

        let after = pair.become_state(KeyState::Deactivated, site.clock.now());
        retire(&scene, &pair, after.expect("an allowed step")).await;
        let wait = KeyPair::MIN_DESTROY_WAIT;
        let early = schedule
            .run(&context(&scene, &site), pair.serial, wait)
            .await;
        assert!(
            matches!(early, Err(Error::KeyPairRests { .. })),
            "{early:?}"
        );
        // While uploads are still on their way.
        site.clock.advance(KeyPair::REST);
        let scheduled = schedule
            .run(&context(&scene, &site), pair.serial, wait)
            .await;
        let counted = live(&site, pair.serial).await;
        let mut uploaded = 0;
        for racer in racers {
            uploaded += racer.await.expect("an uploader panicked");
        }
        assert_eq!(
            live(&site, pair.serial).await,
            uploaded,
            "acknowledged and there differ"
        );
        assert_eq!(
            counted, uploaded,
            "written a day after the pair's active service"
        );
        match scheduled {
            Ok(_) => {
                assert_eq!(uploaded, 0, "a pair that is needed is to be destroyed");
                site.clock.advance(wait + Duration::from_secs(1));
                let ended = destroy.run(&context(&scene, &site), pair.serial).await;
                assert!(ended.expect("destroyed").changed);
                destroyed += 1;
            }
            Err(Error::KeyPairNeeded { documents, .. }) => {
                assert_eq!(documents, uploaded);
                needed += 1;
            }
            Err(error) => panic!("{error}"),
        }
        let now = site.store.find_pair(pair.serial).await.unwrap().unwrap();
        assert_eq!(now.state == KeyState::Destroyed, uploaded == 0);
    }
    assert!(needed > 0, "nothing raced");
    assert!(destroyed > 0, "nothing was destroyed");
    site.remove().await;
}

async fn retire(scene: &Scene<'_>, pair: &KeyPair, after: KeyPair) {
    let change = KeyPairChange {
        seen_version: pair.version,
        after,
    };
    let record = scene.make.record(AuditAction::KeyPairChanged);
    let changed = scene.registry.change_pairs(&[change], &[record]).await;
    assert_eq!(changed.unwrap(), RegistryChange::Changed);
}

async fn live(site: &Site, serial: Serial) -> u64 {
    let step = WalkStep::default();
    let counted = site.store.count_wrapped_by(serial, &step).await.unwrap();
    assert_eq!(counted.next, None);
    counted.count
}
