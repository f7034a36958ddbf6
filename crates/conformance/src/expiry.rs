//! What [`ExpirePartitions`] does over a store: whoever is stopped anywhere, and whoever comes after,
//! come to the same end.
//!
//! Laws of the use case on every store; the objects are in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::memory::{ManualClock, MemoryBlobs, MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, CallContext, Caller, Document, KeyPair, KeyState, Lifetime, ObjectKey,
    ObjectPrefix, Partition, PartitionEntry, PartitionState, Record, RequestId, RetentionClass,
    Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    AuditFilter, BlobError, BlobStore, Change, GetTerms, ObjectInfo, Partitions, PresignedUrl,
    PutTerms, StoreError,
};
use crypt_keeper_domain::usecase::{
    CountDocuments, DestroyKeys, ExpirePartitions, RetirePartitionPairs, ScheduleDestruction,
};

use crate::{Scene, StoreHarness};

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
/// More than the steps of an expiry that concern partitions and objects.
const POINTS: u32 = 10;

/// Where an expiry is stopped.
#[derive(Debug)]
struct Failpoint {
    /// Calls until then.
    left: AtomicU32,
    /// Whether the call takes place all the same, and only its answer is lost.
    is_late: bool,
}

impl Failpoint {
    /// Fails one call: the one after `calls`.
    fn new(calls: u32, is_late: bool) -> Arc<Self> {
        let left = AtomicU32::new(calls + 1);
        Arc::new(Self { left, is_late })
    }

    /// Makes a call, or is the end of it.
    async fn pass<T, E: From<Killed>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let stops = |left: u32| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, stops);
        match left {
            Ok(1) if self.is_late => {
                call.await?;
                Err(E::from(Killed))
            }
            Ok(1) => Err(E::from(Killed)),
            _ => call.await,
        }
    }
}

/// What a failpoint answers.
struct Killed;

const KILLED: &str = "killed at a failpoint";

impl From<Killed> for StoreError {
    fn from(_: Killed) -> Self {
        Self::Unavailable(KILLED.into())
    }
}

impl From<Killed> for BlobError {
    fn from(_: Killed) -> Self {
        Self::Unavailable(KILLED.into())
    }
}

/// Partitions and objects that fail once.
#[derive(Debug)]
struct Failing<P: ?Sized> {
    port: Arc<P>,
    at: Arc<Failpoint>,
}

#[async_trait]
impl Partitions for Failing<dyn Partitions> {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        self.at.pass(self.port.list_partitions()).await
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        self.at.pass(self.port.find_partition(partition)).await
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        let call = self.port.ensure_partition(partition, lifetime, at);
        self.at.pass(call).await
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let call = self.port.advance_partition(partition, to, record);
        self.at.pass(call).await
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        self.at.pass(self.port.drop_partition(partition)).await
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        self.at.pass(self.port.estimate_documents(partition)).await
    }
}

#[async_trait]
impl BlobStore for Failing<MemoryBlobs> {
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.port.presign_put(key, terms).await
    }

    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.port.presign_get(key, terms).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError> {
        self.port.head(key).await
    }

    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError> {
        self.at.pass(self.port.delete_prefix(prefix)).await
    }
}

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
            partitions: harness.partitions().expect("the store has partitions"),
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
        let pair = scene.pair(scope, KeyState::Active).await;
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
        ExpirePartitions {
            partitions: Arc::new(Failing {
                port: Arc::clone(&self.partitions),
                at: Arc::clone(&at),
            }),
            blobs: Arc::new(Failing {
                port: Arc::clone(&self.blobs),
                at,
            }),
            retire: RetirePartitionPairs {
                registry: Arc::clone(&scene.registry),
                entropy: entropy.clone(),
            },
            schedule: ScheduleDestruction {
                registry: Arc::clone(&scene.registry),
                count: count.clone(),
                entropy: entropy.clone(),
            },
            destroy: DestroyKeys {
                registry: Arc::clone(&scene.registry),
                vault: Arc::new(MemoryVault::new(
                    Arc::clone(&scene.registry),
                    entropy.clone(),
                )),
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
        let pair = self.scene.registry.find_pair(pair.serial).await;
        let pair = pair.expect("find_pair").expect("a pair");
        assert_eq!(pair.state, KeyState::DestroyScheduled, "{what}");
        for action in [
            AuditAction::PartitionClosed,
            AuditAction::PartitionEmptying,
            AuditAction::PartitionEmptied,
            AuditAction::PartitionDropped,
            AuditAction::PartitionExpired,
        ] {
            let filter = AuditFilter {
                action: Some(action),
                ..AuditFilter::default()
            };
            let entries = self.scene.audit(&filter).await;
            let of_it = entries
                .iter()
                .filter(|entry| entry.partition == Some(partition));
            assert_eq!(of_it.count(), 1, "{what}: {action}");
        }
    }
}

async fn stopped_everywhere(harness: &dyn StoreHarness, is_late: bool) {
    let it = Archive::new(harness);
    let mut stopped = 0;
    // A neighbour that must not be touched.
    let (stays, _) = it.document(63).await;
    for point in 0..POINTS {
        let what = format!("stopped after {point} calls, late: {is_late}");
        let (document, pair) = it.document(u8::try_from(point + 1).expect("small")).await;
        let partition = document.id.partition();
        let failing = it.expire(Failpoint::new(point, is_late));
        let healthy = it.expire(Failpoint::new(u32::MAX - 1, false));
        // Closed; emptied and dropped when the URLs have ended; its pair a day after that.
        for days in [2, 3, 5, 7] {
            let outcome = failing.drop_now(&it.call(days), partition).await;
            stopped += usize::from(!outcome.is_ok_and(|one| one.failures.is_empty()));
            let outcome = healthy.drop_now(&it.call(days), partition).await;
            let outcome = outcome.expect("drop_now");
            assert!(outcome.failures.is_empty(), "{what}: {outcome:?}");
        }
        it.is_over(&document, &pair, &what).await;
        assert!(it.scene.find(stays.id, &[stays.owner]).await.is_some());
        assert_eq!(it.blobs.count(&ObjectPrefix::document(stays.id)), 1);
    }
    assert_eq!(stopped, POINTS as usize, "each was stopped once");
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
