//! Laws of [`Partitions`].

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    AuditAction, Document, KeyState, Lifetime, Partition, PartitionEntry, PartitionState, Record,
    RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{Change, DocumentFilter, Partitions, StoreError};

use crate::concurrency::at_once;
use crate::{Scene, StoreHarness};

/// Makes a test of every law of `Partitions`; takes an expression whose future gives
/// `Option<impl StoreHarness>` with partitions.
#[macro_export]
macro_rules! partitions_laws {
    ($harness:expr) => {
        $crate::laws!(
            partitions,
            $harness,
            [
                a_made_partition_takes_documents,
                making_is_idempotent,
                a_lifetime_is_only_ever_raised,
                a_partition_takes_its_steps_in_order,
                a_closed_partition_is_never_made_again,
                a_drop_takes_every_row_of_the_partition,
                a_drop_needs_an_emptied_partition,
                an_unmade_partition_holds_nothing,
                the_stores_clock_is_told,
            ]
        );
    };
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The states after the first, and what the log calls the step to each.
pub(crate) const STEPS: [(PartitionState, AuditAction); 5] = [
    (PartitionState::Closed, AuditAction::PartitionClosed),
    (PartitionState::Emptying, AuditAction::PartitionEmptying),
    (PartitionState::Emptied, AuditAction::PartitionEmptied),
    (PartitionState::Dropped, AuditAction::PartitionDropped),
    (PartitionState::Expired, AuditAction::PartitionExpired),
];

/// A scene, and the partitions of its store.
struct Catalogue<'a> {
    scene: Scene<'a>,
    partitions: Arc<dyn Partitions>,
}

impl<'a> Catalogue<'a> {
    fn new(harness: &'a dyn StoreHarness) -> Self {
        Self {
            scene: Scene::new(harness),
            partitions: harness.partitions().expect("the store has partitions"),
        }
    }

    /// The partition of a class that documents are put into now.
    fn current(&self, class: u8) -> Partition {
        Partition::at(RetentionClass::new(class), self.scene.make.at())
    }

    async fn ensure(&self, partition: Partition, lifetime: Lifetime) -> PartitionEntry {
        let at = self.scene.make.at();
        let made = self.partitions.ensure_partition(partition, lifetime, at);
        made.await.expect("ensure_partition")
    }

    async fn entry(&self, partition: Partition) -> Option<PartitionEntry> {
        let found = self.partitions.find_partition(partition).await;
        found.expect("find_partition")
    }

    async fn advance(&self, partition: Partition, to: PartitionState) -> (Change, Record) {
        let record = step_record(&self.scene, partition, to);
        let changed = self.partitions.advance_partition(partition, to, &record);
        (changed.await.expect("advance_partition"), record)
    }

    async fn advance_until(&self, partition: Partition, to: PartitionState) {
        for (state, _) in STEPS {
            if state <= to {
                assert_eq!(self.advance(partition, state).await.0, Change::Changed);
            }
        }
    }

    /// A stored document of a class with an entry besides its owner's.
    async fn document(&self, class: u8) -> Document {
        let scene = &self.scene;
        let owner = scene.user("owner").await;
        let reader = scene.user("reader").await;
        let pair = scene.pair(Scope::Shared, KeyState::Deactivated).await;
        let pair = match scene
            .registry
            .active_pair(&Scope::Shared, pair.algorithm)
            .await
        {
            Ok(Some(active)) => active,
            _ => scene.set_pair_state(&pair, KeyState::Active).await,
        };
        let id = scene
            .make
            .document_id(RetentionClass::new(class), scene.make.at());
        let document = scene.make.document_with_id(id, owner.id, &pair);
        scene.insert(&document).await;
        scene.share(&document, reader.id, Rights::READ).await;
        document
    }
}

/// The record of a step.
pub(crate) fn step_record(scene: &Scene<'_>, partition: Partition, to: PartitionState) -> Record {
    let (_, action) = STEPS[to as usize - 1];
    let mut record = scene.make.record(action);
    record.audit.partition = Some(partition);
    record
}

fn days(days: u32) -> Lifetime {
    Lifetime::limited(DAY * days).expect("a lifetime")
}

/// What was made is in the catalogue and takes documents; find and list agree.
pub async fn a_made_partition_takes_documents(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    for class in [1, 64, 128, 192, 255, 0] {
        let partition = it.current(class);
        let made = it.ensure(partition, days(30)).await;
        assert_eq!(made.partition, partition);
        assert_eq!(made.state, PartitionState::Open);
        // Whoever set up the store may have made it before.
        assert!(made.lifetime >= days(30));
        assert_eq!(made.closed_at, None);
        assert_eq!(it.entry(partition).await, Some(made));

        let document = it.document(class).await;
        let found = it.scene.find(document.id, &[document.owner]).await;
        assert_eq!(found.expect("a document").document, document);
    }
    // Ahead of time.
    let next = it.current(1).next().unwrap();
    let made = it.ensure(next, days(30)).await;
    let listed = it.partitions.list_partitions().await.expect("list");
    assert!(listed.contains(&made), "{listed:?}");
    assert!(listed.is_sorted_by_key(|entry| entry.partition));
    let mut classes: Vec<_> = listed
        .iter()
        .map(|one| one.partition.class().number())
        .collect();
    classes.dedup();
    assert_eq!(classes, [0, 1, 64, 128, 192, 255]);
    for entry in listed {
        assert_eq!(it.entry(entry.partition).await, Some(entry));
    }
}

/// Ten at once, and one after: all see the one that was made, as it was first made.
pub async fn making_is_idempotent(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let partition = it.current(7);
    let at = it.scene.make.at();
    let made = at_once(10, |_| {
        let partitions = Arc::clone(&it.partitions);
        async move { partitions.ensure_partition(partition, days(3), at).await }
    })
    .await;
    let entry = it.entry(partition).await.expect("a partition");
    for one in made {
        assert_eq!(one.expect("ensure_partition"), entry);
    }
    let later = at.plus(DAY);
    let again = it
        .partitions
        .ensure_partition(partition, days(3), later)
        .await;
    assert_eq!(again.expect("ensure_partition"), entry);
    assert_eq!(entry.made_at, at);
    it.document(7).await;
}

/// A longer lifetime is kept, a shorter one changes nothing, also if many come at once.
pub async fn a_lifetime_is_only_ever_raised(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let partition = it.current(7);
    for (asked, kept) in [(30, 30), (7, 30), (31, 31), (30, 31)] {
        assert_eq!(it.ensure(partition, days(asked)).await.lifetime, days(kept));
    }
    let at = it.scene.make.at();
    at_once(10, |number| {
        let partitions = Arc::clone(&it.partitions);
        let lifetime = days(90 + u32::try_from(number % 5).unwrap());
        async move { partitions.ensure_partition(partition, lifetime, at).await }
    })
    .await;
    assert_eq!(it.entry(partition).await.unwrap().lifetime, days(94));
    let unlimited = it.ensure(partition, Lifetime::UNLIMITED).await;
    assert_eq!(unlimited.lifetime, Lifetime::UNLIMITED);
    assert_eq!(unlimited.expires_at(), None);
    assert_eq!(it.ensure(partition, days(1)).await, unlimited);
}

/// One state after the other, none left out, none taken twice; each is recorded once.
pub async fn a_partition_takes_its_steps_in_order(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let partition = it.current(7);
    let (missing, record) = it.advance(partition, PartitionState::Closed).await;
    assert_eq!(missing, Change::Missing);
    assert!(!it.scene.is_recorded(&record).await);
    it.ensure(partition, days(3)).await;
    let neighbour = it.ensure(it.current(8), days(3)).await;

    for (number, (to, _)) in STEPS.into_iter().enumerate() {
        for (later, _) in &STEPS[number + 1..] {
            let (stale, record) = it.advance(partition, *later).await;
            assert_eq!(stale, Change::Stale, "{later}");
            assert!(!it.scene.is_recorded(&record).await);
        }
        let answers = at_once(10, |_| {
            let partitions = Arc::clone(&it.partitions);
            let record = step_record(&it.scene, partition, to);
            async move {
                let changed = partitions.advance_partition(partition, to, &record).await;
                (changed.expect("advance_partition"), record)
            }
        })
        .await;
        let mut changed = 0;
        for (answer, record) in answers {
            let took_place = answer == Change::Changed;
            assert!(took_place || answer == Change::Unchanged, "{answer:?}");
            assert_eq!(it.scene.is_recorded(&record).await, took_place);
            changed += usize::from(took_place);
        }
        assert_eq!(changed, 1, "steps to {to}");
        let entry = it.entry(partition).await.unwrap();
        assert_eq!(entry.state, to);
        assert_eq!(entry.closed_at, Some(it.scene.make.at()));
        for (before, _) in &STEPS[..number] {
            assert_eq!(it.advance(partition, *before).await.0, Change::Unchanged);
        }
    }
    assert_eq!(it.entry(neighbour.partition).await, Some(neighbour));
}

/// Whatever its state: it is left as it is, its lifetime too.
pub async fn a_closed_partition_is_never_made_again(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let partition = it.current(7);
    it.ensure(partition, days(3)).await;
    for (to, _) in STEPS {
        it.advance(partition, to).await;
        if to == PartitionState::Emptied {
            it.partitions.drop_partition(partition).await.expect("drop");
        }
        let before = it.entry(partition).await.unwrap();
        assert_eq!(it.ensure(partition, days(90)).await, before);
        assert_eq!(it.entry(partition).await, Some(before));
    }
}

/// Documents and entries are gone from finds and lists, and those of its neighbours are there;
/// repeating is harmless.
pub async fn a_drop_takes_every_row_of_the_partition(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    // Neighbours by number and by the beginning of the number, and the class of imports.
    let classes = [1, 10, 100, 0, 255];
    let mut documents = Vec::new();
    for class in classes {
        documents.push([it.document(class).await, it.document(class).await]);
    }
    let gone = it.current(10);
    it.advance_until(gone, PartitionState::Emptied).await;
    for _ in 0..2 {
        it.partitions.drop_partition(gone).await.expect("drop");
    }
    it.advance(gone, PartitionState::Dropped).await;
    it.partitions.drop_partition(gone).await.expect("drop");

    let listed = it.scene.list(&DocumentFilter::Every).await;
    for document in documents.iter().flatten() {
        let stays = document.id.partition() != gone;
        let found = it.scene.find(document.id, &[document.owner]).await;
        assert_eq!(found.is_some(), stays, "{}", document.id);
        let entries = it.scene.store.entries(document.id).await.expect("entries");
        assert_eq!(entries.len(), if stays { 2 } else { 0 });
        assert_eq!(listed.contains(&document.id), stays);
        let owned = it
            .scene
            .list(&DocumentFilter::OwnedBy(document.owner))
            .await;
        assert_eq!(owned.contains(&document.id), stays);
    }
}

/// Before that nothing is removed.
pub async fn a_drop_needs_an_emptied_partition(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let document = it.document(7).await;
    let partition = it.current(7);
    let refused = async || {
        let dropped = it.partitions.drop_partition(partition).await;
        assert!(matches!(dropped, Err(StoreError::Conflict)), "{dropped:?}");
        let entries = it.scene.store.entries(document.id).await.expect("entries");
        assert_eq!(entries.len(), 2);
    };
    refused().await;
    for (to, _) in &STEPS[..2] {
        it.advance(partition, *to).await;
        refused().await;
    }
    it.advance(partition, PartitionState::Emptied).await;
    it.partitions.drop_partition(partition).await.expect("drop");
}

/// A document of a partition that was never made is not there; that is no error.
pub async fn an_unmade_partition_holds_nothing(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let at = it.scene.make.at();
    for (class, at) in [
        (9, at),
        (0, at.minus(DAY * 20_000)),
        (0, at.plus(DAY * 20_000)),
    ] {
        let id = it.scene.make.document_id(RetentionClass::new(class), at);
        assert_eq!(it.entry(id.partition()).await, None);
        assert_eq!(it.scene.find(id, &[]).await, None);
        assert_eq!(it.scene.store.entries(id).await.expect("entries"), []);
    }
}

/// It is the one that the harness names.
pub async fn the_stores_clock_is_told(harness: &dyn StoreHarness) {
    let it = Catalogue::new(harness);
    let before = it.scene.now();
    let told = it.partitions.now().await.expect("now");
    let after = it.scene.now();
    // A store may count in milliseconds.
    let millisecond = Duration::from_millis(1);
    assert!(before.minus(millisecond) <= told, "{before} {told}");
    assert!(told <= after.plus(millisecond), "{told} {after}");
}
