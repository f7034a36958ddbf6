//! Documents that expire early, legal holds, and the place of the copies that holds keep.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{
    Harness, HoldHarness, HoldTransferHarness, Scene, StoreHarness, SweepHarness, TransferHarness,
    hold_transfer_laws, holds_laws, metadata_store_laws, metadata_transfer_laws, row_lock_laws,
    sweeps_laws, uphold,
};
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, DocumentState, KeyState, ObjectKey, PageLimit, PageRequest,
    Principal, Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, HoldTransfer, Holds, MetadataStore, MetadataTransfer,
    Rewrap, RewrapOutcome, Sweeps, WalkStep,
};

use crate::{Store, store};

impl SweepHarness for Store {
    fn sweeps(&self) -> Arc<dyn Sweeps> {
        self.store.clone()
    }
}

impl HoldHarness for Store {
    fn holds(&self) -> Arc<dyn Holds> {
        self.store.clone()
    }

    fn held(&self) -> Arc<dyn MetadataStore> {
        Arc::new(self.store.held())
    }
}

impl HoldTransferHarness for Store {
    fn hold_transfer(&self) -> Arc<dyn HoldTransfer> {
        self.store.clone()
    }
}

sweeps_laws!(store());
holds_laws!(store());
hold_transfer_laws!(store());

/// The place of the copies, as a store of its own.
struct Copies(Store);

async fn copies() -> Option<Copies> {
    store().await.map(Copies)
}

#[async_trait]
impl Harness for Copies {
    async fn teardown(self) {
        self.0.teardown().await;
    }
}

impl StoreHarness for Copies {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        Arc::new(self.0.store.held())
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

impl TransferHarness for Copies {
    fn transfer(&self) -> Arc<dyn MetadataTransfer> {
        Arc::new(self.0.store.held())
    }
}

/// The same laws for what is in it.
mod held {
    use super::*;

    metadata_store_laws!(copies());
    metadata_transfer_laws!(copies());
    row_lock_laws!(copies());
}

/// A document in its partition and a copy of the same id, told apart by their names.
struct Twins {
    /// What is in the partition and what is in the held place.
    both: [(Arc<dyn MetadataStore>, Document); 2],
    id: DocumentId,
}

impl Twins {
    async fn new(scene: &Scene<'_>, of_holds: &Scene<'_>) -> Self {
        let owner = scene.user("owner").await;
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let of_hold = scene.pair(Scope::Hold, KeyState::Active).await;
        let document = scene.make.document(owner.id, &pair);
        let id = document.id;
        let mut copy = scene.make.document_with_id(id, owner.id, &of_hold);
        copy.metadata = scene.make.metadata("copy.pdf");
        copy.object_key = ObjectKey::parse(&format!("hold/{}", copy.object_key)).unwrap();
        scene.insert(&document).await;
        of_holds.insert(&copy).await;
        Self {
            both: [
                (Arc::clone(&scene.store), document),
                (Arc::clone(&of_holds.store), copy),
            ],
            id,
        }
    }
}

/// Whatever is done to a document in one place, the one of the same id in the other is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_places_know_nothing_of_each_other() {
    uphold(copies().await, async |copies| {
        let (scene, of_holds) = (Scene::new(&copies.0), Scene::new(copies));
        let twins = Twins::new(&scene, &of_holds).await;
        let id = twins.id;
        let page = PageRequest {
            after: None,
            limit: PageLimit::clamped(1),
        };
        for (place, (store, document)) in twins.both.iter().enumerate() {
            let other = &twins.both[1 - place].1;
            let owner = Principal::User(document.owner);
            let found = store.find(id, &[owner]).await.unwrap().unwrap();
            assert_eq!(found.document, *document);
            assert_eq!(found.entries.len(), 1);
            for filter in [
                DocumentFilter::Every,
                DocumentFilter::OwnedBy(document.owner),
                DocumentFilter::VisibleTo(vec![owner]),
                DocumentFilter::WrappedBy(document.wrapped_key.serial),
                DocumentFilter::PendingBefore(Timestamp::MAX),
            ] {
                let listed = store.list(&filter, &page).await.unwrap();
                assert_eq!(listed.items, std::slice::from_ref(document), "{filter:?}");
                assert_eq!(listed.next, None, "{filter:?}");
                let after = PageRequest {
                    after: Some(id),
                    limit: page.limit,
                };
                assert_eq!(store.list(&filter, &after).await.unwrap().items, []);
            }
            for (serial, count) in [
                (document.wrapped_key.serial, 1),
                (other.wrapped_key.serial, 0),
            ] {
                let step = WalkStep::default();
                let counted = store.count_wrapped_by(serial, &step).await.unwrap();
                assert_eq!(counted.count, count);
                let wraps = store.wraps_under(serial, &step).await.unwrap();
                assert_eq!(wraps.found.len() as u64, count);
                let rewrap = Rewrap {
                    document: id,
                    seen_serial: other.wrapped_key.serial,
                    wrapped: other.wrapped_key.clone(),
                    record: scene.make.record_on(AuditAction::DocumentRewrapped, id),
                };
                let rewrapped = store.rewrap(&[rewrap]).await.unwrap();
                assert_eq!(rewrapped, [RewrapOutcome::Stale]);
                let marked = store.mark_exposed(serial, &step).await.unwrap();
                assert_eq!(marked.count, count);
            }
        }

        // The copies of all other documents are not looked at either.
        let [(store, _), (held, copy)] = &twins.both;
        let exposed = held.find(id, &[]).await.unwrap().unwrap().document;
        assert_eq!((exposed.version, exposed.key_exposed), (1, true));
        let expire = DocumentChange::ExpiresAt(Some(Timestamp::EPOCH));
        let record = scene.make.record_on(AuditAction::DocumentChanged, id);
        let changed = held.change(id, 1, &expire, &record).await.unwrap();
        assert_eq!(changed, Change::Changed);
        let live = store.find(id, &[]).await.unwrap().unwrap().document;
        assert_eq!((live.version, live.expires_at), (1, None));
        let everything = PageRequest {
            after: None,
            limit: PageLimit::clamped(1000),
        };
        let swept = copies.0.sweeps();
        let swept = swept.expired_early(scene.now(), &everything).await.unwrap();
        assert_eq!(swept.items, [], "a copy is not swept");

        let bob = scene.user("bob").await;
        let entry = scene.make.entry(copy, bob.id, Rights::READ);
        let record = scene.make.record_on(AuditAction::EntryGranted, id);
        assert_eq!(held.grant(&entry, &record).await.unwrap(), Change::Changed);
        assert_eq!(store.entries(id).await.unwrap().len(), 1);
        assert_eq!(held.entries(id).await.unwrap().len(), 2);

        let delete = DocumentChange::State(DocumentState::Deleted);
        let record = scene.make.record_on(AuditAction::DocumentChanged, id);
        let changed = store.change(id, 1, &delete, &record).await.unwrap();
        assert_eq!(changed, Change::Changed);
        let there = held.find(id, &[]).await.unwrap().unwrap();
        assert_eq!(there.document.state, DocumentState::Pending);
        let record = scene.make.record_on(AuditAction::DocumentExpired, id);
        let removed = copies.0.sweeps().remove_document(id, 2, &record).await;
        assert_eq!(removed.unwrap(), Change::Changed);
        assert_eq!(held.entries(id).await.unwrap().len(), 2);
    })
    .await;
}
