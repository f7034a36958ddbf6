//! Whoever takes back and whoever releases, step by step: what decides is locked.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{KeyState, Rights, Scope};
use crypt_keeper_domain::ports::{InsertOutcome, ReleaseOutcome};

use crate::database::Client;
use crate::store;

/// Every change that must stop a release, made in a transaction that is still open while the
/// release is asked for. It has to wait, and to go by how the transaction ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_waits_for_whoever_takes_back_and_goes_by_the_outcome() {
    let changes = [
        "DELETE FROM entries",
        "UPDATE entries SET rights = 1",
        "UPDATE entries SET expires_at = '2001-01-01'",
        "UPDATE documents SET state = 'deleted'",
        "UPDATE documents SET expires_at = '2001-01-01'",
        "UPDATE users SET state = 'disabled'",
        "UPDATE api_keys SET revoked_at = '2001-01-01'",
        "UPDATE api_keys SET expires_at = '2001-01-01'",
        "UPDATE key_pairs SET state = 'suspended'",
        "UPDATE key_pairs SET state = 'compromised'",
    ];
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let bob = scene.user("bob").await;
        let key = scene.api_key(bob.id).await;
        let document = scene.document(bob.id, &pair).await;
        for change in changes {
            for (end, expected) in [
                ("ROLLBACK", ReleaseOutcome::Recorded),
                ("COMMIT", ReleaseOutcome::Refused),
            ] {
                let mut other = harness.database.client().await;
                other
                    .run("CREATE TEMPORARY TABLE before AS SELECT * FROM entries")
                    .await;
                other.run("BEGIN").await;
                other.run(change).await;

                let store = Arc::clone(&scene.store);
                let (mut release, record) = scene.release(&document, &key);
                release.need = Rights::READ;
                let mut asked =
                    tokio::spawn(async move { store.record_release(&release, &record).await });
                let early = tokio::time::timeout(Duration::from_millis(150), &mut asked).await;
                assert!(early.is_err(), "{change}: the release did not wait");

                other.run(end).await;
                let outcome = asked.await.unwrap().unwrap();
                assert_eq!(outcome, expected, "{change}, {end}");

                other
                    .run(
                        "DELETE FROM entries; INSERT INTO entries SELECT * FROM before;
                         UPDATE documents SET state = 'pending', expires_at = NULL;
                         UPDATE users SET state = 'active';
                         UPDATE api_keys SET revoked_at = NULL, expires_at = NULL;
                         UPDATE key_pairs SET state = 'active'",
                    )
                    .await;
            }
        }
    })
    .await;
}

/// A row of each kind that decides, one that stops the release, in the order in which a release
/// locks them.
const DECIDING: [(&str, &str); 5] = [
    ("documents", "UPDATE documents SET state = 'deleted'"),
    ("entries", "UPDATE entries SET rights = 1"),
    ("key_pairs", "UPDATE key_pairs SET state = 'compromised'"),
    ("users", "UPDATE users SET state = 'disabled'"),
    ("api_keys", "UPDATE api_keys SET revoked_at = '2001-01-01'"),
];

/// A release that waits for one row sees what has become of those that it has not locked yet, and
/// holds those that it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_while_a_release_waits_for_another_row_is_seen() {
    for (waits_for, (awaited, _)) in DECIDING.iter().enumerate() {
        for (changed, (table, change)) in DECIDING.iter().enumerate() {
            if changed == waits_for {
                continue;
            }
            uphold(store().await, async |harness| {
                let scene = Scene::new(harness);
                let pair = scene.pair(Scope::Shared, KeyState::Active).await;
                let bob = scene.user("bob").await;
                let key = scene.api_key(bob.id).await;
                let document = scene.document(bob.id, &pair).await;
                let mut holder = harness.database.client().await;
                let mut other = harness.database.client().await;
                let hold = format!("BEGIN; SELECT FROM {awaited} FOR UPDATE");
                holder.run(&hold).await;

                let store = Arc::clone(&scene.store);
                let (mut release, record) = scene.release(&document, &key);
                release.need = Rights::READ;
                let asked =
                    tokio::spawn(async move { store.record_release(&release, &record).await });
                other.until_waiting(1).await;
                let free = is_free(&mut other, table).await;
                assert_eq!(free, changed > waits_for, "{table}, waiting for {awaited}");
                let expected = if free {
                    other.run(change).await;
                    ReleaseOutcome::Refused
                } else {
                    ReleaseOutcome::Recorded
                };
                holder.run("COMMIT").await;
                let outcome = asked.await.unwrap().unwrap();
                assert_eq!(outcome, expected, "{change}, waiting for {awaited}");
            })
            .await;
        }
    }
}

/// Whether nobody has locked the row of a table.
async fn is_free(client: &mut Client, table: &str) -> bool {
    let free = format!("SELECT 'free' FROM {table} FOR UPDATE SKIP LOCKED");
    !client.texts(&free).await.is_empty()
}

/// A document that is rewrapped meanwhile stands and falls with its new pair.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_by_the_pair_that_a_document_has_in_the_end() {
    for (state, expected) in [
        (KeyState::Active, ReleaseOutcome::Recorded),
        (KeyState::Suspended, ReleaseOutcome::Refused),
    ] {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let old = scene.pair(Scope::Shared, KeyState::Active).await;
            let new = scene.pair(Scope::Hold, state).await;
            let bob = scene.user("bob").await;
            let key = scene.api_key(bob.id).await;
            let document = scene.document(bob.id, &old).await;
            let mut other = harness.database.client().await;
            let serial = new.serial.get();
            let rewrap = format!("BEGIN; UPDATE documents SET key_serial = {serial}");
            other.run(&rewrap).await;
            let store = Arc::clone(&scene.store);
            let (release, record) = scene.release(&document, &key);
            let asked = tokio::spawn(async move { store.record_release(&release, &record).await });
            harness.database.client().await.until_waiting(1).await;
            other.run("COMMIT").await;
            assert_eq!(asked.await.unwrap().unwrap(), expected, "{state}");
        })
        .await;
    }
}

/// A document is not wrapped under a pair that is retired while it is inserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_waits_for_whoever_retires_its_key_pair() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let owner = scene.make.user_id();
        for (end, expected) in [
            ("ROLLBACK", InsertOutcome::Inserted),
            ("COMMIT", InsertOutcome::KeyPairNotActive),
        ] {
            let mut other = harness.database.client().await;
            other
                .run("BEGIN; UPDATE key_pairs SET state = 'deactivated'")
                .await;
            let document = scene.make.document(owner, &pair);
            let inserted = scene.try_insert(&document);
            tokio::pin!(inserted);
            let early = tokio::time::timeout(Duration::from_millis(150), &mut inserted).await;
            assert!(early.is_err(), "the insert did not wait");
            other.run(end).await;
            assert_eq!(inserted.await, expected, "{end}");
        }
    })
    .await;
}
