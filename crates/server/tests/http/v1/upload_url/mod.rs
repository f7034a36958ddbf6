//! "POST upload_url/" of the contract.

mod body;
mod fields;
mod retention;

use insta::assert_snapshot;

use crate::app::{A_TXT, App, Options};

/// A body whose metadata has one field changed; `None` takes it away.
fn with(field: &str, value: Option<&str>) -> String {
    let mut fields = vec![
        ("name", r#""a.txt""#),
        ("content_length", "10"),
        ("content_type", r#""text/plain""#),
        ("compressed", "false"),
        ("encryption_type", r#""AES|CBC""#),
    ];
    fields.retain(|(name, _)| *name != field);
    let mut metadata: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    if let Some(value) = value {
        metadata.push(format!("\"{field}\": {value}"));
    }
    format!("{{\"document_metadata\": {{{}}}}}", metadata.join(", "))
}

async fn upload(app: &App, body: impl AsRef<[u8]>) -> crate::transcript::Answer {
    app.post("alice", "upload_url/", body).await
}

/// What a download says of the document that an upload has registered.
async fn stored(app: &App, body: impl AsRef<[u8]>, field: &str) -> serde_json::Value {
    let answer = upload(app, body).await;
    assert_eq!(answer.status, 201, "{answer}");
    let id = answer.json()["document_id"].as_str().unwrap().to_owned();
    let answer = app.get("alice", &format!("download_url/{id}/")).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()["document_metadata"][field].clone()
}

/// Every case is refused with 400, and nothing is stored.
async fn refused(app: &App, bodies: &[String]) -> String {
    let mut lines = String::new();
    for body in bodies {
        let answer = upload(app, body).await;
        assert_eq!(answer.status, 400, "{body}: {answer}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        lines.push_str(&answer.line());
        lines.push('\n');
    }
    assert_eq!(app.documents().await, 0, "something was stored");
    assert_eq!(app.audit().await.len(), 0, "something was recorded");
    lines
}

#[tokio::test]
async fn all_fields() {
    let app = App::start().await;
    let answer = upload(&app, A_TXT).await;
    assert_snapshot!(answer, @r#"
    201
    cache-control: no-store
    content-type: application/json
    location: /api/v1/secure_document_service/upload_url/<id>/

    {"document_id":"<id>","document_metadata":{"name": "a.txt", "content_length": 10, "content_type": "text/plain", "compressed": false, "encryption_type": "AES|CBC"},"resource_uri":"/api/v1/secure_document_service/upload_url/<id>/","single_use_url":"<presigned PUT>","symmetric_key":"<44 characters of base64>"}
    "#);
    assert_eq!(
        answer.header("location"),
        answer.json()["resource_uri"].as_str()
    );
    assert_eq!(app.audit().await, ["document.created"]);
}

#[tokio::test]
async fn no_encryption_type_is_stored_as_aes_cbc() {
    let app = App::start().await;
    let body = with("encryption_type", None);
    assert_snapshot!(upload(&app, &body).await, @r#"
    201
    cache-control: no-store
    content-type: application/json
    location: /api/v1/secure_document_service/upload_url/<id>/

    {"document_id":"<id>","document_metadata":{"name": "a.txt", "content_length": 10, "content_type": "text/plain", "compressed": false},"resource_uri":"/api/v1/secure_document_service/upload_url/<id>/","single_use_url":"<presigned PUT>","symmetric_key":"<44 characters of base64>"}
    "#);
    assert_eq!(stored(&app, body, "encryption_type").await, "AES|CBC");
    let null = with("encryption_type", Some("null"));
    assert_eq!(stored(&app, null, "encryption_type").await, "AES|CBC");
}

#[tokio::test]
async fn unknown_keys_are_echoed_and_the_services_own_win() {
    let app = App::start().await;
    let body = r#"{"symmetric_key": "mine", "document_id": 7, "resource_uri": null, "single_use_url": [], "note": {"a": 10.0},
        "document_metadata": {"x": 123456789012345678901234567890, "y": [1.10, 1e400], "name": "a.txt", "content_length": 10.0, "content_type": "text/plain", "compressed": "t"}}"#;
    let body = body.replace("1e400", "1E3");
    assert_snapshot!(upload(&app, body).await, @r#"
    201
    cache-control: no-store
    content-type: application/json
    location: /api/v1/secure_document_service/upload_url/<id>/

    {"document_id":"<id>","document_metadata":{"x": 123456789012345678901234567890, "y": [1.10, 1E3], "name": "a.txt", "content_length": 10.0, "content_type": "text/plain", "compressed": "t"},"note":{"a": 10.0},"resource_uri":"/api/v1/secure_document_service/upload_url/<id>/","single_use_url":"<presigned PUT>","symmetric_key":"<44 characters of base64>"}
    "#);
}

#[tokio::test]
async fn other_methods_on_the_list() {
    let app = App::start().await;
    let mut lines = String::new();
    for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD"] {
        let answer = app.request(method, "upload_url/", &[], b"").await;
        let allow = answer.header("allow").unwrap_or("-");
        lines.push_str(&format!("{method}: {} Allow: {allow}\n", answer.line()));
    }
    assert_snapshot!(lines, @"
    GET: 405 POST Allow: POST
    PUT: 405 POST Allow: POST
    PATCH: 405 POST Allow: POST
    DELETE: 405 POST Allow: POST
    HEAD: 405  Allow: POST
    ");
}

#[tokio::test]
async fn without_a_key_pair_nothing_is_stored_and_the_service_is_not_ready() {
    let app = App::start_with(Options {
        key_pair: false,
        ..Options::default()
    })
    .await;
    assert_snapshot!(upload(&app, A_TXT).await, @r#"
    503
    cache-control: no-store
    content-type: application/json
    retry-after: 5

    {"error_message":"Sorry, this request could not be processed. Please try again later."}
    "#);
    assert_eq!(app.documents().await, 0);
    let head = "GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert_snapshot!(app.send(head, b"").await, @r#"
    503
    cache-control: no-store
    content-type: application/json

    {"status":"not ready","parts":[{"part":"keys","ready":false,"message":"no active key pair for scope shared: make one with `crypt-keeper keys rotate`"},{"part":"blobs","ready":true}]}
    "#);
}
