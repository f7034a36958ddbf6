//! What [`ExpirePartitions`] does over a store: whoever is stopped anywhere, and whoever comes after,
//! come to the same end.
//!
//! Laws of the use case on every store; the objects and private halves are in memory.

mod failing;

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::{ManualClock, MemoryBlobs, MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, AuditEntry, CallContext, Caller, Document, KeyPair, KeyState, ObjectPrefix,
    Partition, PartitionState, RequestId, RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{AuditFilter, BlobStore, KeyRegistry, Partitions, PutTerms};
use crypt_keeper_domain::usecase::{
    CountDocuments, DestroyKeys, ExpirePartitions, RetirePartitionPairs, ScheduleDestruction,
};

use self::failing::{Failing, Failpoint};
use crate::{AnyTime, Scene, StoreHarness};

/// Makes a test of every law of expiry; takes an expression whose future gives
/// `Option<impl StoreHarness>` with partitions.
#[macro_export]
macro_rules! expiry_laws {
    ($harness:expr) => {
        $crate::laws!(
            expiry,
            $harness,
            [
                an_expiry_that_stops_before_any_step_ends_the_same,
                an_expiry_whose_answer_is_lost_at_any_step_ends_the_same,
                instances_at_once_do_no_harm,
            ]
        );
    };
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// More calls than an expiry makes in any one of its runs.
const MOST_POINTS: u32 = 40;

/// A store with documents in partitions, and a bucket.
struct Archive<'a> {
    scene: Scene<'a>,
    partitions: Arc<dyn Partitions>,
    blobs: Arc<MemoryBlobs>,
    entropy: Arc<SeededEntropy>,
}

impl<'a> Archive<'a> {
    fn new(harness: &'a dyn StoreHarness) -> Self {
        let scene = Scene::new(harness);
        let clock = Arc::new(ManualClock::new(scene.make.at()));
        let entropy = Arc::new(SeededEntropy::new(scene.make.at().as_millis()));
        Self {
            partitions: Arc::new(AnyTime(
                harness.partitions().expect("the store has partitions"),
            )),
            blobs: Arc::new(MemoryBlobs::new(clock, entropy.clone())),
            entropy,
            scene,
        }
    }

    /// A document of a class with its object, under the partition's own pair.
    async fn document(&self, class: u8) -> (Document, KeyPair) {
        let scene = &self.scene;
        let owner = scene.user("owner").await;
        let reader = scene.user("reader").await;
        let class = RetentionClass::new(class);
        let id = scene.make.document_id(class, scene.make.at());
        let scope = Scope::Partition(id.partition());
        let pair = scene.pair(scope.clone(), KeyState::Active).await;
        // One that was made and never wrapped: it is destroyed without a wait.
        scene.pair(scope, KeyState::PreActive).await;
        let document = scene.make.document_with_id(id, owner.id, &pair);
        scene.insert(&document).await;
        scene.share(&document, reader.id, Rights::READ).await;
        let terms = PutTerms {
            expires_in: Duration::from_secs(60),
            max_length: 100,
        };
        let url = self.blobs.presign_put(&document.object_key, &terms).await;
        let url = url.expect("a URL");
        let put = self.blobs.request("PUT", url.as_str(), b"ciphertext");
        assert_eq!(put.status, 200);
        (document, pair)
    }

    fn expire(&self, at: Arc<Failpoint>) -> ExpirePartitions {
        let scene = &self.scene;
        let count = CountDocuments {
            store: Arc::clone(&scene.store),
        };
        let entropy = Arc::clone(&self.entropy);
        let registry: Arc<dyn KeyRegistry> = Arc::new(Failing {
            port: Arc::clone(&scene.registry),
            at: Arc::clone(&at),
        });
        let partitions: Arc<dyn Partitions> = Arc::new(Failing {
            port: Arc::clone(&self.partitions),
            at: Arc::clone(&at),
        });
        let vault = MemoryVault::new(Arc::clone(&scene.registry), entropy.clone());
        ExpirePartitions {
            partitions: Arc::clone(&partitions),
            blobs: Arc::new(Failing {
                port: Arc::clone(&self.blobs),
                at: Arc::clone(&at),
            }),
            retire: RetirePartitionPairs {
                partitions,
                registry: Arc::clone(&registry),
                entropy: entropy.clone(),
            },
            schedule: ScheduleDestruction {
                registry: Arc::clone(&registry),
                count: count.clone(),
                entropy: entropy.clone(),
            },
            destroy: DestroyKeys {
                registry,
                vault: Arc::new(Failing {
                    port: Arc::new(vault),
                    at,
                }),
                count,
                entropy,
            },
            destroy_wait: KeyPair::DESTROY_WAIT,
            drain: ExpirePartitions::MIN_DRAIN,
        }
    }

    /// An operator's call some days from now.
    fn call(&self, days: u32) -> CallContext {
        CallContext {
            caller: Caller::operator(),
            at: self.scene.make.at().plus(DAY * days),
            request_id: RequestId::from_random(self.scene.make.bytes()),
            address: None,
        }
    }

    /// Whether all of a document's partition is gone, and its key pair on its way out, by steps that
    /// were recorded once each.
    async fn is_over(&self, document: &Document, pair: &KeyPair, what: &str) {
        let partition = document.id.partition();
        let entry = self.partitions.find_partition(partition).await;
        let entry = entry.expect("find_partition").expect("an entry");
        assert_eq!(entry.state, PartitionState::Expired, "{what}");
        let found = self.scene.find(document.id, &[document.owner]).await;
        assert_eq!(found, None, "{what}");
        let entries = self.scene.store.entries(document.id).await;
        assert_eq!(entries.expect("entries"), [], "{what}");
        let prefix = ObjectPrefix::partition(partition);
        assert_eq!(self.blobs.count(&prefix), 0, "{what}");
        let serial = pair.serial;
        for pair in self.pairs(partition).await {
            let (state, actions) = if pair.serial == serial {
                let scheduled = [
                    AuditAction::KeyPairChanged,
                    AuditAction::DestructionScheduled,
                ];
                (KeyState::DestroyScheduled, scheduled.to_vec())
            } else {
                (KeyState::Destroyed, vec![AuditAction::KeyPairDestroyed])
            };
            assert_eq!(pair.state, state, "{what}");
            for action in actions {
                let times = self.times(action, |entry| entry.serial == Some(pair.serial));
                assert_eq!(times.await, 1, "{what}: {action}");
            }
        }
        for action in [
            AuditAction::PartitionClosed,
            AuditAction::PartitionEmptying,
            AuditAction::PartitionEmptied,
            AuditAction::PartitionDropped,
            AuditAction::PartitionExpired,
        ] {
            let times = self.times(action, |entry| entry.partition == Some(partition));
            assert_eq!(times.await, 1, "{what}: {action}");
        }
    }

    /// The key pairs of a partition: the one that wrapped, and the one that never did.
    async fn pairs(&self, partition: Partition) -> Vec<KeyPair> {
        let mut pairs = self.scene.registry.list_pairs().await.expect("list_pairs");
        pairs.retain(|pair| pair.scope == Scope::Partition(partition));
        assert_eq!(pairs.len(), 2);
        pairs
    }

    /// How often an act was recorded.
    async fn times(&self, action: AuditAction, is_it: impl Fn(&AuditEntry) -> bool) -> usize {
        let filter = AuditFilter {
            action: Some(action),
            ..AuditFilter::default()
        };
        let entries = self.scene.audit(&filter).await;
        entries.iter().filter(|entry| is_it(entry)).count()
    }
}

async fn stopped_everywhere(harness: &dyn StoreHarness, is_late: bool) {
    let it = Archive::new(harness);
    // A neighbour that must not be touched.
    let (stays, _) = it.document(63).await;
    // Closed; emptied and dropped when the URLs have ended; its pair a day after that. Each of
    // these runs is stopped at each of its calls.
    let days = [2, 3, 5, 7];
    let mut class = 0;
    for stopped_run in 0..3 {
        let mut stops = 0;
        loop {
            let what = format!("run {stopped_run} stopped after {stops} calls, late: {is_late}");
            class += 1;
            let (document, pair) = it.document(class).await;
            let partition = document.id.partition();
            let healthy = it.expire(Failpoint::new(u32::MAX - 1, false));
            let at = Failpoint::new(stops, is_late);
            for (run, days) in days.into_iter().enumerate() {
                if run == stopped_run {
                    let (expire, call) = (it.expire(Arc::clone(&at)), it.call(days));
                    let outcome = expire.drop_now(&call, partition).await;
                    let failed = !outcome.is_ok_and(|one| one.failures.is_empty());
                    assert_eq!(failed, at.has_stopped(), "{what}");
                }
                let outcome = healthy.drop_now(&it.call(days), partition).await;
                let outcome = outcome.expect("drop_now");
                assert!(outcome.failures.is_empty(), "{what}: {outcome:?}");
            }
            it.is_over(&document, &pair, &what).await;
            assert!(it.scene.find(stays.id, &[stays.owner]).await.is_some());
            assert_eq!(it.blobs.count(&ObjectPrefix::document(stays.id)), 1);
            if !at.has_stopped() {
                break;
            }
            stops += 1;
            assert!(stops < MOST_POINTS, "{what}");
        }
        assert!(stops > 1, "run {stopped_run} makes calls");
    }
}

/// Killed before any of its steps: nothing of that step has happened.
pub async fn an_expiry_that_stops_before_any_step_ends_the_same(harness: &dyn StoreHarness) {
    stopped_everywhere(harness, false).await;
}

/// Killed after any of its steps: it has happened, and nobody knows.
pub async fn an_expiry_whose_answer_is_lost_at_any_step_ends_the_same(harness: &dyn StoreHarness) {
    stopped_everywhere(harness, true).await;
}

/// Three at once, each step of the way: none fails, none does a step twice.
pub async fn instances_at_once_do_no_harm(harness: &dyn StoreHarness) {
    let it = Archive::new(harness);
    let (document, pair) = it.document(1).await;
    let partition = document.id.partition();
    for days in [2, 3, 5, 7] {
        let expire = it.expire(Failpoint::new(u32::MAX - 1, false));
        let call = it.call(days);
        let (one, other, third) = tokio::join!(
            expire.drop_now(&call, partition),
            expire.drop_now(&call, partition),
            expire.drop_now(&call, partition),
        );
        for outcome in [one, other, third] {
            let outcome = outcome.expect("drop_now");
            let harmless = |(_, error): &(_, crypt_keeper_domain::Error)| {
                matches!(error, crypt_keeper_domain::Error::Conflict)
            };
            assert!(outcome.failures.iter().all(harmless), "{outcome:?}");
        }
    }
    it.is_over(&document, &pair, "three at once").await;
}
