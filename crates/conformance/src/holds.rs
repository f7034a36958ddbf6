//! Laws of [`Holds`].

use std::sync::Arc;

use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, DocumentState, Hold, HoldReason, KeyState, ObjectKey,
    PageLimit, PageRequest, Partition, PartitionState, Principal, RetentionClass, Rights, Scope,
    Timestamp, UserId, WrappedKey,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, Found, HoldOutcome, Holds, MetadataStore, Partitions, ReleaseOutcome,
};

use crate::concurrency::at_once;
use crate::partitions::{STEPS, step_record};
use crate::{HoldHarness, Scene};

/// Makes a test of every law of `Holds`; takes an expression whose future gives
/// `Option<impl HoldHarness>` with partitions.
#[macro_export]
macro_rules! holds_laws {
    ($harness:expr) => {
        $crate::laws!(
            holds,
            $harness,
            [
                a_hold_is_begun_once,
                a_begun_hold_keeps_the_partition_from_being_emptied,
                a_hold_is_completed_under_an_active_pair,
                a_held_document_outlives_its_partition,
                a_revoke_reaches_the_held_copy,
                a_grant_reaches_the_held_copy,
                a_held_document_does_not_expire,
                a_hold_that_is_taken_off_leaves_nothing_behind,
            ]
        );
    };
}

/// A scene with holds.
struct Court<'a> {
    scene: Scene<'a>,
    holds: Arc<dyn Holds>,
    held: Arc<dyn MetadataStore>,
    partitions: Arc<dyn Partitions>,
}

impl<'a> Court<'a> {
    fn new(harness: &'a dyn HoldHarness) -> Self {
        Self {
            scene: Scene::new(harness),
            holds: harness.holds(),
            held: harness.held(),
            partitions: harness.partitions().expect("the store has partitions"),
        }
    }

    fn hold(&self, document: DocumentId) -> Hold {
        Hold {
            document,
            reason: HoldReason::parse("Az. 3 O 12/26 – \u{1f3db}").expect("a reason"),
            placed_at: self.scene.make.at(),
            completed_at: None,
        }
    }

    async fn begin(&self, document: DocumentId) -> HoldOutcome {
        let record = self.scene.make.record_on(AuditAction::HoldPlaced, document);
        let begun = self.holds.begin_hold(&self.hold(document), &record).await;
        let begun = begun.expect("begin_hold");
        let recorded = self.scene.is_recorded(&record).await;
        assert_eq!(recorded, begun == HoldOutcome::Begun);
        begun
    }

    /// Another wrap under a pair of scope `hold`, and another object key.
    async fn copies(&self, id: DocumentId) -> (WrappedKey, ObjectKey) {
        let scene = &self.scene;
        let old = scene.pair(Scope::Hold, KeyState::Deactivated).await;
        let pair = scene
            .registry
            .active_pair(&Scope::Hold, old.algorithm)
            .await;
        let pair = match pair.expect("active_pair") {
            Some(active) => active,
            None => scene.set_pair_state(&old, KeyState::Active).await,
        };
        let wrapped = scene.make.document_with_id(id, scene.make.user_id(), &pair);
        let key = ObjectKey::new(id, scene.make.bytes());
        let key = ObjectKey::parse(&format!("hold/{key}")).expect("an object key");
        (wrapped.wrapped_key, key)
    }

    async fn complete(&self, id: DocumentId) -> (Change, WrappedKey, ObjectKey) {
        let (wrapped, key) = self.copies(id).await;
        let record = self.scene.make.record_on(AuditAction::HoldCompleted, id);
        let done = self.holds.complete_hold(id, &wrapped, &key, &record).await;
        let done = done.expect("complete_hold");
        let recorded = self.scene.is_recorded(&record).await;
        assert_eq!(recorded, done == Change::Changed);
        (done, wrapped, key)
    }

    async fn end(&self, id: DocumentId) -> Change {
        let record = self.scene.make.record_on(AuditAction::HoldRemoved, id);
        let ended = self.holds.end_hold(id, &record).await.expect("end_hold");
        assert_eq!(
            self.scene.is_recorded(&record).await,
            ended == Change::Changed
        );
        ended
    }

    async fn advance(&self, partition: Partition, to: PartitionState) -> Change {
        let record = step_record(&self.scene, partition, to);
        let changed = self.partitions.advance_partition(partition, to, &record);
        changed.await.expect("advance_partition")
    }

    async fn drop_whole(&self, partition: Partition) {
        for (to, _) in STEPS {
            self.advance(partition, to).await;
            if to == PartitionState::Emptied {
                let dropped = self.partitions.drop_partition(partition).await;
                dropped.expect("drop_partition");
            }
        }
    }

    async fn find_held(&self, id: DocumentId, users: &[UserId]) -> Option<Found> {
        let principals: Vec<_> = users.iter().map(|user| Principal::User(*user)).collect();
        self.held.find(id, &principals).await.expect("find")
    }

    async fn list(&self, limit: usize) -> Vec<Hold> {
        let limit = PageLimit::clamped(limit);
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.holds.list_holds(&PageRequest { after, limit }).await;
            let page = page.expect("list_holds");
            assert!(page.items.len() <= limit.get());
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    /// A stored document of a class, its owner, and a reader.
    async fn document(&self, class: u8) -> (Document, UserId, UserId) {
        let scene = &self.scene;
        let owner = scene.user("owner").await;
        let reader = scene.user("reader").await;
        let pair = scene
            .pair(Scope::Customer(owner.id), KeyState::Active)
            .await;
        let class = RetentionClass::new(class);
        let id = scene.make.document_id(class, scene.make.at());
        let document = scene.make.document_with_id(id, owner.id, &pair);
        scene.insert(&document).await;
        scene.share(&document, reader.id, Rights::READ).await;
        (document, owner.id, reader.id)
    }
}

/// Of ten at once one begins; it is found and listed, complete or not.
pub async fn a_hold_is_begun_once(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, ..) = it.document(7).await;
    let (deleted, ..) = it.document(7).await;
    let (other, ..) = it.document(0).await;
    let (free, ..) = it.document(7).await;
    let id = document.id;
    let begun = at_once(10, |_| {
        let holds = Arc::clone(&it.holds);
        let record = it.scene.make.record_on(AuditAction::HoldPlaced, id);
        let hold = it.hold(id);
        async move { holds.begin_hold(&hold, &record).await.expect("begin_hold") }
    })
    .await;
    let count = |outcome| begun.iter().filter(|one| **one == outcome).count();
    assert_eq!(count(HoldOutcome::Begun), 1, "{begun:?}");
    assert_eq!(count(HoldOutcome::AlreadyHeld), 9, "{begun:?}");
    assert_eq!(it.scene.count(AuditAction::HoldPlaced, id).await, 1);
    let live = it.scene.find(id, &[]).await.unwrap().document;
    assert!(live.hold && live.version > document.version, "{live:?}");
    assert!(!it.scene.find(free.id, &[]).await.unwrap().document.hold);
    assert_eq!(it.begin(other.id).await, HoldOutcome::Begun);
    let incomplete = async |id: DocumentId| {
        let count = it.holds.incomplete_holds(id.partition()).await;
        count.expect("incomplete_holds")
    };
    assert_eq!((incomplete(id).await, incomplete(other.id).await), (1, 1));

    assert_eq!(it.complete(id).await.0, Change::Changed);
    assert_eq!(it.complete(id).await.0, Change::Unchanged);
    assert_eq!(it.begin(id).await, HoldOutcome::AlreadyHeld);
    assert_eq!((incomplete(id).await, incomplete(other.id).await), (0, 1));
    let mut hold = it.hold(id);
    hold.completed_at = Some(it.scene.make.at());
    for limit in [1, 2, 100] {
        assert_eq!(it.list(limit).await, [it.hold(other.id), hold.clone()]);
    }
    let found = it.holds.find_hold(id).await.expect("find_hold");
    assert_eq!(found, Some(hold));

    let delete = DocumentChange::State(DocumentState::Deleted);
    let record = it
        .scene
        .make
        .record_on(AuditAction::DocumentChanged, deleted.id);
    let changed = it.scene.store.change(deleted.id, 1, &delete, &record).await;
    assert_eq!(changed.expect("change"), Change::Changed);
    let class = RetentionClass::new(7);
    let nobody = it.scene.make.document_id(class, it.scene.make.at());
    for missing in [deleted.id, nobody] {
        assert_eq!(it.begin(missing).await, HoldOutcome::Missing);
        assert_eq!(it.holds.find_hold(missing).await.expect("find_hold"), None);
    }
    assert_eq!(it.complete(nobody).await.0, Change::Missing);
    assert_eq!(it.end(nobody).await, Change::Missing);
}

/// While copies are made nothing of the partition is deleted; once deletion has begun nothing of
/// it is held. Of both at once, one is refused.
pub async fn a_begun_hold_keeps_the_partition_from_being_emptied(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, ..) = it.document(7).await;
    let (late, ..) = it.document(7).await;
    let partition = document.id.partition();
    assert_eq!(it.begin(document.id).await, HoldOutcome::Begun);
    assert_eq!(
        it.advance(partition, PartitionState::Closed).await,
        Change::Changed
    );
    assert_eq!(
        it.advance(partition, PartitionState::Emptying).await,
        Change::Stale
    );
    assert_eq!(it.complete(document.id).await.0, Change::Changed);
    assert_eq!(
        it.advance(partition, PartitionState::Emptying).await,
        Change::Changed
    );
    assert_eq!(it.begin(late.id).await, HoldOutcome::TooLate);
    assert_eq!(it.holds.find_hold(late.id).await.expect("find_hold"), None);

    for class in 20..26 {
        let (document, ..) = it.document(class).await;
        let id = document.id;
        it.advance(id.partition(), PartitionState::Closed).await;
        let step = step_record(&it.scene, id.partition(), PartitionState::Emptying);
        let place = it.scene.make.record_on(AuditAction::HoldPlaced, id);
        let (holds, partitions) = (Arc::clone(&it.holds), Arc::clone(&it.partitions));
        let hold = it.hold(id);
        let placing = tokio::spawn(async move { holds.begin_hold(&hold, &place).await });
        let emptying = tokio::spawn(async move {
            let to = PartitionState::Emptying;
            partitions
                .advance_partition(id.partition(), to, &step)
                .await
        });
        let placed = placing.await.unwrap().expect("begin_hold");
        let emptied = emptying.await.unwrap().expect("advance_partition");
        let one = matches!(
            (placed, emptied),
            (HoldOutcome::Begun, Change::Stale) | (HoldOutcome::TooLate, Change::Changed)
        );
        assert!(one, "{placed:?}, {emptied:?}");
    }
}

/// A wrap whose pair was rotated out meanwhile is not taken: wrapping anew helps.
pub async fn a_hold_is_completed_under_an_active_pair(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, _) = it.document(7).await;
    let id = document.id;
    it.begin(id).await;
    let (wrapped, key) = it.copies(id).await;
    let pair = it.scene.registry.find_pair(wrapped.serial).await;
    let pair = pair.expect("find_pair").expect("a pair");
    it.scene.set_pair_state(&pair, KeyState::Deactivated).await;
    let record = it.scene.make.record_on(AuditAction::HoldCompleted, id);
    let done = it.holds.complete_hold(id, &wrapped, &key, &record).await;
    assert_eq!(done.expect("complete_hold"), Change::Stale);
    assert!(!it.scene.is_recorded(&record).await);
    assert_eq!(it.find_held(id, &[owner]).await, None);
    assert_eq!(it.complete(id).await.0, Change::Changed);
    assert!(it.find_held(id, &[owner]).await.is_some());
}

/// Row, entries, new wrap and new object key are in the held place before the drop and after.
pub async fn a_held_document_outlives_its_partition(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, reader) = it.document(7).await;
    let (bystander, ..) = it.document(7).await;
    let id = document.id;
    assert_eq!(it.find_held(id, &[owner]).await, None);
    it.begin(id).await;
    assert_eq!(it.find_held(id, &[owner]).await, None);
    let (_, wrapped, object_key) = it.complete(id).await;
    let live = it
        .scene
        .find(id, &[owner, reader])
        .await
        .expect("a document");
    assert_eq!(live.document.wrapped_key, document.wrapped_key);
    let mut expected = live.document.clone();
    (expected.wrapped_key, expected.object_key) = (wrapped, object_key);
    for round in 0..2 {
        let held = it.find_held(id, &[owner, reader]).await.expect("held");
        assert_eq!(held.document, expected);
        assert!(held.document.hold);
        assert_eq!(held.entries.len(), 2);
        assert_eq!(held.entries, live.entries);
        assert_eq!(held.key_state, KeyState::Active);
        assert_eq!(it.find_held(bystander.id, &[owner]).await, None);
        if round == 0 {
            it.drop_whole(id.partition()).await;
            assert_eq!(it.scene.find(id, &[owner]).await, None);
        }
    }
    assert_eq!(it.begin(bystander.id).await, HoldOutcome::TooLate);
}

/// Whoever lost his rights to the document has none to the copy.
pub async fn a_revoke_reaches_the_held_copy(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, reader) = it.document(7).await;
    let id = document.id;
    it.begin(id).await;
    it.complete(id).await;
    let record = it.scene.make.record_on(AuditAction::EntryRevoked, id);
    let revoked = it.scene.store.revoke(id, Principal::User(reader), &record);
    assert_eq!(revoked.await.expect("revoke"), Change::Changed);
    let held = it.find_held(id, &[owner, reader]).await.expect("held");
    assert_eq!(held.entries.len(), 1);
    assert_eq!(held.entries[0].principal, Principal::User(owner));
}

/// Whoever is given rights after the hold is complete, or more of them, has them in the copy too.
pub async fn a_grant_reaches_the_held_copy(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, reader) = it.document(7).await;
    let id = document.id;
    it.begin(id).await;
    let (early, late) = (it.scene.make.user_id(), it.scene.make.user_id());
    let grant = async |to, rights| it.scene.share(&document, to, rights).await;
    grant(early, Rights::READ).await;
    it.complete(id).await;
    grant(late, Rights::READ).await;
    grant(reader, Rights::OWNER).await;
    let everybody = [owner, reader, early, late];
    let copied = async || {
        let held = it.find_held(id, &everybody).await.expect("held");
        let mut entries = held.entries;
        entries.sort_by_key(|entry| entry.principal);
        entries
    };
    let mut expected = it.scene.store.entries(id).await.expect("entries");
    expected.sort_by_key(|entry| entry.principal);
    assert_eq!(expected.len(), 4);
    assert_eq!(copied().await, expected);
    // The same once more changes nothing.
    let again = expected
        .iter()
        .find(|entry| entry.principal == Principal::User(late));
    assert_eq!(
        it.scene.grant(again.expect("an entry")).await,
        Change::Unchanged
    );
    it.drop_whole(id.partition()).await;
    assert_eq!(copied().await, expected);
}

/// Its release is recorded after its expiry, in its partition and in the held place; without the
/// hold it is refused.
pub async fn a_held_document_does_not_expire(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, _) = it.document(7).await;
    let id = document.id;
    let key = it.scene.api_key(owner).await;
    let expire = DocumentChange::ExpiresAt(Some(Timestamp::EPOCH));
    let record = it.scene.make.record_on(AuditAction::DocumentChanged, id);
    let changed = it.scene.store.change(id, 1, &expire, &record).await;
    assert_eq!(changed.expect("change"), Change::Changed);
    let release = async |store: &Arc<dyn MetadataStore>| {
        let (release, record) = it.scene.release(&document, &key);
        let released = store.record_release(&release, &record).await;
        let released = released.expect("record_release");
        let recorded = it.scene.is_recorded(&record).await;
        assert_eq!(recorded, released == ReleaseOutcome::Recorded);
        released
    };
    assert_eq!(release(&it.scene.store).await, ReleaseOutcome::Refused);
    it.begin(id).await;
    assert_eq!(release(&it.scene.store).await, ReleaseOutcome::Recorded);
    it.complete(id).await;
    it.drop_whole(id.partition()).await;
    assert_eq!(release(&it.scene.store).await, ReleaseOutcome::Refused);
    assert_eq!(release(&it.held).await, ReleaseOutcome::Recorded);
}

/// Neither hold nor copies nor mark, whether it was complete or not.
pub async fn a_hold_that_is_taken_off_leaves_nothing_behind(harness: &dyn HoldHarness) {
    let it = Court::new(harness);
    let (document, owner, _) = it.document(7).await;
    let (stays, ..) = it.document(7).await;
    it.begin(stays.id).await;
    it.complete(stays.id).await;
    let id = document.id;
    for complete in [false, true] {
        assert_eq!(it.begin(id).await, HoldOutcome::Begun);
        if complete {
            it.complete(id).await;
        }
        assert_eq!(it.end(id).await, Change::Changed);
        assert_eq!(it.end(id).await, Change::Missing);
        assert_eq!(it.find_held(id, &[owner]).await, None);
        assert_eq!(it.holds.find_hold(id).await.expect("find_hold"), None);
        let live = it.scene.find(id, &[owner]).await.expect("a document");
        assert!(!live.document.hold);
        assert_eq!(live.document.wrapped_key, document.wrapped_key);
        let incomplete = it.holds.incomplete_holds(id.partition()).await;
        assert_eq!(incomplete.expect("incomplete_holds"), 0);
    }
    assert_eq!(it.list(10).await.len(), 1);
    // After the drop, of the held copy alone.
    it.drop_whole(id.partition()).await;
    assert!(it.find_held(stays.id, &[]).await.is_some());
    assert_eq!(it.end(stays.id).await, Change::Changed);
    assert_eq!(it.find_held(stays.id, &[]).await, None);
    assert_eq!(it.list(10).await, []);
}
