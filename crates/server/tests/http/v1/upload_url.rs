//! "POST upload_url/" of the contract.

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
async fn missing_fields_are_named_all_at_once() {
    let app = App::start().await;
    let mut bodies = vec![r#"{"document_metadata": {"mine": 1}}"#.to_owned()];
    for field in ["name", "content_length", "content_type", "compressed"] {
        bodies.push(with(field, None));
        bodies.push(with(field, Some("null")));
    }
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"compressed":"Document metadata must have field: compressed","content_length":"Document metadata must have field: content_length","content_type":"Document metadata must have field: content_type","name":"Document metadata must have field: name"}}
    400 {"secure_document_service/upload_url":{"name":"Document metadata must have field: name"}}
    400 {"secure_document_service/upload_url":{"name":"Document metadata must have field: name"}}
    400 {"secure_document_service/upload_url":{"content_length":"Document metadata must have field: content_length"}}
    400 {"secure_document_service/upload_url":{"content_length":"Document metadata must have field: content_length"}}
    400 {"secure_document_service/upload_url":{"content_type":"Document metadata must have field: content_type"}}
    400 {"secure_document_service/upload_url":{"content_type":"Document metadata must have field: content_type"}}
    400 {"secure_document_service/upload_url":{"compressed":"Document metadata must have field: compressed"}}
    400 {"secure_document_service/upload_url":{"compressed":"Document metadata must have field: compressed"}}
    "#);
}

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
async fn content_length_as_a_number_or_as_digits() {
    let app = App::start().await;
    for (sent, kept) in [
        ("10", "10"),
        ("0", "0"),
        ("-0", "0"),
        ("10.0", "10"),
        ("1e3", "1000"),
        ("9223372036854775807", "9223372036854775807"),
        ("\"10\"", "10"),
        ("\" 7 \"", "7"),
        ("\"\\t7\\n\"", "7"),
        ("\"007\"", "7"),
        ("\"9223372036854775807\"", "9223372036854775807"),
    ] {
        let body = with("content_length", Some(sent));
        assert_eq!(stored(&app, body, "content_length").await, kept, "{sent}");
    }
}

#[tokio::test]
async fn content_length_of_another_kind() {
    let app = App::start().await;
    let values = [
        "true",
        "false",
        "-1",
        "\"-1\"",
        "1.5",
        "\"1.5\"",
        "\"abc\"",
        "\"\"",
        "\" \"",
        "\"+7\"",
        "\"1 0\"",
        "\"٣\"",
        "9223372036854775808",
        "\"9223372036854775808\"",
        "1e19",
        "-1.0",
        "[]",
        "{}",
    ];
    let bodies = values.map(|value| with("content_length", Some(value)));
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    400 {"secure_document_service/upload_url":{"content_length":"a whole number from 0 to 9223372036854775807 is needed"}}
    "#);
}

#[tokio::test]
async fn compressed_in_every_spelling() {
    let app = App::start().await;
    for sent in ["true", "1", "\"True\"", "\"t\"", "\"1\""] {
        let body = with("compressed", Some(sent));
        assert_eq!(stored(&app, body, "compressed").await, true, "{sent}");
    }
    for sent in ["false", "0", "\"False\"", "\"f\"", "\"0\""] {
        let body = with("compressed", Some(sent));
        assert_eq!(stored(&app, body, "compressed").await, false, "{sent}");
    }
}

#[tokio::test]
async fn compressed_in_any_other_spelling() {
    let app = App::start().await;
    let values = ["2", "-1", "1.0", "\"true\"", "\"yes\"", "\"\"", "[]", "{}"];
    let bodies = values.map(|value| with("compressed", Some(value)));
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    400 {"secure_document_service/upload_url":{"compressed":"true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)"}}
    "#);
}

#[tokio::test]
async fn any_encryption_type_up_to_20_characters() {
    let app = App::start().await;
    for name in ["AES256_GCM_HKDF_1MB", "mine", "", "éééééééééééééééééééé"] {
        let body = with("encryption_type", Some(&format!("\"{name}\"")));
        assert_eq!(stored(&app, body, "encryption_type").await, name);
    }
}

#[tokio::test]
async fn encryption_type_too_long_or_not_text() {
    let app = App::start().await;
    let values = [
        "\"123456789012345678901\"",
        "7",
        "true",
        "[]",
        "{}",
        "\"a\\u0000\"",
    ];
    let bodies = values.map(|value| with("encryption_type", Some(value)));
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"encryption_type":"at most 20 characters are allowed, 21 were sent"}}
    400 {"secure_document_service/upload_url":{"encryption_type":"text is needed"}}
    400 {"secure_document_service/upload_url":{"encryption_type":"text is needed"}}
    400 {"secure_document_service/upload_url":{"encryption_type":"text is needed"}}
    400 {"secure_document_service/upload_url":{"encryption_type":"text is needed"}}
    400 {"secure_document_service/upload_url":{"encryption_type":"the character U+0000 is not allowed"}}
    "#);
}

#[tokio::test]
async fn names_are_stored_as_they_are_sent() {
    let app = App::start().await;
    let long = "x".repeat(1000);
    let longest = "é".repeat(2048);
    for name in [
        "",
        "naïve 客 \u{202e}\u{1f600}.txt",
        "../../x",
        "con",
        "a\tb\n",
        &long,
        &longest,
    ] {
        let sent = serde_json::to_string(name).unwrap();
        let body = with("name", Some(&sent));
        assert_eq!(stored(&app, body, "name").await, name);
    }
}

#[tokio::test]
async fn names_over_4096_bytes_and_nul_in_any_text() {
    let app = App::start().await;
    let long = format!("\"{}\"", "é".repeat(2049));
    let bodies = [
        with("name", Some(&long)),
        with("name", Some("\"a\\u0000b\"")),
        with("content_type", Some("\"a\\u0000b\"")),
    ];
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"name":"at most 4096 bytes are allowed, 4098 were sent"}}
    400 {"secure_document_service/upload_url":{"name":"the character U+0000 is not allowed"}}
    400 {"secure_document_service/upload_url":{"content_type":"the character U+0000 is not allowed"}}
    "#);
}

#[tokio::test]
async fn name_that_is_not_text() {
    let app = App::start().await;
    let values = ["7", "[\"a\"]", "true", "{}"];
    let bodies = values.map(|value| with("name", Some(value)));
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"name":"text is needed"}}
    400 {"secure_document_service/upload_url":{"name":"text is needed"}}
    400 {"secure_document_service/upload_url":{"name":"text is needed"}}
    400 {"secure_document_service/upload_url":{"name":"text is needed"}}
    "#);
}

#[tokio::test]
async fn content_type_over_1000_characters() {
    let app = App::start().await;
    let longest = format!("\"{}\"", "é".repeat(1000));
    let long = format!("\"{}\"", "é".repeat(1001));
    let bodies = [
        with("content_type", Some(&long)),
        with("content_type", Some("7")),
    ];
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"content_type":"at most 1000 characters are allowed, 1001 were sent"}}
    400 {"secure_document_service/upload_url":{"content_type":"text is needed"}}
    "#);
    let answer = upload(&app, with("content_type", Some(&longest))).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn several_faults_are_named_at_once() {
    let app = App::start().await;
    let body = r#"{"document_metadata": {"name": 7, "content_length": -1, "content_type": null, "encryption_type": []}}"#;
    assert_snapshot!(refused(&app, &[body.to_owned()]).await, @r#"400 {"secure_document_service/upload_url":{"compressed":"Document metadata must have field: compressed","content_length":"a whole number from 0 to 9223372036854775807 is needed","content_type":"Document metadata must have field: content_type","encryption_type":"text is needed","name":"text is needed"}}"#);
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
