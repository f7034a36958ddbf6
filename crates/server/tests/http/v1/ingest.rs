//! A server of the role `ingest`: uploads, and nothing else.

use crypt_keeper_server::config::Role;
use insta::assert_snapshot;

use crate::app::{A_TXT, App, Options};

#[tokio::test]
async fn it_accepts_uploads_and_has_no_other_path() {
    let options = Options {
        role: Role::Ingest,
        ..Options::default()
    };
    let app = App::start_with(options).await;
    let uploaded = app.post("alice", "upload_url/", A_TXT).await;
    assert_eq!(uploaded.status, 201);
    let id = uploaded.json()["document_id"].as_str().unwrap().to_owned();
    assert_snapshot!(app.get("alice", &format!("download_url/{id}/")).await, @"404");
    assert_snapshot!(app.get("alice", &format!("download_url/{id}")).await, @"404");
    assert_snapshot!(app.get("alice", &format!("share/{id}/")).await, @"404");
    let share = format!(r#"{{"document_id": "{id}", "username": "bob"}}"#);
    assert_snapshot!(app.post("alice", "share/", &share).await, @"404");
    // Not even what says who may: there is nothing to say it about.
    assert_snapshot!(app.request("GET", "download_url/", &[], b"").await, @"404");
    let methods = app.get("alice", "upload_url/").await;
    assert_eq!(methods.status, 405);
    assert_eq!(app.audit().await, ["document.created"]);
}
