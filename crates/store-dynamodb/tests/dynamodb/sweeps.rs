//! Removals of documents with more entries than a transaction takes, interrupted and raced with.

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, KeyState, PageRequest, Rights, Scope,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, MetadataStore as _, StoreError, Sweeps as _,
};
use crypt_keeper_store_dynamodb::DynamoDbStore;
use crypt_keeper_test_services::dynamodb_injector::{Injection, Injector};

use crate::support::Site;

const TABLE: &str = "documents-000-20260301";

/// A document that has expired, at version 2, with its owner's entry and `shares` more.
async fn expired(scene: &Scene<'_>, shares: usize) -> Document {
    let owner = scene.user("alice").await;
    let scope = Scope::Customer(owner.id);
    let pair = scene.pair(scope, KeyState::Active).await;
    let document = scene.document(owner.id, &pair).await;
    for _ in 0..shares {
        let reader = scene.make.user_id();
        scene.share(&document, reader, Rights::READ).await;
    }
    let change = DocumentChange::ExpiresAt(Some(scene.make.at()));
    let changed = AuditAction::DocumentChanged;
    let record = scene.make.record_on(changed, document.id);
    let changed = scene.store.change(document.id, 1, &change, &record).await;
    assert_eq!(changed.unwrap(), Change::Changed);
    document
}

async fn remove(
    scene: &Scene<'_>,
    store: &DynamoDbStore,
    id: DocumentId,
) -> Result<Change, StoreError> {
    let record = scene.make.record_on(AuditAction::DocumentExpired, id);
    store.remove_document(id, 2, &record).await
}

async fn is_found(site: &Site, scene: &Scene<'_>, id: DocumentId) -> bool {
    let page = PageRequest::default();
    let found = site.store.expired_early(scene.make.at(), &page).await;
    found.unwrap().items.iter().any(|one| one.id == id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_with_many_entries_is_removed_whole_and_gone_on_with() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    for shares in [0, 89, 90, 250] {
        let document = expired(&scene, shares).await;
        assert!(is_found(&site, &scene, document.id).await);
        let removed = remove(&scene, &site.store, document.id).await;
        assert_eq!(removed.unwrap(), Change::Changed);
        assert_eq!(site.items(TABLE).await.len(), 0, "something is left");
    }

    let injector = Injector::start(site.upstream()).unwrap();
    let store = site.through(injector.address());
    let document = expired(&scene, 250).await;
    let id = document.id;
    for operation in ["DeleteItem", "TransactWriteItems"] {
        injector.next(operation, Injection::error(400, "AccessDeniedException"));
        assert!(remove(&scene, &store, id).await.is_err());
        assert!(injector.is_spent());
        assert!(
            is_found(&site, &scene, id).await,
            "the next sweep misses it"
        );
        let late = scene
            .make
            .entry(&document, scene.make.user_id(), Rights::READ);
        assert_eq!(scene.grant(&late).await, Change::Missing);
    }
    assert_eq!(remove(&scene, &store, id).await.unwrap(), Change::Changed);
    assert_eq!(site.items(TABLE).await.len(), 0, "something is left");

    // Whoever changes it after all ends the removal.
    let document = expired(&scene, 0).await;
    let id = document.id;
    injector.next(
        "TransactWriteItems",
        Injection::error(400, "AccessDeniedException"),
    );
    assert!(remove(&scene, &store, id).await.is_err());
    let keep = DocumentChange::ExpiresAt(None);
    let record = scene.make.record_on(AuditAction::DocumentChanged, id);
    let changed = scene.store.change(id, 2, &keep, &record).await;
    assert_eq!(changed.unwrap(), Change::Changed);
    let late = scene
        .make
        .entry(&document, scene.make.user_id(), Rights::READ);
    assert_eq!(scene.grant(&late).await, Change::Changed);
    assert_eq!(remove(&scene, &store, id).await.unwrap(), Change::Stale);
    site.remove().await;
}

/// However a grant and a removal meet, no entry outlives its document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_outlives_its_document() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let other = site.other_process();
    let (mut granted, mut refused) = (0, 0);
    for round in 0..40 {
        let document = expired(&scene, 0).await;
        let entry = scene
            .make
            .entry(&document, scene.make.user_id(), Rights::READ);
        let record = scene.make.record_on(AuditAction::EntryGranted, document.id);
        let grant = async {
            for _ in 0..round % 4 {
                tokio::task::yield_now().await;
            }
            other.grant(&entry, &record).await
        };
        let (grant, removed) = tokio::join!(grant, remove(&scene, &site.store, document.id));
        assert_eq!(removed.unwrap(), Change::Changed);
        match grant.unwrap() {
            Change::Changed => granted += 1,
            Change::Missing => refused += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(site.items(TABLE).await.len(), 0, "something is left");
    }
    assert!(granted + refused == 40);
    site.remove().await;
}

/// A place among the expired that is not the document's own, as nothing here leaves one, keeps no
/// sweep from going on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_passed_over() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let document = expired(&scene, 0).await;
    let nobody = expired(&scene, 0).await.id;
    let removed = remove(&scene, &site.store, nobody).await;
    assert_eq!(removed.unwrap(), Change::Changed);
    for id in [nobody, document.id] {
        let put = site.client().put_item();
        put.table_name(format!("{}{TABLE}", site.prefix))
            .item("id", AttributeValue::S("early#00".into()))
            .item("item", AttributeValue::S(format!("{:018}#{id}", 1)))
            .send()
            .await
            .unwrap();
    }
    let page = PageRequest::default();
    let found = site.store.expired_early(scene.make.at(), &page).await;
    let found = found.unwrap().items;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].id, document.id);
    site.remove().await;
}
