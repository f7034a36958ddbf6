//! The body as a whole: JSON, an object, not too long.

use insta::assert_snapshot;

use super::{refused, upload, with};
use crate::app::{A_TXT, App};

#[tokio::test]
async fn no_metadata() {
    let app = App::start().await;
    let bodies = [
        "{}",
        "null",
        r#"{"document_metadata": null}"#,
        r#"{"document_metadata": {}}"#,
    ];
    assert_snapshot!(refused(&app, &bodies.map(str::to_owned)).await, @r#"
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    "#);
}

#[tokio::test]
async fn what_is_not_json() {
    let app = App::start().await;
    let bodies = [
        "",
        "nonsense",
        "{\"document_metadata\": {",
        "{'a': 1}",
        "{} {}",
    ];
    assert_snapshot!(refused(&app, &bodies.map(str::to_owned)).await, @r#"
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    "#);
    let deep = "[".repeat(100_000);
    assert_eq!(upload(&app, deep).await.status, 400);
}

#[tokio::test]
async fn invalid_utf_8() {
    let app = App::start().await;
    let mut body = A_TXT.as_bytes().to_vec();
    let at = A_TXT.find("a.txt").unwrap();
    body[at] = 0xff;
    assert_snapshot!(upload(&app, body).await, @r#"
    400
    cache-control: no-store
    content-type: application/json

    {"error":"Request is not valid JSON."}
    "#);
    // Half of a surrogate pair is no text either.
    let answer = upload(&app, with("name", Some(r#""\ud800""#))).await;
    assert_eq!(answer.status, 400);
    assert_eq!(app.documents().await, 0);
}

#[tokio::test]
async fn body_or_metadata_of_another_kind() {
    let app = App::start().await;
    let bodies = [
        "[]",
        "[1]",
        "\"text\"",
        "7",
        "true",
        r#"{"document_metadata": "text"}"#,
        r#"{"document_metadata": []}"#,
        r#"{"document_metadata": [1]}"#,
        r#"{"document_metadata": 7}"#,
    ];
    assert_snapshot!(refused(&app, &bodies.map(str::to_owned)).await, @r#"
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    400 {"secure_document_service/upload_url":{"__all__":"Must provide document metadata."}}
    "#);
}

#[tokio::test]
async fn a_body_of_1_mib_at_most() {
    let app = App::start().await;
    let limit = 1 << 20;
    let padded = |length: usize| format!("{A_TXT}{}", " ".repeat(length - A_TXT.len()));
    assert_eq!(upload(&app, padded(limit)).await.status, 201);
    assert_snapshot!(upload(&app, padded(limit + 1)).await, @r#"
    413
    cache-control: no-store
    content-type: application/json

    {"error_message":"The body of a request has at most 1048576 bytes."}
    "#);
    assert_eq!(upload(&app, padded(limit * 4)).await.status, 413);
    assert_eq!(app.documents().await, 1);
}

#[tokio::test]
async fn a_chunked_body_of_1_mib_at_most() {
    let app = App::start().await;
    let chunked = async |length: usize| {
        let body = format!("{A_TXT}{}", " ".repeat(length - A_TXT.len()));
        let head = format!(
            "POST {}/upload_url/ HTTP/1.1\r\nHost: h\r\n{}\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n",
            crate::app::BASE,
            app.credentials("alice")
        );
        let mut sent = Vec::new();
        for part in body.as_bytes().chunks(100_000) {
            sent.extend(format!("{:x}\r\n", part.len()).bytes());
            sent.extend(part);
            sent.extend(b"\r\n");
        }
        sent.extend(b"0\r\n\r\n");
        app.send(&head, &sent).await.status
    };
    assert_eq!(chunked(1 << 20).await, 201);
    assert_eq!(chunked((1 << 20) + 1).await, 413);
}
