//! Partitions whose tables are lost, and acts that go over them: they are refused, not passed by.

mod guide;

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, CallContext, Caller, Document, KeyPair, KeyPairChange, KeyState, PageLimit,
    PageRequest, PartitionState, Principal, RequestId, RetentionClass, Scope, Serial, Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, DocumentFilter, KeyRegistry as _, MetadataStore as _, MetadataTransfer as _,
    Partitions as _, RegistryChange, Rewrap, StoreError, Sweeps as _, WalkStep,
};
use crypt_keeper_domain::usecase::{CountDocuments, DestroyKeys, KeyPairStep};

use crate::database::Client;
use crate::{Store, store};

/// Two documents under one pair, the one of class 0, the other of class 7.
struct Scenery {
    pair: KeyPair,
    kept: Document,
    gone: Document,
}

impl Scenery {
    async fn new(scene: &Scene<'_>) -> Self {
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let owner = scene.make.user_id();
        let document = async |class| {
            let class = RetentionClass::new(class);
            let id = scene.make.document_id(class, scene.now());
            let document = scene.make.document_with_id(id, owner, &pair);
            scene.insert(&document).await;
            document
        };
        let (kept, gone) = (document(0).await, document(7).await);
        Self { pair, kept, gone }
    }

    /// The table of a kind that the second document is in.
    fn table(&self, kind: &str) -> String {
        let start = self.gone.id.partition().start();
        format!("{kind}_7_{}", start.format("%Y%m%d"))
    }

    /// A pair that is to be destroyed for want of documents, as long as nobody counts them.
    async fn schedule_destruction(&self, scene: &Scene<'_>) -> Timestamp {
        let left = scene
            .set_pair_state(&self.pair, KeyState::Deactivated)
            .await;
        let wait = KeyPair::MIN_DESTROY_WAIT;
        let after = left.schedule_destruction(scene.now(), wait).unwrap();
        let due = after.destroy_at.unwrap();
        let change = KeyPairChange {
            seen_version: left.version,
            after,
        };
        let record = scene.make.record(AuditAction::KeyPairChanged);
        let changed = scene.registry.change_pairs(&[change], &[record]).await;
        assert_eq!(changed.unwrap(), RegistryChange::Changed);
        due
    }
}

/// An act, and what it answered.
type Answer = (&'static str, Result<String, StoreError>);

/// Whatever reads documents of several partitions.
async fn acts(harness: &Store, scene: &Scene<'_>, scenery: &Scenery) -> Vec<Answer> {
    fn answer<T: Debug>(answer: Result<T, StoreError>) -> Result<String, StoreError> {
        answer.map(|answer| format!("{answer:?}"))
    }
    let (store, serial) = (&harness.store, scenery.pair.serial);
    let step = WalkStep::default();
    let page = PageRequest::default();
    let owner = scenery.gone.owner;
    let mut answers = Vec::new();
    for (act, filter) in [
        ("list of all", DocumentFilter::Every),
        ("list by owner", DocumentFilter::OwnedBy(owner)),
        (
            "list by reader",
            DocumentFilter::VisibleTo(vec![Principal::User(owner)]),
        ),
        (
            "list by two readers",
            DocumentFilter::VisibleTo(vec![
                Principal::User(owner),
                Principal::User(scene.make.user_id()),
            ]),
        ),
        ("list by pair", DocumentFilter::WrappedBy(serial)),
        ("list of the exposed", DocumentFilter::KeyExposed),
        (
            "list of the pending",
            DocumentFilter::PendingBefore(Timestamp::MAX),
        ),
    ] {
        answers.push((act, answer(store.list(&filter, &page).await)));
    }
    answers.extend([
        ("copy", answer(store.documents_with_entries(&page).await)),
        ("count", answer(store.count_wrapped_by(serial, &step).await)),
        ("wraps", answer(store.wraps_under(serial, &step).await)),
        (
            "sweep",
            answer(
                store
                    .expired_early(scene.now(), &PageRequest::default())
                    .await,
            ),
        ),
    ]);
    answers
}

fn is_refused<T: Debug>(scenery: &Scenery, answer: &Result<T, StoreError>) -> bool {
    let partition = format!("partition {}", scenery.gone.id.partition());
    match answer {
        Err(StoreError::Unavailable(why)) => why.to_string().contains(&partition),
        _ => false,
    }
}

async fn destroy(
    harness: &Store,
    scene: &Scene<'_>,
    serial: Serial,
    at: Timestamp,
) -> Result<KeyPairStep, Error> {
    let entropy = Arc::new(SeededEntropy::new(7));
    let destroy = DestroyKeys {
        registry: harness.store.clone(),
        vault: Arc::new(MemoryVault::new(harness.store.clone(), entropy.clone())),
        count: CountDocuments {
            store: harness.store.clone(),
        },
        entropy,
    };
    let context = CallContext {
        caller: Caller::operator(),
        at,
        request_id: RequestId::from_random(scene.make.bytes()),
        address: None,
    };
    destroy.run(&context, serial).await
}

/// The statement that attaches a table again as it is attached now.
async fn attach(client: &mut Client, parent: &str, table: &str) -> String {
    let bounds = client
        .texts(&format!(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = '{table}'::regclass"
        ))
        .await;
    format!(
        "ALTER TABLE {parent} ATTACH PARTITION {table} {}",
        bounds[0]
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_over_a_lost_partition_are_refused_until_it_is_back() {
    // Of either kind one table, and all those of a class at once.
    for (kind, whole_class) in [
        ("documents", false),
        ("entries", false),
        ("documents", true),
    ] {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let scenery = Scenery::new(&scene).await;
            let serial = scenery.pair.serial;
            let due = scenery.schedule_destruction(&scene).await;
            let before = acts(harness, &scene, &scenery).await;

            let mut client = harness.database.client().await;
            let leaf = scenery.table(kind);
            let (parent, table) = if whole_class {
                (kind.to_owned(), format!("{kind}_7"))
            } else {
                (format!("{kind}_7"), leaf.clone())
            };
            let attach = attach(&mut client, &parent, &table).await;
            client
                .run(&format!("ALTER TABLE {parent} DETACH PARTITION {table}"))
                .await;
            assert_eq!(harness.store.lost_tables().await.unwrap(), [leaf]);
            for (act, answer) in acts(harness, &scene, &scenery).await {
                assert!(is_refused(&scenery, &answer), "{act}: {answer:?}");
            }
            let step = WalkStep::default();
            let marked = harness.store.mark_exposed(serial, &step).await;
            assert!(is_refused(&scenery, &marked), "{marked:?}");
            if kind == "documents" {
                let rewrapped = rewrap(harness, &scene, &scenery.gone).await;
                assert!(is_refused(&scenery, &rewrapped), "{rewrapped:?}");
            }
            let partition = scenery.gone.id.partition();
            let estimate = harness.store.estimate_documents(partition).await;
            assert_eq!(estimate.unwrap(), None, "it is not empty: it is unknown");
            let destroyed = destroy(harness, &scene, serial, due).await;
            assert!(
                matches!(destroyed, Err(Error::Unavailable(_))),
                "{destroyed:?}"
            );
            let pair = harness.store.find_pair(serial).await.unwrap().unwrap();
            assert_eq!(pair.state, KeyState::DestroyScheduled);
            assert!(!pair.destruction_has_begun());

            // A step that does not get that far is answered.
            let one = WalkStep {
                after: None,
                examine: NonZeroU32::MIN,
            };
            let counted = harness.store.count_wrapped_by(serial, &one).await.unwrap();
            assert_eq!((counted.count, counted.next), (1, Some(scenery.kept.id)));

            // A page that is full before, too: of the documents' own table it is the last.
            let newest = DocumentFilter::OwnedBy(scenery.gone.owner);
            let is_full = kind == "entries";
            for (filter, seen) in [(DocumentFilter::Every, is_full), (newest, false)] {
                let page = PageRequest {
                    after: None,
                    limit: PageLimit::clamped(1),
                };
                let listed = harness.store.list(&filter, &page).await;
                assert_eq!(listed.is_ok(), seen, "{filter:?}: {listed:?}");
            }

            client.run(&attach).await;
            assert_eq!(harness.store.lost_tables().await.unwrap(), [""; 0]);
            let after = acts(harness, &scene, &scenery).await;
            assert_eq!(format!("{after:?}"), format!("{before:?}"));
            let destroyed = destroy(harness, &scene, serial, due).await;
            assert!(
                matches!(destroyed, Err(Error::KeyPairNeeded { documents: 2, .. })),
                "{destroyed:?}"
            );
            let marked = harness.store.mark_exposed(serial, &step).await.unwrap();
            assert_eq!(marked.count, 2, "what was refused has marked none");
        })
        .await;
    }
}

async fn rewrap(
    harness: &Store,
    scene: &Scene<'_>,
    document: &Document,
) -> Result<String, StoreError> {
    let record = scene
        .make
        .record_on(AuditAction::DocumentRewrapped, document.id);
    let rewrap = Rewrap {
        document: document.id,
        seen_serial: document.wrapped_key.serial,
        wrapped: document.wrapped_key.clone(),
        record,
    };
    let outcomes = harness.store.rewrap(&[rewrap]).await?;
    Ok(format!("{outcomes:?}"))
}

/// Whoever counts while a table leaves counts it, or is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_leaves_while_documents_are_counted_is_counted_or_missed() {
    for ending in ["COMMIT", "ROLLBACK"] {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let scenery = Scenery::new(&scene).await;
            let table = scenery.table("documents");
            let mut leaving = harness.database.client().await;
            leaving
                .run(&format!(
                    "BEGIN; ALTER TABLE documents_7 DETACH PARTITION {table}"
                ))
                .await;
            let (store, serial) = (harness.store.clone(), scenery.pair.serial);
            let counting = tokio::spawn(async move {
                let step = WalkStep::default();
                store.count_wrapped_by(serial, &step).await
            });
            let mut watcher = harness.database.client().await;
            watcher.until_waiting(1).await;
            leaving.run(ending).await;
            let counted = counting.await.unwrap();
            match ending {
                "COMMIT" => assert!(is_refused(&scenery, &counted), "{counted:?}"),
                _ => assert_eq!(counted.unwrap().count, 2),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_removed_is_no_loss() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let scenery = Scenery::new(&scene).await;
        let partition = scenery.gone.id.partition();
        let mut client = harness.database.client().await;
        let table = scenery.table("documents");
        client
            .run(&format!("ALTER TABLE documents_7 DETACH PARTITION {table}"))
            .await;
        let mut state = PartitionState::Open;
        loop {
            let is_loss = state < PartitionState::Emptied;
            let lost = harness.store.lost_tables().await.unwrap();
            assert_eq!(!lost.is_empty(), is_loss, "{state}: {lost:?}");
            for (act, answer) in acts(harness, &scene, &scenery).await {
                assert_eq!(is_refused(&scenery, &answer), is_loss, "{state}, {act}");
                assert_eq!(answer.is_ok(), !is_loss, "{state}, {act}: {answer:?}");
            }
            let Some(next) = state.next() else { break };
            let record = scene.make.record(AuditAction::PartitionClosed);
            let advanced = harness.store.advance_partition(partition, next, &record);
            assert_eq!(advanced.await.unwrap(), Change::Changed, "{next}");
            state = next;
        }
    })
    .await;
}

/// What legal holds keep lies in tables of its own, which can be lost as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_over_lost_copies_of_holds_are_refused_until_they_are_back() {
    fn is_refused<T: Debug>(answer: &Result<T, StoreError>) -> bool {
        match answer {
            Err(StoreError::Unavailable(why)) => why.to_string().contains("legal holds"),
            _ => false,
        }
    }
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let held = harness.store.held();
        let pair = scene.pair(Scope::Hold, KeyState::Active).await;
        let document = scene.make.document(scene.make.user_id(), &pair);
        let mut client = harness.database.client().await;
        let (step, page) = (WalkStep::default(), PageRequest::default());
        let newest = DocumentFilter::OwnedBy(document.owner);
        for kind in ["documents", "entries"] {
            let table = format!("{kind}_held");
            let attach = attach(&mut client, kind, &table).await;
            let detach = format!("ALTER TABLE {kind} DETACH PARTITION {table}");
            client.run(&detach).await;
            assert_eq!(harness.store.lost_tables().await.unwrap(), [table]);
            let counted = held.count_wrapped_by(pair.serial, &step).await;
            assert!(is_refused(&counted), "{counted:?}");
            let wraps = held.wraps_under(pair.serial, &step).await;
            assert!(is_refused(&wraps), "{wraps:?}");
            for filter in [&DocumentFilter::Every, &newest] {
                let listed = held.list(filter, &page).await;
                assert!(is_refused(&listed), "{filter:?}: {listed:?}");
            }
            let found = held.find(document.id, &[]).await;
            assert!(is_refused(&found), "{found:?}");
            let entries = held.entries(document.id).await;
            assert!(is_refused(&entries), "{entries:?}");
            let counted = harness.store.count_wrapped_by(pair.serial, &step).await;
            assert_eq!(counted.unwrap().count, 0, "partitions are not concerned");

            client.run(&attach).await;
            assert_eq!(harness.store.lost_tables().await.unwrap(), [""; 0]);
            assert_eq!(held.find(document.id, &[]).await.unwrap(), None);
            let counted = held.count_wrapped_by(pair.serial, &step).await.unwrap();
            assert_eq!((counted.count, counted.next), (0, None));
        }
    })
    .await;
}
