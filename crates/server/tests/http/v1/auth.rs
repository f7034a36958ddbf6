//! "Authentication" of the contract.

use crypt_keeper_domain::model::UserName;
use crypt_keeper_domain::usecase::AdministerApiKeys;
use crypt_keeper_secret::ExposeSecret as _;
use insta::assert_snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::app::{A_TXT, App, BASE, Options};

/// Asks for a document with these headers.
async fn ask(app: &App, headers: &[&str]) -> String {
    let id = app.upload().await;
    let path = format!("download_url/{id}/");
    app.request("GET", &path, headers, b"").await.to_string()
}

#[tokio::test]
async fn whoever_is_not_known_is_refused_without_a_word() {
    let app = App::start().await;
    let alice = app.key("alice").to_owned();
    let bob = app.key("bob").to_owned();
    let other_secret = format!("{}x", &alice[..alice.len() - 1]);
    let unknown_id = format!("ck_000000000000_{}", &alice[16..]);
    let refused = ask(&app, &[]).await;
    assert_snapshot!(refused, @"401");
    for header in [
        format!("Authorization: ApiKey alice:{other_secret}"),
        format!("Authorization: ApiKey alice:{unknown_id}"),
        format!("Authorization: ApiKey nobody:{alice}"),
        format!("Authorization: ApiKey alice:{bob}"),
        format!("Authorization: ApiKey alice {alice}"),
        format!("Authorization: ApiKey alice:{alice}x"),
        format!("Authorization: ApiKey ALICE:{alice}"),
        format!("Authorization: ApiKeyalice:{alice}"),
        format!("Authorization: alice:{alice}"),
        "Authorization: ApiKey alice:wrong".to_owned(),
        "Authorization: ApiKey alice:".to_owned(),
        "Authorization: ApiKey :".to_owned(),
        "Authorization: ApiKey".to_owned(),
        "Authorization: ApiKey ".to_owned(),
        "Authorization: ".to_owned(),
        "Authorization: Basic YWxpY2U6a2V5".to_owned(),
        format!("Authorization: Basic alice:{alice}"),
        format!("Authorization: Bearer {alice}"),
        "Authorization: ApiKey é:é".to_owned(),
    ] {
        assert_eq!(ask(&app, &[&header]).await, refused, "{header}");
    }
}

#[tokio::test]
async fn an_inactive_user_is_refused() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    app.disable("alice").await;
    assert_snapshot!(app.get("alice", &path).await, @"401");
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_its_successor_accepted() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    let alice = UserName::parse("alice").unwrap();
    let successor = app.new_key(&alice).await;
    let keys = AdministerApiKeys {
        accounts: app.store.clone(),
        entropy: std::sync::Arc::new(crypt_keeper_server::entropy::SystemEntropy),
    };
    let listed = keys.list(&app.operator(), &alice).await.unwrap();
    let first = listed.iter().find(|key| key.id != successor.id()).unwrap();
    assert!(keys.revoke(&app.operator(), first.id).await.unwrap());
    assert_eq!(app.get("alice", &path).await.status, 401);
    let header = format!("Authorization: ApiKey alice:{}", successor.expose_secret());
    let answer = app.request("GET", &path, &[&header], b"").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn the_scheme_may_have_any_letter_case() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    for scheme in ["apikey", "ApiKey", "APIKEY", "aPIkEY"] {
        let header = format!("Authorization: {scheme} alice:{}", app.key("alice"));
        let answer = app.request("GET", &path, &[&header], b"").await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn a_user_name_may_have_blanks_and_any_letters() {
    let app = App::start().await;
    let body = A_TXT.as_bytes();
    for name in ["élodie", "a b", "客"] {
        let key = app.add_user(name).await;
        let header = format!("Authorization: ApiKey {name}:{key}");
        let answer = app.request("POST", "upload_url/", &[&header], body).await;
        assert_eq!(answer.status, 201, "{name}");
    }
}

#[tokio::test]
async fn credentials_in_the_query_are_refused_unless_configured() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    let path = format!("{path}?username=alice&api_key={}", app.key("alice"));
    assert_snapshot!(app.request("GET", &path, &[], b"").await, @"401");
}

#[tokio::test]
async fn credentials_in_the_query_are_accepted_if_configured() {
    let app = App::start_with(Options {
        query_auth: true,
        ..Options::default()
    })
    .await;
    let path = format!("download_url/{}/", app.upload().await);
    let right = format!("{path}?username=alice&api_key={}", app.key("alice"));
    let wrong = format!("{path}?username=alice&api_key={}", app.key("bob"));
    let status =
        async |path: &str, headers: &[&str]| app.request("GET", path, headers, b"").await.status;
    assert_eq!(status(&right, &[]).await, 200);
    assert_eq!(status(&wrong, &[]).await, 401);
    assert_eq!(status(&format!("{path}?username=alice"), &[]).await, 401);
    assert_eq!(status(&path, &[]).await, 401);
    // A header of another scheme is no ApiKey header.
    assert_eq!(status(&right, &["Authorization: Basic eDp5"]).await, 200);
    // The header wins, right or wrong.
    let bob = format!("Authorization: ApiKey alice:{}", app.key("bob"));
    assert_eq!(status(&right, &[&bob]).await, 401);
    assert_eq!(
        status(&right, &["Authorization: ApiKey nocolon"]).await,
        401
    );
    assert_eq!(status(&wrong, &[&app.credentials("alice")]).await, 200);
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_refused_before_credentials_are_asked_for() {
    let app = App::start().await;
    assert_snapshot!(app.request("GET", "upload_url/", &[], b"").await, @"
    405
    allow: POST
    content-type: text/plain; charset=utf-8

    POST
    ");
}

#[tokio::test]
async fn credentials_are_asked_for_before_the_body_is_looked_at() {
    let app = App::start().await;
    let answer = app.request("POST", "upload_url/", &[], b"{nonsense").await;
    assert_snapshot!(answer, @"401");
    // Also when the client is still sending; and the connection can be used again.
    let long = vec![b' '; 512 << 10];
    let answer = app.request("POST", "upload_url/", &[], &long).await;
    assert_eq!(answer.status, 401);

    let mut stream = app.connect().await;
    for _ in 0..2 {
        let head = format!(
            "POST {BASE}/upload_url/ HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            long.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&long).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 401"));
        assert!(answer[..length].ends_with(b"\r\n\r\n"));
    }
}
