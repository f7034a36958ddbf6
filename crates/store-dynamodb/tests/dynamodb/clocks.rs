//! A clock of ours that is 10 minutes off DynamoDB's, or jumps back an hour.

use std::time::Duration;

use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    AuditAction, Document, KeyPair, KeyState, PageRequest, RetentionClass, Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, Clock as _, DocumentChange, InsertOutcome, MetadataStore as _, Partitions as _,
    ReleaseOutcome, Sweeps as _,
};
use crypt_keeper_store_dynamodb::DynamoDbStore;

use crate::support::Site;

const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3600);

/// DynamoDB's date when the test began, to about a second.
async fn date(site: &Site) -> Timestamp {
    let ahead = site.store.clock_skew().await.unwrap().expect("a date");
    let ahead = Duration::from_millis(ahead.try_into().unwrap());
    site.clock.now().plus(ahead)
}

/// A store that asks for the first time, and one that has been told the date while the clock showed
/// it.
async fn stores(site: &Site, date: Timestamp) -> [DynamoDbStore; 2] {
    site.clock.set(date);
    let open = || site.other_process().by_the_dates_of_answers();
    let told = open();
    told.now().await.unwrap();
    [open(), told]
}

/// What our clock may show.
fn wrong_clocks(date: Timestamp) -> [Timestamp; 3] {
    [
        date.plus(TEN_MINUTES),
        date.minus(TEN_MINUTES),
        date.minus(HOUR),
    ]
}

async fn owned(scene: &Scene<'_>) -> (Document, KeyPair) {
    let owner = scene.user("alice").await;
    let pair = scene.pair(Scope::Customer(owner.id), KeyState::Active);
    let pair = pair.await;
    (scene.document(owner.id, &pair).await, pair)
}

async fn insert(store: &DynamoDbStore, scene: &Scene<'_>, document: &Document) -> InsertOutcome {
    scene.partition(document.id.partition()).await;
    let entry = scene.make.owner_entry(document);
    let created = AuditAction::DocumentCreated;
    let record = scene.make.record_on(created, document.id);
    let outcome = store.insert(document, &entry, &record).await;
    outcome.expect("insert")
}

async fn set_expiry(scene: &Scene<'_>, document: &Document, version: i64, end: Timestamp) {
    let change = DocumentChange::ExpiresAt(Some(end));
    let changed = AuditAction::DocumentChanged;
    let record = scene.make.record_on(changed, document.id);
    let changed = scene
        .store
        .change(document.id, version, &change, &record)
        .await;
    assert_eq!(changed.unwrap(), Change::Changed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_by_a_wrong_clock_is_refused() {
    let Some(site) = Site::new().await else {
        return;
    };
    let date = date(&site).await;
    for wrong in wrong_clocks(date) {
        for store in stores(&site, date).await {
            site.clock.set(wrong);
            let scene = Scene::new(&site);
            let (owned, pair) = owned(&scene).await;
            let made = |at| {
                let id = scene.make.document_id(RetentionClass::DEFAULT, at);
                scene.make.document_with_id(id, owned.owner, &pair)
            };
            let refused = insert(&store, &scene, &made(wrong)).await;
            assert_eq!(refused, InsertOutcome::OutsideWindow, "{wrong}");
            let inserted = insert(&store, &scene, &made(date)).await;
            assert_eq!(inserted, InsertOutcome::Inserted, "{wrong}");
        }
    }
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_not_released_by_a_wrong_clock() {
    let Some(site) = Site::new().await else {
        return;
    };
    let date = date(&site).await;
    site.clock.set(date);
    let scene = Scene::new(&site);
    for wrong in wrong_clocks(date) {
        for store in stores(&site, date).await {
            site.clock.set(date);
            let (document, _) = owned(&scene).await;
            let bob = scene.user("bob").await;
            let key = scene.api_key(bob.id).await;
            scene.share(&document, bob.id, Rights::READ).await;
            site.clock.set(wrong);
            for (version, end, expected) in [
                (1, date.plus(HOUR), ReleaseOutcome::Recorded),
                (2, date.minus(SECOND * 3), ReleaseOutcome::Refused),
            ] {
                set_expiry(&scene, &document, version, end).await;
                let (mut release, record) = scene.release(&document, &key);
                release.at = wrong;
                let outcome = store.record_release(&release, &record).await;
                assert_eq!(outcome.unwrap(), expected, "{wrong}");
            }
        }
    }
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lives_is_not_swept_by_a_wrong_clock() {
    let Some(site) = Site::new().await else {
        return;
    };
    let date = date(&site).await;
    site.clock.set(date);
    let scene = Scene::new(&site);
    let (lives, _) = owned(&scene).await;
    set_expiry(&scene, &lives, 1, date.plus(TEN_MINUTES / 2)).await;
    let (expired, _) = owned(&scene).await;
    set_expiry(&scene, &expired, 1, date.minus(SECOND * 3)).await;
    for wrong in wrong_clocks(date) {
        for store in stores(&site, date).await {
            site.clock.set(wrong);
            let page = PageRequest::default();
            let found = store.expired_early(wrong, &page).await.unwrap().items;
            let found: Vec<_> = found.iter().map(|one| one.id).collect();
            // The earlier of both.
            let expected = if wrong > date {
                vec![expired.id]
            } else {
                vec![]
            };
            assert_eq!(found, expected, "{wrong}");
            let now = store.now().await.unwrap();
            let range = date.minus(SECOND * 3)..date.plus(TEN_MINUTES / 2);
            assert!(range.contains(&now), "{wrong}: {now}, not {date}");
        }
    }
    site.remove().await;
}
