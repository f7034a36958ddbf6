use std::sync::Arc;

use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentState, KeyState, RetentionClass, Scope, StoredObject, Timestamp,
};
use crypt_keeper_domain::ports::{Change, DocumentChange};

use crate::concurrency::at_once;
use crate::{Scene, StoreHarness};

/// A change is made to the version that was seen, or not at all; of many at once one is made.
pub async fn change_needs_the_seen_version(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let mut document = scene.document(alice.id, &pair).await;
    let bystander = scene.document(alice.id, &pair).await;
    let id = document.id;
    let change = async |id, version, change: &DocumentChange| {
        let record = scene.make.record_on(AuditAction::DocumentChanged, id);
        let changed = scene.store.change(id, version, change, &record).await;
        changed.expect("change")
    };
    let now_is = async |expected: &Document| {
        let found = scene.find(expected.id, &[]).await.unwrap();
        assert_eq!(found.document, *expected);
    };

    let object = StoredObject {
        size: i64::MAX.unsigned_abs(),
        etag: Some("etag".to_owned()),
        version_id: None,
    };
    let confirm = DocumentChange::Confirm(object.clone());
    assert_eq!(change(id, 1, &confirm).await, Change::Changed);
    document.state = DocumentState::Available;
    document.object = Some(object);
    document.version = 2;
    now_is(&document).await;

    let expire = DocumentChange::ExpiresAt(Some(Timestamp::MAX));
    assert_eq!(change(id, 1, &expire).await, Change::Stale);
    assert_eq!(change(id, 3, &expire).await, Change::Stale);
    now_is(&document).await;
    assert_eq!(change(id, 2, &expire).await, Change::Changed);
    document.expires_at = Some(Timestamp::MAX);
    document.expires_early = true;
    document.version = 3;
    now_is(&document).await;
    let keep = DocumentChange::ExpiresAt(None);
    assert_eq!(change(id, 3, &keep).await, Change::Changed);
    document.expires_at = None;
    document.expires_early = false;
    document.version = 4;
    now_is(&document).await;

    let answers = at_once(10, |_| {
        let store = Arc::clone(&scene.store);
        let record = scene.make.record_on(AuditAction::DocumentChanged, id);
        let delete = DocumentChange::State(DocumentState::Deleted);
        async move { store.change(id, 4, &delete, &record).await.expect("change") }
    })
    .await;
    let changed = answers.iter().filter(|one| **one == Change::Changed);
    assert_eq!(changed.count(), 1, "{answers:?}");
    let stale = answers.iter().filter(|one| **one == Change::Stale);
    assert_eq!(stale.count(), 9, "{answers:?}");
    document.state = DocumentState::Deleted;
    document.version = 5;
    now_is(&document).await;
    assert_eq!(scene.count(AuditAction::DocumentChanged, id).await, 4);

    let missing = scene
        .make
        .document_id(RetentionClass::DEFAULT, scene.make.at());
    assert_eq!(change(missing, 1, &confirm).await, Change::Missing);
    let changed = AuditAction::DocumentChanged;
    assert_eq!(scene.count(changed, missing).await, 0);
    now_is(&bystander).await;
}
