//! Gathered requests on PostgreSQL.

use std::sync::Arc;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{AuditAction, KeyState, Scope};
use crypt_keeper_domain::ports::{InsertOutcome, StoreError};
use futures_util::future::join_all;

use crate::{gathered, store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_guilty_insert_fails() {
    uphold(store().await, async |harness| {
        gathered::only_the_guilty_insert_fails(harness).await;
    })
    .await;
}

/// PostgreSQL refuses the whole statement for a NUL in one of its texts. Documents cannot have one;
/// the address of a request is not looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_spoils_the_statement_fails_alone() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let owner = scene.make.user_id();
        let answers = join_all((0..40).map(|number| {
            let document = scene.make.document(owner, &pair);
            let entry = scene.make.owner_entry(&document);
            let mut record = scene
                .make
                .record_on(AuditAction::DocumentCreated, document.id);
            if number == 23 {
                record.audit.address = Some("10.0.0.1\0".into());
            }
            let store = Arc::clone(&scene.store);
            async move { store.insert(&document, &entry, &record).await }
        }))
        .await;
        for (number, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(outcome) => {
                    assert_eq!((number != 23, outcome), (true, InsertOutcome::Inserted));
                }
                Err(error) => {
                    assert_eq!(number, 23, "{error:?}");
                    assert!(matches!(error, StoreError::Backend(_)), "{error:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_his_own_answer() {
    uphold(store().await, async |harness| {
        gathered::everybody_gets_his_own_answer(harness).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_row_fails_its_own_readers() {
    uphold(store().await, async |harness| {
        let url = harness.database.url();
        gathered::a_corrupt_row_fails_its_own_readers(harness, async |sql| {
            crate::database::Client::connect(&url).await.run(sql).await;
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_at_once_lose_no_right() {
    uphold(store().await, async |harness| {
        gathered::grants_at_once_lose_no_right(harness).await;
    })
    .await;
}
