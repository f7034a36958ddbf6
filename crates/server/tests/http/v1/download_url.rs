//! "GET download_url/<uuid>/" of the contract.

use std::time::Duration;

use crypt_keeper_domain::model::{AuditAction, AuditEntry, DocumentId, Record};
use crypt_keeper_domain::ports::{Clock as _, DocumentChange, MetadataStore as _};
use insta::assert_snapshot;

use crate::app::App;

#[tokio::test]
async fn the_owner() {
    let app = App::start().await;
    let id = app.upload().await;
    let answer = app.get("alice", &format!("download_url/{id}/")).await;
    assert_snapshot!(answer, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"document_id":"<id>","document_metadata":{"compressed":false,"content_length":"10","content_type":"text/plain","encryption_type":"AES|CBC","name":"a.txt"},"resource_uri":"/api/v1/secure_document_service/download_url/<id>/","single_use_url":"<presigned GET>","symmetric_key":"<44 characters of base64>"}
    "#);
    assert_eq!(answer.json()["document_id"], *id);
    assert_eq!(app.audit().await, ["document.created", "document.released"]);
}

#[tokio::test]
async fn a_user_it_is_shared_with() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "bob").await;
    let answer = app.get("bob", &format!("download_url/{id}/")).await;
    assert_snapshot!(answer, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"document_id":"<id>","document_metadata":{"compressed":false,"content_length":"10","content_type":"text/plain","encryption_type":"AES|CBC","name":"a.txt"},"resource_uri":"/api/v1/secure_document_service/download_url/<id>/","single_use_url":"<presigned GET>","symmetric_key":"<44 characters of base64>"}
    "#);
}

#[tokio::test]
async fn another_user() {
    let app = App::start().await;
    let id = app.upload().await;
    let answer = app.get("carol", &format!("download_url/{id}/")).await;
    assert_snapshot!(answer, @"401");
    assert_eq!(app.audit().await, ["document.created"]);
}

#[tokio::test]
async fn the_key_is_the_one_of_the_upload_also_after_a_rotation() {
    let app = App::start().await;
    let uploaded = app
        .post("alice", "upload_url/", crate::app::A_TXT)
        .await
        .json();
    let id = uploaded["document_id"].as_str().unwrap();
    let path = format!("download_url/{id}/");
    let before = app.get("alice", &path).await.json();
    assert_eq!(before["symmetric_key"], uploaded["symmetric_key"]);
    app.rotate_keys().await;
    let after = app.get("alice", &path).await.json();
    assert_eq!(after["symmetric_key"], uploaded["symmetric_key"]);
    let next = app
        .post("alice", "upload_url/", crate::app::A_TXT)
        .await
        .json();
    assert_ne!(next["symmetric_key"], uploaded["symmetric_key"]);
}

#[tokio::test]
async fn an_unknown_id() {
    let app = App::start().await;
    for id in [
        "019ca945-0a00-7000-8000-000000000000",
        "7b520866-ba94-4099-8128-72c852558753",
        // Of no version that a document has.
        "00000000-0000-0000-0000-000000000000",
    ] {
        let answer = app.get("alice", &format!("download_url/{id}/")).await;
        assert_eq!(answer.to_string(), "404\n", "{id}");
    }
}

#[tokio::test]
async fn a_malformed_id() {
    let app = App::start().await;
    for id in [
        "nonsense",
        "019ca945",
        "%00",
        "%ff",
        "..",
        "019ca945-0a00-7000-8000-00000000000g",
    ] {
        let answer = app.get("alice", &format!("download_url/{id}/")).await;
        assert_eq!(answer.to_string(), "404\n", "{id}");
        // It is looked at after the credentials.
        let answer = app
            .request("GET", &format!("download_url/{id}/"), &[], b"")
            .await;
        assert_eq!(answer.status, 401, "{id}");
    }
}

#[tokio::test]
async fn an_id_in_another_spelling_is_answered_in_the_usual_one() {
    let app = App::start().await;
    let id = app.upload().await;
    for spelling in [
        id.to_uppercase(),
        id.replace('-', ""),
        format!("{{{id}}}"),
        format!("%7B{id}%7D"),
    ] {
        let answer = app.get("alice", &format!("download_url/{spelling}/")).await;
        assert_eq!(answer.status, 200, "{spelling}");
        let json = answer.json();
        assert_eq!(json["document_id"], *id);
        let uri = format!("{}/download_url/{id}/", crate::app::BASE);
        assert_eq!(json["resource_uri"], uri);
    }
}

#[tokio::test]
async fn the_list_with_and_without_credentials() {
    let app = App::start().await;
    assert_snapshot!(app.get("alice", "download_url/").await, @"
    405
    allow:
    ");
    let without = app.request("GET", "download_url/", &[], b"").await;
    assert_eq!(without.status, 405);
    assert_eq!(without.header("allow"), Some(""));
}

#[tokio::test]
async fn a_callback_is_ignored() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("download_url/{id}/?callback=steal");
    let answer = app.get("alice", &path).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.text().starts_with('{'), "{answer}");
}

#[tokio::test]
async fn an_expired_document() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("download_url/{id}/");
    let document = DocumentId::parse(&id).unwrap();
    let record = Record::from(AuditEntry::new(
        &app.operator(),
        AuditAction::DocumentChanged,
        [1; 10],
    ));
    let end = app.clock.now().plus(Duration::from_secs(60));
    let change = DocumentChange::ExpiresAt(Some(end));
    app.store
        .change(document, 1, &change, &record)
        .await
        .unwrap();

    assert_eq!(app.get("alice", &path).await.status, 200);
    app.clock.advance(Duration::from_secs(60));
    assert_snapshot!(app.get("alice", &path).await, @"404");
}

#[tokio::test]
async fn the_presigned_urls_work_from_a_bare_client_for_600_seconds() {
    let app = App::start().await;
    let uploaded = app
        .post("alice", "upload_url/", crate::app::A_TXT)
        .await
        .json();
    let path_of = |answer: &serde_json::Value| {
        let url = answer["single_use_url"].as_str().unwrap();
        let path = url.strip_prefix(&format!("http://{}", app.address()));
        path.unwrap().to_owned()
    };
    let bare = async |method: &str, path: &str, body: &[u8]| {
        // As the old client: a host, a length, nothing else.
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            app.address(),
            body.len()
        );
        app.send(&head, body).await
    };
    let put = path_of(&uploaded);
    let object: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(bare("PUT", &put, &object).await.status, 200);

    let id = uploaded["document_id"].as_str().unwrap();
    let get = path_of(
        &app.get("alice", &format!("download_url/{id}/"))
            .await
            .json(),
    );
    let fetched = bare("GET", &get, b"").await;
    assert_eq!((fetched.status, fetched.body), (200, object));

    app.clock.advance(Duration::from_secs(599));
    assert_eq!(bare("GET", &get, b"").await.status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(bare("GET", &get, b"").await.status, 403);
    assert_eq!(bare("PUT", &put, b"").await.status, 403);
}
