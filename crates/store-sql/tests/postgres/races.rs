//! Whoever takes back and whoever releases, step by step: what decides is locked.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{KeyState, Rights, Scope};
use crypt_keeper_domain::ports::{InsertOutcome, ReleaseOutcome};

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
        "UPDATE key_pairs SET state = 'suspended'",
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
                         UPDATE api_keys SET revoked_at = NULL;
                         UPDATE key_pairs SET state = 'active'",
                    )
                    .await;
            }
        }
    })
    .await;
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
