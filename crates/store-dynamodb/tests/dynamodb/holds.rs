//! Holds of documents with more entries than a transaction takes, interrupted and raced with.

use crypt_keeper_conformance::Scene;
use crypt_keeper_conformance::fixtures::ALGORITHM;
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, Hold, HoldReason, KeyState, ObjectKey, Principal, Rights,
    Scope, UserId, WrappedKey,
};
use crypt_keeper_domain::ports::{Change, HoldOutcome, Holds as _, MetadataStore as _, StoreError};
use crypt_keeper_store_dynamodb::DynamoDbStore;
use crypt_keeper_test_services::dynamodb_injector::{Injection, Injector};

use crate::support::Site;

const COMMIT: &str = "TransactWriteItems";

struct Court<'a> {
    site: &'a Site,
    scene: Scene<'a>,
}

impl<'a> Court<'a> {
    fn new(site: &'a Site) -> Self {
        let scene = Scene::new(site);
        Self { site, scene }
    }

    /// A document with its owner's entry and `shares` more.
    async fn document(&self, shares: usize) -> (Document, Vec<UserId>) {
        let scene = &self.scene;
        let owner = scene.user("alice").await;
        let scope = Scope::Customer(owner.id);
        let pair = scene.pair(scope, KeyState::Active).await;
        let document = scene.document(owner.id, &pair).await;
        let mut readers = Vec::new();
        for _ in 0..shares {
            let reader = scene.make.user_id();
            scene.share(&document, reader, Rights::READ).await;
            readers.push(reader);
        }
        (document, readers)
    }

    async fn begin(&self, id: DocumentId) {
        let hold = Hold {
            document: id,
            reason: HoldReason::parse("case 4711").unwrap(),
            placed_at: self.scene.make.at(),
            completed_at: None,
        };
        let record = self.scene.make.record_on(AuditAction::HoldPlaced, id);
        let begun = self.site.store.begin_hold(&hold, &record).await;
        assert_eq!(begun.unwrap(), HoldOutcome::Begun);
    }

    async fn copies(&self, document: &Document) -> (WrappedKey, ObjectKey) {
        let make = &self.scene.make;
        let active = self.scene.registry.active_pair(&Scope::Hold, ALGORITHM);
        let pair = match active.await.unwrap() {
            Some(pair) => pair,
            None => self.scene.pair(Scope::Hold, KeyState::Active).await,
        };
        let wrapped = make.document_with_id(document.id, document.owner, &pair);
        let key = ObjectKey::parse(&format!("hold/{}", document.object_key)).unwrap();
        (wrapped.wrapped_key, key)
    }

    async fn complete(
        &self,
        store: &DynamoDbStore,
        document: &Document,
    ) -> Result<Change, StoreError> {
        let (wrapped, key) = self.copies(document).await;
        let completed = AuditAction::HoldCompleted;
        let record = self.scene.make.record_on(completed, document.id);
        store
            .complete_hold(document.id, &wrapped, &key, &record)
            .await
    }

    async fn end(&self, store: &DynamoDbStore, id: DocumentId) -> Result<Change, StoreError> {
        let record = self.scene.make.record_on(AuditAction::HoldRemoved, id);
        store.end_hold(id, &record).await
    }

    async fn held_entries(&self, id: DocumentId) -> usize {
        self.site.store.held().entries(id).await.unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_with_many_entries_is_held_whole_and_let_go_whole() {
    let Some(site) = Site::new().await else {
        return;
    };
    let it = Court::new(&site);
    for shares in [44, 45, 250] {
        let (document, readers) = it.document(shares).await;
        let id = document.id;
        it.begin(id).await;
        let done = it.complete(&site.store, &document).await;
        assert_eq!(done.unwrap(), Change::Changed);
        let live = site.store.entries(id).await.unwrap();
        assert_eq!(live.len(), shares + 1);
        assert_eq!(site.store.held().entries(id).await.unwrap(), live);

        let of = Principal::User(readers[shares / 2]);
        let record = it.scene.make.record_on(AuditAction::EntryRevoked, id);
        let revoked = site.store.revoke(id, of, &record).await;
        assert_eq!(revoked.unwrap(), Change::Changed);
        assert_eq!(it.held_entries(id).await, shares);

        let ended = it.end(&site.store, id).await;
        assert_eq!(ended.unwrap(), Change::Changed);
        assert_eq!(site.items("held").await.len(), 0, "something is left");
        assert_eq!(site.store.entries(id).await.unwrap().len(), shares);
    }
    site.remove().await;
}

/// Stopped after any of its calls, each is gone on with by repeating it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_was_interrupted_is_gone_on_with() {
    let Some(site) = Site::new().await else {
        return;
    };
    let it = Court::new(&site);
    let injector = Injector::start(site.upstream()).unwrap();
    let store = site.through(injector.address());
    let denied = || Injection::error(400, "AccessDeniedException");
    // 250 entries are five transactions, and one with the rest and the document.
    let (document, readers) = it.document(250).await;
    let id = document.id;
    it.begin(id).await;
    for passed in 0..5 {
        injector.skip(COMMIT, passed);
        injector.next(COMMIT, denied());
        let interrupted = it.complete(&store, &document).await;
        assert!(interrupted.is_err(), "{interrupted:?}");
        assert!(injector.is_spent(), "after {passed} transactions");
        let hold = site.store.find_hold(id).await.unwrap().unwrap();
        assert_eq!(hold.completed_at, None);
        let held = site.store.held().find(id, &[]).await.unwrap();
        assert_eq!(held, None, "a document without all of its entries");
        // What is taken back meanwhile is not in the copy, copied or not.
        let of = Principal::User(readers[passed * 50]);
        let record = it.scene.make.record_on(AuditAction::EntryRevoked, id);
        let revoked = site.store.revoke(id, of, &record).await;
        assert_eq!(revoked.unwrap(), Change::Changed);
    }
    let done = it.complete(&store, &document).await;
    assert_eq!(done.unwrap(), Change::Changed);
    let live = site.store.entries(id).await.unwrap();
    assert_eq!(live.len(), 246);
    assert_eq!(site.store.held().entries(id).await.unwrap(), live);

    injector.next("DeleteItem", denied());
    assert!(it.end(&store, id).await.is_err());
    injector.next(COMMIT, denied());
    assert!(it.end(&store, id).await.is_err());
    assert!(injector.is_spent());
    assert!(site.store.find_hold(id).await.unwrap().is_some());
    let found = site.store.find(id, &[]).await.unwrap().unwrap();
    assert!(found.document.hold);
    // Nobody completes what is being taken off, or adds to it.
    let late = it
        .scene
        .make
        .entry(&document, it.scene.make.user_id(), Rights::READ);
    let record = it.scene.make.record_on(AuditAction::EntryGranted, id);
    let granted = site.store.held().grant(&late, &record).await;
    assert_eq!(granted.unwrap(), Change::Missing);
    assert_eq!(it.end(&store, id).await.unwrap(), Change::Changed);
    assert_eq!(site.items("held").await.len(), 0, "something is left");
    site.remove().await;
}

/// Of a copy and a revoke at once, whichever is first: the copy lacks the entry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_copy_has_an_entry_that_was_taken_back_meanwhile() {
    let Some(site) = Site::new().await else {
        return;
    };
    let it = Court::new(&site);
    let mut completed = 0;
    for round in 0..12 {
        let (document, readers) = it.document(50).await;
        let id = document.id;
        it.begin(id).await;
        let of = Principal::User(readers[round * 4]);
        let record = it.scene.make.record_on(AuditAction::EntryRevoked, id);
        let other = site.other_process();
        let (done, revoked) = tokio::join!(
            it.complete(&site.store, &document),
            other.revoke(id, of, &record),
        );
        assert_eq!(revoked.unwrap(), Change::Changed);
        match done {
            Ok(change) => {
                assert_eq!(change, Change::Changed);
                completed += 1;
            }
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
        let held = site.store.held().entries(id).await.unwrap();
        assert!(held.iter().all(|entry| entry.principal != of));
    }
    assert!(completed > 0, "no copy was completed");
    site.remove().await;
}
