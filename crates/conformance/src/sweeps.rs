//! Laws of [`Sweeps`].

use std::time::Duration;

use crypt_keeper_domain::model::{
    AuditAction, Document, Hold, HoldReason, KeyState, PageLimit, PageRequest, Rights, Scope,
    Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, ExpiredDocument, HoldOutcome, Sweeps,
};

use crate::{HoldHarness, Scene, SweepHarness};

/// Makes a test of every law of `Sweeps`; takes an expression whose future gives
/// `Option<impl SweepHarness + HoldHarness>`.
#[macro_export]
macro_rules! sweeps_laws {
    ($harness:expr) => {
        $crate::laws!(
            sweeps,
            $harness,
            [
                documents_that_expire_early_are_found,
                what_lives_by_the_stores_clock_is_not_swept,
                held_documents_are_not_swept,
                a_removed_document_leaves_nothing,
                a_removal_needs_the_seen_version,
            ]
        );
    };
}

const SECOND: Duration = Duration::from_secs(1);

/// Everything that a walk in pages finds.
async fn walk(sweeps: &dyn Sweeps, at: Timestamp, limit: usize) -> Vec<ExpiredDocument> {
    let limit = PageLimit::clamped(limit);
    let mut all = Vec::new();
    let mut after = None;
    for _ in 0..100 {
        let page = sweeps
            .expired_early(at, &PageRequest { after, limit })
            .await;
        let page = page.expect("expired_early");
        assert!(page.items.len() <= limit.get());
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
    panic!("the walk has no end");
}

/// A document of a class whose expiry is moved to `end`.
async fn moved(scene: &Scene<'_>, document: &Document, end: Timestamp) -> ExpiredDocument {
    let change = DocumentChange::ExpiresAt(Some(end));
    let record = scene
        .make
        .record_on(AuditAction::DocumentChanged, document.id);
    let changed = scene.store.change(document.id, 1, &change, &record).await;
    assert_eq!(changed.expect("change"), Change::Changed);
    ExpiredDocument {
        expired_at: end,
        id: document.id,
        version: 2,
    }
}

/// Those whose expiry was moved, and those that were inserted so; each once, whatever the pages,
/// from the moment of their expiry on. Those that expire with their class are not.
pub async fn documents_that_expire_early_are_found<H>(harness: &H)
where
    H: SweepHarness + HoldHarness,
{
    let scene = Scene::new(harness);
    let sweeps = harness.sweeps();
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    // All of it has expired by the store's clock, too.
    let at = scene.make.at().minus(SECOND * 10);
    let mut expected = Vec::new();
    for (number, class) in [0, 1, 0, 200, 0, 255, 1].into_iter().enumerate() {
        let class = crypt_keeper_domain::model::RetentionClass::new(class);
        let end = at.plus(SECOND * u32::try_from(number / 2).unwrap());
        let id = scene.make.document_id(class, at);
        let mut document = scene.make.document_with_id(id, alice.id, &pair);
        if number % 3 == 0 {
            (document.expires_at, document.expires_early) = (Some(end), true);
            scene.insert(&document).await;
            let found = scene.find(id, &[]).await.expect("the document").document;
            assert_eq!(found, document);
            let expired = ExpiredDocument {
                expired_at: end,
                id,
                version: 1,
            };
            expected.push(expired);
        } else {
            scene.insert(&document).await;
            expected.push(moved(&scene, &document, end).await);
        }
        // With its class, and never.
        let id = scene.make.document_id(class, at);
        let mut other = scene.make.document_with_id(id, alice.id, &pair);
        other.expires_at = Some(end);
        scene.insert(&other).await;
        let id = scene.make.document_id(class, at);
        let never = scene.make.document_with_id(id, alice.id, &pair);
        scene.insert(&never).await;
    }
    scene.settle().await;
    let sorted = |mut all: Vec<ExpiredDocument>| {
        all.sort();
        all
    };
    for seconds in 0..4 {
        let now = at.plus(SECOND * seconds);
        let due = expected.iter().filter(|one| one.expired_at <= now);
        let due = sorted(due.copied().collect());
        for limit in [1, 2, 3, 1000] {
            let found = walk(&*sweeps, now, limit).await;
            assert_eq!(sorted(found), due, "{seconds} s, pages of {limit}");
        }
    }
    assert_eq!(
        walk(&*sweeps, at.minus(Duration::from_micros(1)), 10).await,
        []
    );
    // Moved back out of reach.
    let one = expected[1];
    let keep = DocumentChange::ExpiresAt(None);
    let record = scene.make.record_on(AuditAction::DocumentChanged, one.id);
    let changed = scene.store.change(one.id, 2, &keep, &record).await;
    assert_eq!(changed.expect("change"), Change::Changed);
    let found = walk(&*sweeps, Timestamp::MAX, 1000).await;
    assert_eq!(found.len(), expected.len() - 1);
    assert!(found.iter().all(|other| other.id != one.id));
}

/// A caller whose clock is ahead, or was set forward, finds what has expired by the store's clock, and
/// nothing that has not.
pub async fn what_lives_by_the_stores_clock_is_not_swept<H>(harness: &H)
where
    H: SweepHarness + HoldHarness,
{
    let scene = Scene::new(harness);
    let sweeps = harness.sweeps();
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let hour = SECOND * 3600;
    let lives = scene.document(alice.id, &pair).await;
    moved(&scene, &lives, scene.now().plus(hour)).await;
    let expired = scene.document(alice.id, &pair).await;
    let expired = moved(&scene, &expired, scene.make.at()).await;
    for ahead in [SECOND * 600, hour, hour * 2] {
        let found = walk(&*sweeps, scene.now().plus(ahead), 10).await;
        assert_eq!(found, [expired], "{ahead:?} ahead");
    }
    assert_eq!(walk(&*sweeps, Timestamp::MAX, 10).await, [expired]);
}

/// Neither found nor removed while the hold lasts; after it, both.
pub async fn held_documents_are_not_swept<H>(harness: &H)
where
    H: SweepHarness + HoldHarness,
{
    let scene = Scene::new(harness);
    let (sweeps, holds) = (harness.sweeps(), harness.holds());
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let at = scene.make.at();
    let document = scene.document(alice.id, &pair).await;
    let id = document.id;
    moved(&scene, &document, at).await;
    let hold = Hold {
        document: id,
        reason: HoldReason::parse("case 1").unwrap(),
        placed_at: at,
        completed_at: None,
    };
    let record = scene.make.record_on(AuditAction::HoldPlaced, id);
    let begun = holds.begin_hold(&hold, &record).await.expect("begin_hold");
    assert_eq!(begun, HoldOutcome::Begun);
    assert_eq!(walk(&*sweeps, at, 10).await, []);
    let version = scene.find(id, &[]).await.unwrap().document.version;
    let record = scene.make.record_on(AuditAction::DocumentExpired, id);
    let removed = sweeps.remove_document(id, version, &record).await;
    assert_eq!(removed.expect("remove_document"), Change::Stale);

    let end = scene.make.record_on(AuditAction::HoldRemoved, id);
    let ended = holds.end_hold(id, &end).await.expect("end_hold");
    assert_eq!(ended, Change::Changed);
    let found = walk(&*sweeps, at, 10).await;
    assert_eq!(found.len(), 1);
    let removed = sweeps.remove_document(id, found[0].version, &record).await;
    assert_eq!(removed.expect("remove_document"), Change::Changed);
}

/// Row, entries and its place among the expired ones are gone, of this document alone; the record
/// stays.
pub async fn a_removed_document_leaves_nothing<H>(harness: &H)
where
    H: SweepHarness + HoldHarness,
{
    let scene = Scene::new(harness);
    let sweeps = harness.sweeps();
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let at = scene.make.at();
    let document = scene.document(alice.id, &pair).await;
    let bystander = scene.document(alice.id, &pair).await;
    for one in [&document, &bystander] {
        scene.share(one, bob.id, Rights::READ).await;
        moved(&scene, one, at).await;
    }
    let id = document.id;
    let record = scene.make.record_on(AuditAction::DocumentExpired, id);
    let removed = sweeps.remove_document(id, 2, &record).await;
    assert_eq!(removed.expect("remove_document"), Change::Changed);
    assert!(scene.is_recorded(&record).await);
    assert_eq!(scene.find(id, &[alice.id, bob.id]).await, None);
    assert_eq!(scene.store.entries(id).await.expect("entries"), []);
    scene.settle().await;
    for filter in [
        DocumentFilter::Every,
        DocumentFilter::OwnedBy(alice.id),
        DocumentFilter::WrappedBy(pair.serial),
    ] {
        assert_eq!(scene.list(&filter).await, [bystander.id]);
    }
    let left: Vec<_> = walk(&*sweeps, at, 10)
        .await
        .iter()
        .map(|one| one.id)
        .collect();
    assert_eq!(left, [bystander.id]);
    let entries = scene.store.entries(bystander.id).await.expect("entries");
    assert_eq!(entries.len(), 2);

    let again = scene.make.record_on(AuditAction::DocumentExpired, id);
    let removed = sweeps.remove_document(id, 2, &again).await;
    assert_eq!(removed.expect("remove_document"), Change::Missing);
    assert!(!scene.is_recorded(&again).await);
}

/// Somebody who moved the expiry meanwhile is not overrun.
pub async fn a_removal_needs_the_seen_version<H>(harness: &H)
where
    H: SweepHarness + HoldHarness,
{
    let scene = Scene::new(harness);
    let sweeps = harness.sweeps();
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let id = document.id;
    moved(&scene, &document, scene.make.at()).await;
    for seen in [1, 3] {
        let record = scene.make.record_on(AuditAction::DocumentExpired, id);
        let removed = sweeps.remove_document(id, seen, &record).await;
        assert_eq!(removed.expect("remove_document"), Change::Stale);
        assert!(!scene.is_recorded(&record).await);
        let entries = scene.store.entries(id).await.expect("entries");
        assert_eq!(entries.len(), 1);
    }
    assert!(scene.find(id, &[]).await.is_some());
}
