//! Whoever locks several documents locks them in the order of their keys: nobody waits in a circle,
//! which PostgreSQL breaks after a second, at somebody's cost.

use std::sync::Arc;
use std::task::Poll;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{Document, KeyState, Scope};
use crypt_keeper_domain::ports::{ReleaseOutcome, WalkStep};
use futures_util::FutureExt as _;

use crate::database::Client;
use crate::store;

/// Fails before PostgreSQL looks for circles.
const BEGIN_IMPATIENTLY: &str = "BEGIN; SET LOCAL lock_timeout = '500ms'";

/// Locks one document, as a rewrap that goes through several in one transaction does.
async fn lock(client: &mut Client, document: &Document) {
    let id = document.id;
    client
        .run(&format!(
            "SELECT FROM documents WHERE id = '{id}' FOR UPDATE"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gathered_releases_lock_documents_in_the_order_of_their_keys() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let bob = scene.user("bob").await;
        let key = scene.api_key(bob.id).await;
        let mut documents = Vec::new();
        for _ in 0..3 {
            documents.push(scene.document(bob.id, &pair).await);
        }
        documents.sort_by_key(|document| document.id);
        let [first, second, third] = documents.as_slice() else {
            unreachable!("three were made");
        };
        let ask = |document: &Document| {
            let store = Arc::clone(&scene.store);
            let (release, record) = scene.release(document, &key);
            async move { store.record_release(&release, &record).await }.boxed()
        };

        // The first batch waits, so that what comes meanwhile is gathered into the second.
        let mut watcher = harness.database.client().await;
        let mut holder = harness.database.client().await;
        holder.run("BEGIN").await;
        lock(&mut holder, third).await;
        let alone = tokio::spawn(ask(third));
        watcher.until_waiting(1).await;
        let mut backwards = [ask(second), ask(first)];
        for release in &mut backwards {
            assert!(matches!(futures_util::poll!(release), Poll::Pending));
        }

        let mut rewrapper = harness.database.client().await;
        rewrapper.run(BEGIN_IMPATIENTLY).await;
        lock(&mut rewrapper, first).await;
        holder.run("COMMIT").await;
        assert_eq!(alone.await.unwrap().unwrap(), ReleaseOutcome::Recorded);
        watcher.until_waiting(1).await;
        // Were the second document locked by now, this would close the circle.
        lock(&mut rewrapper, second).await;
        rewrapper.run("COMMIT").await;
        for release in backwards {
            assert_eq!(release.await.unwrap(), ReleaseOutcome::Recorded);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_marked_in_the_order_of_their_keys() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let bob = scene.user("bob").await;
        let mut documents: Vec<_> = (0..2).map(|_| scene.make.document(bob.id, &pair)).collect();
        documents.sort_by_key(|document| document.id);
        let [first, second] = documents.as_slice() else {
            unreachable!("two were made");
        };
        // On the disk the other way round, which is how a statement by itself goes through them.
        scene.insert(second).await;
        scene.insert(first).await;
        scene.set_pair_state(&pair, KeyState::Compromised).await;

        let mut watcher = harness.database.client().await;
        let mut other = harness.database.client().await;
        other.run(BEGIN_IMPATIENTLY).await;
        lock(&mut other, first).await;
        let store = Arc::clone(&scene.store);
        let serial = pair.serial;
        let marked =
            tokio::spawn(async move { store.mark_exposed(serial, &WalkStep::default()).await });
        watcher.until_waiting(1).await;
        lock(&mut other, second).await;
        other.run("COMMIT").await;
        assert_eq!(marked.await.unwrap().unwrap().count, 2);
    })
    .await;
}
