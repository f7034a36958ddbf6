//! The fields of the metadata, one by one.

use insta::assert_snapshot;

use super::{refused, stored, upload, with};
use crate::app::App;

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
