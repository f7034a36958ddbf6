//! Whoever holds, releases, shares, takes back and removes, step by step: what they do to one
//! document takes place one after the other, and nobody waits in a circle.

use std::sync::Arc;

use crypt_keeper_conformance::{
    HoldHarness as _, Scene, StoreHarness as _, SweepHarness as _, uphold,
};
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, Entry, Hold, HoldReason, KeyPair, KeyState, ObjectKey,
    PartitionState, Principal, RetentionClass, Rights, Scope, Timestamp, UserId,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, HoldOutcome, ReleaseOutcome, StoreError};
use tokio::task::JoinHandle;

use crate::database::Client;
use crate::{Store, store};

/// Fails before PostgreSQL looks for circles.
const BEGIN_IMPATIENTLY: &str = "BEGIN; SET LOCAL lock_timeout = '500ms'";

type Act = JoinHandle<Result<Change, StoreError>>;

/// A document that its owner shares with a reader.
struct Case<'a> {
    harness: &'a Store,
    scene: Scene<'a>,
    document: Document,
    reader: UserId,
}

impl<'a> Case<'a> {
    async fn new(harness: &'a Store) -> Self {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let owner = scene.user("owner").await;
        let reader = scene.user("reader").await.id;
        let document = scene.document(owner.id, &pair).await;
        scene.share(&document, reader, Rights::READ).await;
        Self {
            harness,
            scene,
            document,
            reader,
        }
    }

    fn id(&self) -> DocumentId {
        self.document.id
    }

    async fn begin_hold(&self) {
        assert_eq!(self.try_hold().await.unwrap(), HoldOutcome::Begun);
    }

    async fn try_hold(&self) -> Result<HoldOutcome, StoreError> {
        let hold = Hold {
            document: self.id(),
            reason: HoldReason::parse("case 4711").unwrap(),
            placed_at: self.scene.make.at(),
            completed_at: None,
        };
        let record = self
            .scene
            .make
            .record_on(AuditAction::HoldPlaced, self.id());
        self.harness.holds().begin_hold(&hold, &record).await
    }

    /// Completes the hold under a pair.
    fn complete(&self, pair: &KeyPair) -> Act {
        let (id, make) = (self.id(), &self.scene.make);
        let wrapped = make.document_with_id(id, self.document.owner, pair);
        let object_key = ObjectKey::new(id, make.bytes());
        let record = make.record_on(AuditAction::HoldCompleted, id);
        let holds = self.harness.holds();
        tokio::spawn(async move {
            let wrapped = wrapped.wrapped_key;
            holds
                .complete_hold(id, &wrapped, &object_key, &record)
                .await
        })
    }

    fn advance(&self, to: PartitionState) -> Act {
        let partition = self.id().partition();
        let mut record = self.scene.make.record(AuditAction::PartitionClosed);
        record.audit.partition = Some(partition);
        let partitions = self.harness.partitions().unwrap();
        tokio::spawn(async move { partitions.advance_partition(partition, to, &record).await })
    }

    fn end(&self) -> Act {
        let id = self.id();
        let record = self.scene.make.record_on(AuditAction::HoldRemoved, id);
        let holds = self.harness.holds();
        tokio::spawn(async move { holds.end_hold(id, &record).await })
    }

    fn revoke(&self) -> Act {
        let (id, reader) = (self.id(), Principal::User(self.reader));
        let record = self.scene.make.record_on(AuditAction::EntryRevoked, id);
        let store = Arc::clone(&self.scene.store);
        tokio::spawn(async move { store.revoke(id, reader, &record).await })
    }

    fn grant(&self, entry: Entry) -> Act {
        let record = self
            .scene
            .make
            .record_on(AuditAction::EntryGranted, self.id());
        let store = Arc::clone(&self.scene.store);
        tokio::spawn(async move { store.grant(&entry, &record).await })
    }

    fn remove(&self, seen_version: i64) -> Act {
        let id = self.id();
        let record = self.scene.make.record_on(AuditAction::DocumentExpired, id);
        let sweeps = self.harness.sweeps();
        tokio::spawn(async move { sweeps.remove_document(id, seen_version, &record).await })
    }

    /// A watcher, and whoever lets no record be written until he commits.
    async fn stopped(&self) -> (Client, Client) {
        let watcher = self.harness.database.client().await;
        let mut stop = self.harness.database.client().await;
        stop.run("BEGIN; LOCK TABLE audit IN EXCLUSIVE MODE").await;
        (watcher, stop)
    }
}

/// The revoke is done but not committed when the copy is made, or comes while the copy is made: the
/// copy knows of it either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoke_beside_the_making_of_the_copy_reaches_it() {
    for revoke_is_first in [true, false] {
        uphold(store().await, async |harness| {
            let case = Case::new(harness).await;
            case.begin_hold().await;
            let pair = case.scene.pair(Scope::Hold, KeyState::Active).await;
            let (mut watcher, mut stop) = case.stopped().await;
            let acts = if revoke_is_first {
                let revoke = case.revoke();
                watcher.until_waiting(1).await;
                [revoke, case.complete(&pair)]
            } else {
                let complete = case.complete(&pair);
                watcher.until_waiting(1).await;
                [complete, case.revoke()]
            };
            watcher.until_waiting(2).await;
            stop.run("COMMIT").await;
            for act in acts {
                assert_eq!(act.await.unwrap().unwrap(), Change::Changed);
            }
            let copied = harness.held().entries(case.id()).await.unwrap();
            let seers: Vec<_> = copied.iter().map(|entry| entry.principal).collect();
            assert_eq!(seers, [Principal::User(case.document.owner)]);
        })
        .await;
    }
}

/// Of a hold that begins and a partition that is about to be emptied, whoever comes second waits, and
/// is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_and_an_emptying_wait_for_each_other() {
    for hold_is_first in [true, false] {
        uphold(store().await, async |harness| {
            let case = Case::new(harness).await;
            let closed = case.advance(PartitionState::Closed).await;
            assert_eq!(closed.unwrap().unwrap(), Change::Changed);
            let (mut watcher, mut stop) = case.stopped().await;
            let emptied = |case: &Case<'_>| case.advance(PartitionState::Emptying);
            let (held, emptied) = if hold_is_first {
                let hold = case.try_hold();
                tokio::pin!(hold);
                assert!(futures_util::poll!(&mut hold).is_pending());
                watcher.until_waiting(1).await;
                let emptied = emptied(&case);
                watcher.until_waiting(2).await;
                stop.run("COMMIT").await;
                (hold.await, emptied.await)
            } else {
                let emptied = emptied(&case);
                watcher.until_waiting(1).await;
                let hold = case.try_hold();
                tokio::pin!(hold);
                assert!(futures_util::poll!(&mut hold).is_pending());
                watcher.until_waiting(2).await;
                stop.run("COMMIT").await;
                (hold.await, emptied.await)
            };
            let expected = if hold_is_first {
                (HoldOutcome::Begun, Change::Stale)
            } else {
                (HoldOutcome::TooLate, Change::Changed)
            };
            assert_eq!((held.unwrap(), emptied.unwrap().unwrap()), expected);
        })
        .await;
    }
}

/// Of a grant and a removal at once, the grant comes first, and its entry goes with the document; or
/// it comes second, and finds none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_beside_a_removal_leaves_no_entry() {
    for (grant_is_first, expected) in [(true, Change::Changed), (false, Change::Missing)] {
        uphold(store().await, async |harness| {
            let case = Case::new(harness).await;
            let stranger = case.scene.make.user_id();
            let entry = case
                .scene
                .make
                .entry(&case.document, stranger, Rights::READ);
            let (mut watcher, mut stop) = case.stopped().await;
            let (grant, remove);
            if grant_is_first {
                grant = case.grant(entry);
                watcher.until_waiting(1).await;
                remove = case.remove(1);
            } else {
                remove = case.remove(1);
                watcher.until_waiting(1).await;
                grant = case.grant(entry);
            }
            watcher.until_waiting(2).await;
            stop.run("COMMIT").await;
            assert_eq!(remove.await.unwrap().unwrap(), Change::Changed);
            assert_eq!(grant.await.unwrap().unwrap(), expected);
            let left = case.scene.store.entries(case.id()).await.unwrap();
            assert_eq!(left, []);
        })
        .await;
    }
}

/// What is kept beyond its expiry by a hold alone is not released any more once the hold is off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_waits_for_whoever_takes_the_hold_off() {
    uphold(store().await, async |harness| {
        let case = Case::new(harness).await;
        let key = case.scene.api_key(case.document.owner).await;
        let change = DocumentChange::ExpiresAt(Some(Timestamp::EPOCH));
        let changed = AuditAction::DocumentChanged;
        let record = case.scene.make.record_on(changed, case.id());
        let changed = case.scene.store.change(case.id(), 1, &change, &record);
        assert_eq!(changed.await.unwrap(), Change::Changed);
        case.begin_hold().await;
        let release = || {
            let (release, record) = case.scene.release(&case.document, &key);
            let store = Arc::clone(&case.scene.store);
            tokio::spawn(async move { store.record_release(&release, &record).await })
        };
        let held = release().await.unwrap().unwrap();
        assert_eq!(held, ReleaseOutcome::Recorded);

        let (mut watcher, mut stop) = case.stopped().await;
        let end = case.end();
        watcher.until_waiting(1).await;
        let late = release();
        watcher.until_waiting(2).await;
        stop.run("COMMIT").await;
        assert_eq!(end.await.unwrap().unwrap(), Change::Changed);
        assert_eq!(late.await.unwrap().unwrap(), ReleaseOutcome::Refused);
    })
    .await;
}

/// As whoever removes it: a document, then its entries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_locks_a_document_before_its_entries() {
    uphold(store().await, async |harness| {
        let case = Case::new(harness).await;
        let key = case.scene.api_key(case.document.owner).await;
        let mut watcher = harness.database.client().await;
        let mut remover = harness.database.client().await;
        remover.run(BEGIN_IMPATIENTLY).await;
        remover.run("SELECT FROM documents FOR UPDATE").await;
        let (release, record) = case.scene.release(&case.document, &key);
        let store = Arc::clone(&case.scene.store);
        let released = tokio::spawn(async move { store.record_release(&release, &record).await });
        watcher.until_waiting(1).await;
        // Were an entry locked by now, this would close the circle.
        remover.run("SELECT FROM entries FOR UPDATE").await;
        remover.run("COMMIT").await;
        assert_eq!(released.await.unwrap().unwrap(), ReleaseOutcome::Recorded);
    })
    .await;
}

/// A copy is not wrapped under a pair that is retired while it is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_needs_an_active_pair() {
    uphold(store().await, async |harness| {
        let case = Case::new(harness).await;
        case.begin_hold().await;
        let retired = case.scene.pair(Scope::Hold, KeyState::Deactivated).await;
        let stale = case.complete(&retired).await.unwrap().unwrap();
        assert_eq!(stale, Change::Stale);

        let pair = case.scene.pair(Scope::Hold, KeyState::Active).await;
        let mut watcher = harness.database.client().await;
        for (end, expected) in [("COMMIT", Change::Stale), ("ROLLBACK", Change::Changed)] {
            let mut other = harness.database.client().await;
            let serial = pair.serial;
            other
                .run(&format!(
                    "BEGIN; UPDATE key_pairs SET state = 'suspended' WHERE serial = {serial}"
                ))
                .await;
            let complete = case.complete(&pair);
            watcher.until_waiting(1).await;
            other.run(end).await;
            assert_eq!(complete.await.unwrap().unwrap(), expected, "{end}");
            other
                .run(&format!(
                    "UPDATE key_pairs SET state = 'active' WHERE serial = {serial}"
                ))
                .await;
        }
    })
    .await;
}

/// What is out of reach is not said to be none: neither is a hold given up, nor a removal taken for
/// done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_document_is_not_missing() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let class = RetentionClass::new(7);
        let mut documents = Vec::new();
        for _ in 0..2 {
            let id = scene.make.document_id(class, scene.make.at());
            let owner = scene.make.user_id();
            documents.push(scene.make.document_with_id(id, owner, &pair));
        }
        let [begun, other] = documents.as_slice() else {
            unreachable!("two were made");
        };
        scene.insert(begun).await;
        scene.insert(other).await;
        let case = |document: &Document| Case {
            harness,
            scene: Scene::new(harness),
            document: document.clone(),
            reader: document.owner,
        };
        let (begun, other) = (case(begun), case(other));
        begun.begin_hold().await;
        let start = other.id().partition().start().format("%Y%m%d");
        let mut client = harness.database.client().await;
        client.run(&format!("DROP TABLE documents_7_{start}")).await;

        let hold_pair = scene.pair(Scope::Hold, KeyState::Active).await;
        for lost in [begun.complete(&hold_pair), other.remove(1)] {
            let lost = lost.await.unwrap();
            assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        }
        let refused = other.try_hold().await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        let holds = harness.holds();
        assert!(holds.find_hold(begun.id()).await.unwrap().is_some());
        assert!(holds.find_hold(other.id()).await.unwrap().is_none());
    })
    .await;
}
