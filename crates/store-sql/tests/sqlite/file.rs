//! The file itself: who may read it, who else uses it, and what if it goes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::{Scene, StoreHarness as _};
use crypt_keeper_domain::model::{AuditAction, DocumentId, KeyState, RetentionClass, Scope};
use crypt_keeper_domain::ports::{
    DocumentFilter, InsertOutcome, KeyRegistry as _, MetadataStore as _, Probe as _, StoreError,
};
use crypt_keeper_store_sql::{OpenError, SqliteStore};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::{Store, clock, store};

fn document_id() -> DocumentId {
    DocumentId::new(RetentionClass::DEFAULT, clock::machine_clock(), [7; 10])
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    match answer {
        Ok(_) => false,
        Err(StoreError::Unavailable(_)) => true,
        Err(error) => panic!("not unavailable: {error:?}"),
    }
}

async fn open(path: &Path) -> Store {
    Store::open(path).await
}

#[tokio::test]
async fn only_its_owner_may_read_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let store = open(&path).await;
    for name in ["metadata.db", "metadata.db-wal", "metadata.db-shm"] {
        let mode = folder.path().join(name).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.store.shutdown().await;
    assert!(
        !folder.path().join("metadata.db-wal").exists(),
        "closed in order"
    );
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "these are my notes, no database at all".repeat(100)).unwrap();
    assert!(SqliteStore::open(&text, Handle::current()).await.is_err());
    assert!(
        std::fs::read_to_string(&text)
            .unwrap()
            .starts_with("these are my notes")
    );

    let missing = folder.path().join("no/such/folder/metadata.db");
    let error = SqliteStore::open(&missing, Handle::current())
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Settings(_)), "{error:?}");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}

/// Commands work beside a live server: another store on the same file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let (one, other) = (open(&path).await, open(&path).await);
    let here = Scene::new(&one);
    // What a scene makes is drawn from its moment: two of one moment make the same ids.
    let moment = other.now();
    while other.now() == moment {
        std::hint::spin_loop();
    }
    let there = Scene::new(&other);
    let pair = here.pair(Scope::Shared, KeyState::Active).await;
    let owner = here.make.user_id();
    let documents = join_all((0..100).map(|number| {
        let scene = if number % 2 == 0 { &here } else { &there };
        let pair = &pair;
        async move {
            let mut document = here_document(scene, owner, pair);
            document.id = scene.make.document_id(RetentionClass::DEFAULT, scene.now());
            scene.insert(&document).await;
            document
        }
    }))
    .await;
    for document in &documents {
        for scene in [&here, &there] {
            let found = scene.find(document.id, &[owner]).await.unwrap();
            assert_eq!(found.document, *document);
        }
    }
    assert_eq!(there.list(&DocumentFilter::Every).await.len(), 100);
    one.store.shutdown().await;
    other.store.shutdown().await;
}

fn here_document(
    scene: &Scene<'_>,
    owner: crypt_keeper_domain::model::UserId,
    pair: &crypt_keeper_domain::model::KeyPair,
) -> crypt_keeper_domain::model::Document {
    scene.make.document(owner, pair)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_writer_is_waited_for_but_not_for_ever() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let harness = open(&path).await;
    let scene = Scene::new(&harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let owner = scene.make.user_id();
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();

    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let document = scene.make.document(owner, &pair);
    let inserting = scene.try_insert(&document);
    tokio::pin!(inserting);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut inserting).await;
    assert!(early.is_err(), "it did not wait");
    assert!(scene.find(document.id, &[]).await.is_none(), "reads go on");
    other.batch_execute("COMMIT").unwrap();
    assert_eq!(inserting.await, InsertOutcome::Inserted);

    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let document = scene.make.document(owner, &pair);
    let entry = scene.make.owner_entry(&document);
    let record = scene
        .make
        .record_on(AuditAction::DocumentCreated, document.id);
    let refused = scene.store.insert(&document, &entry, &record).await;
    assert!(is_unavailable(&refused));
    other.batch_execute("ROLLBACK").unwrap();
    let inserted = scene.store.insert(&document, &entry, &record).await;
    assert_eq!(inserted.unwrap(), InsertOutcome::Inserted);
    harness.store.shutdown().await;
}

/// What is written to a file that has lost its name would be lost too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_removed_is_unavailable_and_one_that_is_put_back_is_used() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let harness = open(&path).await;
    let scene = Scene::new(&harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let owner = scene.make.user_id();
    let kept = scene.document(owner, &pair).await;
    // A backup, as sqlite3's own tool makes it.
    let copy = folder.path().join("copy.db");
    SqliteConnection::establish(path.to_str().unwrap())
        .unwrap()
        .batch_execute(&format!("VACUUM INTO '{}'", copy.display()))
        .unwrap();

    std::fs::remove_file(&path).unwrap();
    let document = scene.make.document(owner, &pair);
    let entry = scene.make.owner_entry(&document);
    let record = scene
        .make
        .record_on(AuditAction::DocumentCreated, document.id);
    assert!(is_unavailable(
        &harness.store.insert(&document, &entry, &record).await
    ));
    assert!(is_unavailable(&harness.store.find(kept.id, &[]).await));
    assert!(is_unavailable(&harness.store.list_pairs().await));
    assert!(harness.store.check().await.is_err());
    assert!(!path.exists(), "it is not made anew, empty");

    for rest in ["metadata.db-wal", "metadata.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(rest));
    }
    std::fs::rename(&copy, &path).unwrap();
    assert_eq!(scene.find(kept.id, &[owner]).await.unwrap().document, kept);
    let inserted = harness.store.insert(&document, &entry, &record).await;
    assert_eq!(inserted.unwrap(), InsertOutcome::Inserted);
    assert!(harness.store.check().await.is_ok());
    harness.store.shutdown().await;
}

#[tokio::test]
async fn a_store_that_is_shut_down_refuses() {
    let harness = store().await.unwrap();
    assert!(
        harness
            .store
            .find(document_id(), &[])
            .await
            .unwrap()
            .is_none()
    );
    harness.store.shutdown().await;
    assert!(is_unavailable(
        &harness.store.find(document_id(), &[]).await
    ));
    assert!(is_unavailable(&harness.store.list_pairs().await));
    assert!(harness.store.check().await.is_err());
}

#[tokio::test]
async fn a_file_without_tables_is_not_ready() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let store = SqliteStore::open(&path, Handle::current()).await.unwrap();
    let error = store.check().await.unwrap_err();
    assert!(
        error.to_string().contains("crypt-keeper migrate"),
        "{error}"
    );
    store.migrate().await.unwrap();
    assert!(store.check().await.is_ok());
    let skew = store.clock_skew(clock::machine_clock()).await.unwrap();
    assert!(skew.abs() < 1000, "{skew} ms");
    store.shutdown().await;
}

/// Requests come from runtimes of one thread each, and may go away in the middle.
#[test]
fn a_store_outlives_the_runtimes_that_ask_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let harness = Arc::new(runtime.block_on(open(&path)));
    for _ in 0..3 {
        let worker = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        worker.block_on(async {
            let store = &harness.store;
            assert!(store.find(document_id(), &[]).await.unwrap().is_none());
            assert!(store.list_pairs().await.unwrap().is_empty());
            let moment = Duration::from_micros(50);
            let _ = tokio::time::timeout(moment, store.list_pairs()).await;
            let _ = tokio::time::timeout(moment, store.find(document_id(), &[])).await;
        });
    }
    runtime.block_on(async {
        assert!(harness.store.list_pairs().await.unwrap().is_empty());
        harness.store.shutdown().await;
    });
}
