//! The tables of partitions: made, met under their names, and lost.

use std::time::Duration;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{
    Document, DocumentId, KeyState, Lifetime, Partition, Principal, RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{InsertOutcome, MetadataStore as _, Partitions as _, StoreError};
use futures_util::future::join_all;

use crate::{Store, store};

fn partition(scene: &Scene<'_>, class: u8) -> Partition {
    Partition::at(RetentionClass::new(class), scene.now())
}

/// A document of a class that is not stored.
async fn document(scene: &Scene<'_>, class: u8) -> Document {
    let pair = scene.pair(Scope::Customer(scene.make.user_id()), KeyState::Active);
    let (pair, owner) = (pair.await, scene.make.user_id());
    let id = scene
        .make
        .document_id(RetentionClass::new(class), scene.now());
    scene.make.document_with_id(id, owner, &pair)
}

async fn insert(
    harness: &Store,
    scene: &Scene<'_>,
    document: &Document,
) -> Result<InsertOutcome, StoreError> {
    let entry = scene.make.owner_entry(document);
    let record = scene.make.record_on(
        crypt_keeper_domain::model::AuditAction::DocumentCreated,
        document.id,
    );
    harness.store.insert(document, &entry, &record).await
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

async fn tables(harness: &Store, like: &str) -> Vec<String> {
    let mut client = harness.database.client().await;
    client
        .texts(&format!(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE '{like}'
             ORDER BY 1"
        ))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_without_a_partition_is_refused_for_now_and_spares_its_batch() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let unmade = document(&scene, 7).await;
        let sane = document(&scene, 0).await;
        let documents = [&unmade, &sane, &unmade, &sane];
        let answers = join_all(documents.map(|one| insert(harness, &scene, one))).await;
        assert!(
            is_unavailable(&answers[0]) && is_unavailable(&answers[2]),
            "{answers:?}"
        );
        let stored = [&answers[1], &answers[3]];
        let inserted = stored
            .iter()
            .filter(|one| matches!(one, Ok(InsertOutcome::Inserted)));
        assert_eq!(inserted.count(), 1, "{answers:?}");

        // It was never in the catalogue: there is nothing in it.
        let found = harness
            .store
            .find(unmade.id, &[Principal::User(unmade.owner)])
            .await;
        assert!(matches!(found, Ok(None)), "{found:?}");
        let counted = scene.count(
            crypt_keeper_domain::model::AuditAction::DocumentCreated,
            unmade.id,
        );
        assert_eq!(counted.await, 0, "nothing is recorded");

        let made =
            harness
                .store
                .ensure_partition(unmade.id.partition(), Lifetime::UNLIMITED, scene.now());
        made.await.unwrap();
        let again = insert(harness, &scene, &unmade).await;
        assert!(matches!(again, Ok(InsertOutcome::Inserted)), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_unavailable_and_not_missing() {
    for lost in ["documents", "entries"] {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let (kept, gone) = (document(&scene, 0).await, document(&scene, 7).await);
            scene.insert(&kept).await;
            scene.insert(&gone).await;
            let mut client = harness.database.client().await;
            let name = format!("{lost}_7_{}", gone.id.partition().start().format("%Y%m%d"));
            client.run(&format!("DROP TABLE {name}")).await;

            let find = |id: DocumentId, owner| async move {
                harness.store.find(id, &[Principal::User(owner)]).await
            };
            let stranger = scene.make.user_id();
            let unknown = scene.make.document_id(RetentionClass::new(7), scene.now());
            let (found, lost, by_stranger, unknown) = tokio::join!(
                find(kept.id, kept.owner),
                find(gone.id, gone.owner),
                find(gone.id, stranger),
                find(unknown, stranger),
            );
            assert_eq!(found.unwrap().unwrap().document, kept);
            assert!(is_unavailable(&lost), "{lost:?}");
            assert!(is_unavailable(&by_stranger), "{by_stranger:?}");
            assert!(is_unavailable(&unknown), "{unknown:?}");

            let other = document(&scene, 7).await;
            let refused = insert(harness, &scene, &other).await;
            assert!(is_unavailable(&refused), "{refused:?}");
            let entry = scene.make.entry(&gone, stranger, Rights::READ);
            let record = scene.make.record_on(
                crypt_keeper_domain::model::AuditAction::EntryGranted,
                gone.id,
            );
            let granted = harness.store.grant(&entry, &record).await;
            assert!(is_unavailable(&granted), "{granted:?}");

            // Nobody makes it anew, as if nothing had been in it.
            let ensured = harness.store.ensure_partition(
                gone.id.partition(),
                Lifetime::UNLIMITED,
                scene.now(),
            );
            let ensured = ensured.await;
            assert!(is_unavailable(&ensured), "{ensured:?}");
            assert!(tables(harness, &name).await.is_empty());
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_another_make_is_said_and_left_alone() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let partition = partition(&scene, 7);
        let name = format!("entries_7_{}", partition.start().format("%Y%m%d"));
        let mut client = harness.database.client().await;
        client.run(&format!("CREATE TABLE {name} (x int)")).await;
        let ensure = || {
            harness
                .store
                .ensure_partition(partition, Lifetime::UNLIMITED, scene.now())
        };
        let refused = ensure().await;
        let Err(StoreError::Backend(why)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            why.to_string().contains(&format!("table {name} is there")),
            "{why}"
        );
        assert_eq!(harness.store.find_partition(partition).await.unwrap(), None);
        assert_eq!(
            tables(harness, "%\\_7\\_%").await,
            std::slice::from_ref(&name),
            "all or nothing"
        );

        // One of the right columns is nobody's either: what is in it?
        client
            .run(&format!(
                "DROP TABLE {name}; CREATE TABLE {name} (LIKE entries INCLUDING ALL)"
            ))
            .await;
        assert!(matches!(ensure().await, Err(StoreError::Backend(_))));
        client.run(&format!("DROP TABLE {name}")).await;
        ensure().await.unwrap();
        assert_eq!(tables(harness, "%\\_7\\_%").await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_a_partition_keeps_nobody_waiting_and_waits_for_no_reader() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let next = partition(&scene, 7).next().unwrap();
        let ensure = |partition| {
            harness
                .store
                .ensure_partition(partition, Lifetime::UNLIMITED, scene.now())
        };
        ensure(partition(&scene, 7)).await.unwrap();
        let mut reader = harness.database.client().await;
        reader
            .run(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM documents; SELECT FROM entries",
            )
            .await;
        ensure(next).await.expect("a reader is not waited for");
        reader.run("COMMIT").await;

        // Whoever attaches, detaches or analyzes is; and nobody waits behind.
        let mut other = harness.database.client().await;
        other
            .run("BEGIN; LOCK TABLE documents_7 IN SHARE UPDATE EXCLUSIVE MODE")
            .await;
        let mut made = Box::pin(ensure(next.next().unwrap()));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut made).await;
        assert!(early.is_err(), "it waits");
        let document = document(&scene, 7).await;
        let stored = tokio::time::timeout(Duration::from_secs(1), scene.insert(&document)).await;
        stored.expect("an insert does not wait");
        let refused = made.await;
        assert!(is_unavailable(&refused), "{refused:?}");
        let absent = harness.store.find_partition(next.next().unwrap()).await;
        assert_eq!(absent.unwrap(), None);
        other.run("COMMIT").await;
        ensure(next.next().unwrap()).await.unwrap();
    })
    .await;
}
