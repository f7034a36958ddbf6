//! The server goes away and comes back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{Harness, Scene, StoreHarness};
use crypt_keeper_domain::model::{AuditAction, KeyState, Scope, Timestamp};
use crypt_keeper_domain::ports::{
    DocumentFilter, InsertOutcome, KeyRegistry, MetadataStore, Probe as _, StoreError,
};
use crypt_keeper_store_sql::{OpenError, PostgresStore};
use crypt_keeper_test_services::{
    Fault, FaultProxy, Postgres, PostgresOptions as ServerOptions, StopMode, cycles,
    require_or_skip,
};

use crate::database::{POOL_SIZE, migrated, options};

struct Rig {
    store: Arc<PostgresStore>,
}

#[async_trait]
impl Harness for Rig {
    async fn teardown(self) {
        self.store.shutdown().await;
    }
}

impl StoreHarness for Rig {
    fn store(&self) -> Arc<dyn crypt_keeper_conformance::Store> {
        self.store.clone()
    }

    fn now(&self) -> Timestamp {
        crate::clock::machine_clock()
    }

    fn list_bound(&self) -> Duration {
        Duration::ZERO
    }
}

/// A server whose acknowledged commits are on the disk.
async fn server() -> Option<Postgres> {
    tokio::task::spawn_blocking(|| {
        let options = ServerOptions {
            durable: true,
            ..ServerOptions::default()
        };
        require_or_skip("PostgreSQL", Postgres::start(&options))
    })
    .await
    .unwrap()
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    match answer {
        Ok(_) => false,
        Err(StoreError::Unavailable(_)) => true,
        Err(error) => panic!("an outage is not {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_at_most_a_pools_size_of_requests_fail() {
    let Some(mut server) = server().await else {
        return;
    };
    let store = Arc::new(migrated(&server.url()).await);
    let rig = Rig {
        store: Arc::clone(&store),
    };
    let scene = Scene::new(&rig);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let owner = scene.make.user_id();
    // Every connection is open and in use before.
    futures_util::future::join_all((0..32).map(|_| async {
        let document = scene.document(owner, &pair).await;
        scene.find(document.id, &[owner]).await.unwrap();
        scene.list(&DocumentFilter::Every).await;
    }))
    .await;
    assert!(store.check().await.is_ok());

    let mut server = tokio::task::spawn_blocking(move || {
        server.stop(StopMode::Immediate).unwrap();
        server
    })
    .await
    .unwrap();
    let document = scene.make.document(owner, &pair);
    let entry = scene.make.owner_entry(&document);
    let record = scene
        .make
        .record_on(AuditAction::DocumentCreated, document.id);
    assert!(is_unavailable(
        &store.insert(&document, &entry, &record).await
    ));
    assert!(is_unavailable(&store.find(document.id, &[]).await));
    assert!(is_unavailable(&store.list_pairs().await));
    assert!(store.check().await.is_err(), "a readiness check notices");

    let server = tokio::task::spawn_blocking(move || {
        server.start_again().unwrap();
        server
    })
    .await
    .unwrap();
    let mut failed = 0;
    for _ in 0..60 {
        let document = scene.make.document(owner, &pair);
        let entry = scene.make.owner_entry(&document);
        let record = scene
            .make
            .record_on(AuditAction::DocumentCreated, document.id);
        failed += usize::from(is_unavailable(
            &store.insert(&document, &entry, &record).await,
        ));
        failed += usize::from(is_unavailable(&store.find(document.id, &[]).await));
        failed += usize::from(is_unavailable(&store.list_pairs().await));
    }
    assert!(
        failed <= usize::from(POOL_SIZE),
        "{failed} requests failed after the server's return"
    );
    assert!(store.check().await.is_ok());
    store.shutdown().await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cycles_of_crashes_under_load_lose_nothing_that_was_acknowledged() {
    let cycles = cycles(3);
    let Some(mut server) = server().await else {
        return;
    };
    let store = Arc::new(migrated(&server.url()).await);
    let rig = Rig {
        store: Arc::clone(&store),
    };
    let scene = Scene::new(&rig);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let owner = scene.make.user_id();

    for cycle in 0..cycles {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
                let work: Vec<_> = (0..4000)
                    .map(|_| {
                        let document = scene.make.document(owner, &pair);
                        let entry = scene.make.owner_entry(&document);
                        let record = scene
                            .make
                            .record_on(AuditAction::DocumentCreated, document.id);
                        (document, entry, record)
                    })
                    .collect();
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for (document, entry, record) in work {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let answer = store.insert(&document, &entry, &record).await;
                        if !is_unavailable(&answer) {
                            assert_eq!(answer.unwrap(), InsertOutcome::Inserted);
                            acknowledged.push(document);
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart_immediate().unwrap();
            server
        })
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.store(true, Ordering::SeqCst);
        let mut count = 0;
        for writer in writers {
            for document in writer.await.unwrap() {
                let found = scene.find(document.id, &[owner]).await;
                let found = found.expect("what was acknowledged is there");
                assert_eq!(found.document, document);
                assert_eq!(found.entries.len(), 1, "with its entry");
                count += 1;
            }
        }
        assert!(count > 8, "cycle {cycle} wrote {count} documents");
    }
    // No half states, acknowledged or not: every document has one entry and one record.
    let mut client = crate::database::Client::connect(&server.url()).await;
    let halves = client
        .texts(
            "SELECT d.id FROM documents d
             LEFT JOIN entries e ON e.document_id = d.id
             LEFT JOIN audit a ON a.document_id = d.id
             GROUP BY d.id HAVING count(e.document_id) <> 1 OR count(a.id) <> 1
             UNION SELECT a.document_id FROM audit a WHERE a.document_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM documents d WHERE d.id = a.document_id)",
        )
        .await;
    assert!(halves.is_empty(), "{halves:?}");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_given_up_and_taken_up_again() {
    let Some(server) = server().await else {
        return;
    };
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let proxy = FaultProxy::start(upstream).unwrap();
    let url = format!("postgres://postgres@{}/postgres", proxy.address());
    let store = migrated(&url).await;
    let document = crate::document_id();
    assert!(store.find(document, &[]).await.unwrap().is_none());

    proxy.set(Fault::Hang).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(25), store.find(document, &[]));
    assert!(is_unavailable(
        &asked.await.expect("it is answered in time")
    ));
    let checked = tokio::time::timeout(Duration::from_secs(15), store.check());
    assert!(checked.await.expect("it is answered in time").is_err());

    proxy.set(Fault::None).unwrap();
    assert!(store.find(document, &[]).await.unwrap().is_none());
    assert!(store.check().await.is_ok());
    store.shutdown().await;
}

/// What takes connections and says nothing is no busy pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_at_the_start_is_said_to_be_silent() {
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?connect_timeout=1");
    let connected = tokio::time::timeout(
        Duration::from_secs(20),
        PostgresStore::connect(options(&url)),
    );
    let error = connected.await.expect("it is given up").unwrap_err();
    let OpenError::Unavailable(why) = error else {
        panic!("{error:?}");
    };
    assert_eq!(why.to_string(), "the database did not answer in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_server_holds_no_password() {
    let Some(server) = server().await else {
        return;
    };
    let port = server.port();
    let mut texts = Vec::new();
    for url in [
        "postgres://postgres:hunter2@127.0.0.1:1/postgres".to_owned(),
        "postgres://postgres:hunter2@no-such-host.invalid/postgres".to_owned(),
        format!("postgres://postgres:hunter2@127.0.0.1:{port}/no_such_database"),
        format!("postgres://nobody:hunter2@127.0.0.1:{port}/postgres"),
        format!("postgres://postgres:hunter2@127.0.0.1:{port}/postgres?connect_timeout=hunter2"),
        "postgres://postgres:hunter2@:x/postgres".to_owned(),
    ] {
        let error = PostgresStore::connect(options(&url)).await.unwrap_err();
        let mut text = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text.push_str(&format!(" {error} {error:?}"));
            source = error.source();
        }
        texts.push(text);
        if url.contains("no_such_database") || url.contains("nobody") {
            assert!(matches!(error, OpenError::Settings(_)), "{error:?}");
        }
    }
    let url = format!("postgres://postgres:hunter2@127.0.0.1:{port}/postgres");
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    texts.push(format!("{store:?} {:?}", options(&url)));
    drop(server);
    texts.push(format!("{:?}", store.list_pairs().await.unwrap_err()));
    texts.push(format!("{:?}", store.check().await.unwrap_err()));
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_shut_down_refuses_and_keeps_no_connection() {
    let Some(database) = crate::database::Database::create().await else {
        return;
    };
    let store = migrated(&database.url()).await;
    let id = crate::document_id();
    let answers = futures_util::future::join_all((0..100).map(|_| store.find(id, &[]))).await;
    assert!(answers.iter().all(Result::is_ok));
    store.shutdown().await;
    assert!(is_unavailable(&store.find(id, &[]).await));
    assert!(is_unavailable(&store.list_pairs().await));
    let mut client = database.client().await;
    for attempt in 0.. {
        let open = client
            .texts(
                "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        if open.is_empty() {
            break;
        }
        assert!(attempt < 100, "{} connections are left", open.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(client);
    database.drop().await;
}

/// Requests come from runtimes of one thread each; connections do not live there.
#[test]
fn a_store_outlives_the_runtimes_that_ask_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let Some((database, store)) = runtime.block_on(async {
        let database = crate::database::Database::create().await?;
        let store = migrated(&database.url()).await;
        Some((database, store))
    }) else {
        return;
    };
    let id = crate::document_id();
    for _ in 0..3 {
        let worker = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        worker.block_on(async {
            assert!(store.find(id, &[]).await.unwrap().is_none());
            assert!(store.list_pairs().await.unwrap().is_empty());
            // Whoever asks may go away in the middle.
            let _ = tokio::time::timeout(Duration::from_micros(200), store.list_pairs()).await;
            let _ = tokio::time::timeout(Duration::from_micros(200), store.find(id, &[])).await;
        });
    }
    runtime.block_on(async {
        assert!(store.find(id, &[]).await.unwrap().is_none());
        store.shutdown().await;
        database.drop().await;
    });
}
