//! Gathered requests on SQLite.

use crypt_keeper_conformance::uphold;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::gathered;
use crate::store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_guilty_insert_fails() {
    uphold(store().await, async |harness| {
        gathered::only_the_guilty_insert_fails(harness).await;
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
        let path = harness.path();
        gathered::a_corrupt_row_fails_its_own_readers(harness, async |sql| {
            SqliteConnection::establish(path.to_str().unwrap())
                .unwrap()
                .batch_execute(sql)
                .unwrap();
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
