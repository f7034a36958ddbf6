//! What is answered when a part of the service fails: no detail of it leaves.

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{AuditAction, AuditEntry, KeyPairChange, KeyState, Record};
use crypt_keeper_domain::ports::{Clock as _, KeyRegistry as _};
use insta::assert_snapshot;

use crate::app::{A_TXT, App};

#[tokio::test]
async fn an_unavailable_store_is_503_with_retry_after_and_comes_back() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("download_url/{id}/");
    app.store.faults().fail(Fault::Unavailable);
    assert_snapshot!(app.post("alice", "upload_url/", A_TXT).await, @r#"
    503
    cache-control: no-store
    content-type: application/json
    retry-after: 5

    {"error_message":"Sorry, this request could not be processed. Please try again later."}
    "#);
    for answer in [
        app.get("alice", &path).await,
        app.share(&id, "bob").await,
        app.get("alice", &format!("share/{id}/")).await,
    ] {
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("5"))
        );
    }
    app.store.faults().heal();
    assert_eq!(app.get("alice", &path).await.status, 200);
    assert_eq!(app.documents().await, 1);
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_leaves_nothing_half_done() {
    let app = App::start().await;
    // Calls of an upload: the API key, the active pair, the insert.
    for calls in 0..3 {
        app.store.faults().fail_after(calls, Fault::Unavailable);
        let answer = app.post("alice", "upload_url/", A_TXT).await;
        assert_eq!(answer.status, 503, "after {calls} calls");
        app.store.faults().heal();
        assert_eq!(app.documents().await, 0);
    }
    assert_eq!(app.post("alice", "upload_url/", A_TXT).await.status, 201);
}

#[tokio::test]
async fn corrupt_data_and_broken_stores_are_500_without_a_detail() {
    let app = App::start().await;
    let id = app.upload().await;
    app.store.faults().fail(Fault::Corrupt);
    let path = format!("download_url/{id}/");
    let corrupt = app.get("alice", &path).await.to_string();
    assert_snapshot!(corrupt, @r#"
    500
    cache-control: no-store
    content-type: application/json

    {"error_message":"Sorry, this request could not be processed. Please try again later."}
    "#);
    app.store.faults().fail(Fault::Backend);
    assert_eq!(app.get("alice", &path).await.to_string(), corrupt);
}

#[tokio::test]
async fn a_suspended_key_pair_releases_nothing() {
    let app = App::start().await;
    let id = app.upload().await;
    let pair = app.store.list_pairs().await.unwrap().remove(0);
    let change = KeyPairChange {
        seen_version: pair.version,
        after: pair
            .become_state(KeyState::Suspended, app.clock.now())
            .unwrap(),
    };
    let record = Record::from(AuditEntry::new(
        &app.operator(),
        AuditAction::KeyPairChanged,
        [2; 10],
    ));
    app.store.change_pairs(&[change], &[record]).await.unwrap();
    let answer = app.get("alice", &format!("download_url/{id}/")).await;
    assert_snapshot!(answer, @r#"
    503
    cache-control: no-store
    content-type: application/json
    retry-after: 5

    {"error_message":"Sorry, this request could not be processed. Please try again later."}
    "#);
    assert_eq!(app.post("alice", "upload_url/", A_TXT).await.status, 503);
}
