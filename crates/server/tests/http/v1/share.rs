//! "share/" of the contract.

use insta::assert_snapshot;

use crate::app::App;

const UNKNOWN: &str = "019ca945-0a00-7000-8000-000000000000";

#[tokio::test]
async fn by_the_owner() {
    let app = App::start().await;
    let id = app.upload().await;
    assert_snapshot!(app.share(&id, "bob").await, @r#"
    201
    cache-control: no-store
    content-type: application/json
    location: /api/v1/secure_document_service/share/<id>/

    {"document_id":"<id>","resource_uri":"/api/v1/secure_document_service/share/<id>/","username":"bob"}
    "#);
}

#[tokio::test]
async fn again_and_for_himself_leaves_one_entry() {
    let app = App::start().await;
    let id = app.upload().await;
    for user in ["bob", "bob", "alice"] {
        assert_eq!(app.share(&id, user).await.status, 201, "{user}");
    }
    let users = app.get("alice", &format!("share/{id}/")).await.json()["users"].clone();
    assert_eq!(users, serde_json::json!(["alice", "bob"]));
    assert_eq!(app.audit().await, ["document.created", "entry.granted"]);
    // Sharing with himself has taken nothing from him.
    assert_eq!(app.share(&id, "carol").await.status, 201);
}

#[tokio::test]
async fn by_a_shared_user_or_a_stranger_whoever_is_named() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "bob").await;
    for caller in ["bob", "carol"] {
        for named in ["bob", "alice", "nobody", "", "a:b"] {
            let body = format!(r#"{{"document_id": "{id}", "username": "{named}"}}"#);
            let answer = app.post(caller, "share/", body).await;
            assert_eq!(answer.to_string(), "401\n", "{caller} names {named}");
        }
    }
}

#[tokio::test]
async fn with_an_unknown_user() {
    let app = App::start().await;
    let id = app.upload().await;
    assert_snapshot!(app.share(&id, "nobody").await, @r#"
    400
    cache-control: no-store
    content-type: application/json

    {"secure_document_service/share":"Must provide a valid username."}
    "#);
    app.disable("carol").await;
    let mut lines = String::new();
    for name in ["", "a:b", "carol"] {
        let answer = app.share(&id, name).await;
        lines.push_str(&format!("{name:?}: {}\n", answer.line()));
    }
    assert_snapshot!(lines, @r#"
    "": 400 {"secure_document_service/share":"Must provide a valid username."}
    "a:b": 400 {"secure_document_service/share":"Must provide a valid username."}
    "carol": 400 {"secure_document_service/share":"Must provide a valid username."}
    "#);
}

#[tokio::test]
async fn fields_missing_null_or_not_text() {
    let app = App::start().await;
    let id = app.upload().await;
    let mut lines = String::new();
    for body in [
        format!(r#"{{"document_id": "{id}"}}"#),
        format!(r#"{{"document_id": "{id}", "username": null}}"#),
        format!(r#"{{"document_id": "{id}", "username": 7}}"#),
        r#"{"username": "bob"}"#.to_owned(),
        r#"{"document_id": null, "username": "bob"}"#.to_owned(),
        r#"{"document_id": ["x"], "username": "bob"}"#.to_owned(),
        "{}".to_owned(),
        r#"{"document_id": 1, "username": {}}"#.to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        "7".to_owned(),
    ] {
        let answer = app.post("alice", "share/", &body).await;
        lines.push_str(&answer.line());
        lines.push('\n');
    }
    assert_snapshot!(lines, @r#"
    400 {"secure_document_service/share":"Must provide username."}
    400 {"secure_document_service/share":"Must provide username."}
    400 {"secure_document_service/share":"Must provide username."}
    400 {"secure_document_service/share":"Must provide document id."}
    400 {"secure_document_service/share":"Must provide document id."}
    400 {"secure_document_service/share":"Must provide document id."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    400 {"secure_document_service/share":"Must provide document id and username."}
    "#);
}

#[tokio::test]
async fn what_is_not_json() {
    let app = App::start().await;
    let mut lines = String::new();
    for body in [
        &b""[..],
        b"nonsense",
        b"{\"document_id\": ",
        b"{\"username\": \"\xff\"}",
    ] {
        let answer = app.post("alice", "share/", body).await;
        lines.push_str(&format!("{}\n", answer.line()));
    }
    assert_snapshot!(lines, @r#"
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    400 {"error":"Request is not valid JSON."}
    "#);
}

#[tokio::test]
async fn an_unknown_or_malformed_document() {
    let app = App::start().await;
    let mut lines = String::new();
    for id in [
        UNKNOWN,
        "00000000-0000-0000-0000-000000000000",
        "nonsense",
        "",
        "<b>\\\"",
    ] {
        let answer = app.share(id, "bob").await;
        lines.push_str(&answer.line());
        lines.push('\n');
    }
    assert_snapshot!(lines, @r#"
    400 {"secure_document_service/share":"Must provide a valid document id."}
    400 {"secure_document_service/share":"Must provide a valid document id."}
    400 {"secure_document_service/share":"Request with badly formed document ID string: nonsense"}
    400 {"secure_document_service/share":"Request with badly formed document ID string: "}
    400 {"secure_document_service/share":"Request with badly formed document ID string: <b>\""}
    "#);
}

#[tokio::test]
async fn the_id_in_the_answer_is_as_it_was_sent() {
    let app = App::start().await;
    let id = app.upload().await;
    for sent in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}")] {
        let answer = app.share(&sent, "bob").await;
        assert_eq!(answer.status, 201, "{answer}");
        assert_eq!(answer.json()["document_id"], *sent);
        let answer = app.get("alice", &format!("share/{sent}/")).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(answer.json()["document_id"], *sent);
    }
}

#[tokio::test]
async fn get_by_the_owner_the_owner_first_then_in_order_of_sharing() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "carol").await;
    app.clock.advance(std::time::Duration::from_millis(1));
    app.share(&id, "bob").await;
    assert_snapshot!(app.get("alice", &format!("share/{id}/")).await, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"document_id":"<id>","resource_uri":"/api/v1/secure_document_service/share/<id>/","users":["alice","carol","bob"]}
    "#);
}

#[tokio::test]
async fn get_by_a_shared_user_or_a_stranger() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "bob").await;
    for caller in ["bob", "carol"] {
        let answer = app.get(caller, &format!("share/{id}/")).await;
        assert_eq!(answer.to_string(), "401\n", "{caller}");
    }
}

#[tokio::test]
async fn get_unknown_or_malformed() {
    let app = App::start().await;
    assert_snapshot!(app.get("alice", &format!("share/{UNKNOWN}/")).await, @r#"
    400
    cache-control: no-store
    content-type: application/json

    "Must provide a valid document id."
    "#);
    assert_snapshot!(app.get("alice", "share/nonsense/").await, @r#"
    400
    cache-control: no-store
    content-type: application/json

    "Request with badly formed document ID string: nonsense"
    "#);
    assert_snapshot!(app.get("alice", "share/%22%3Cb%3E%20x/").await.line(), @r#"400 "Request with badly formed document ID string: \"<b> x""#);
}

#[tokio::test]
async fn get_the_list() {
    let app = App::start().await;
    assert_snapshot!(app.get("alice", "share/").await, @"
    405
    allow: POST
    content-type: text/plain; charset=utf-8

    POST
    ");
}
