//! "Odds and ends", slashes and content types of the contract.

use insta::assert_snapshot;

use crate::app::{A_TXT, App, BASE};

/// Status, `Allow` and body of each method.
async fn methods(app: &App, path: &str, methods: &[&str]) -> String {
    let mut lines = String::new();
    for method in methods {
        let answer = app.request(method, path, &[], b"").await;
        let allow = answer.header("allow").unwrap_or("none");
        lines.push_str(&format!(
            "{method}: {} Allow: {allow:?} body: {:?}\n",
            answer.status,
            answer.text()
        ));
    }
    lines
}

const ALL: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

#[tokio::test]
async fn the_list_download_url() {
    let app = App::start().await;
    assert_snapshot!(methods(&app, "download_url/", &ALL).await, @r#"
    GET: 405 Allow: "" body: ""
    POST: 405 Allow: "" body: ""
    PUT: 405 Allow: "" body: ""
    PATCH: 405 Allow: "" body: ""
    DELETE: 405 Allow: "" body: ""
    HEAD: 405 Allow: "" body: ""
    OPTIONS: 200 Allow: "" body: ""
    "#);
}

#[tokio::test]
async fn options_on_a_list() {
    let app = App::start().await;
    let answer = app.request("OPTIONS", "upload_url/", &[], b"").await;
    assert_snapshot!(answer, @"
    200
    allow: POST
    content-type: text/plain; charset=utf-8

    POST
    ");
    let answer = app.request("OPTIONS", "share/", &[], b"").await;
    assert_snapshot!(answer, @"
    200
    allow: POST
    content-type: text/plain; charset=utf-8

    POST
    ");
}

#[tokio::test]
async fn any_method_on_an_upload() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("upload_url/{id}/");
    assert_snapshot!(methods(&app, &path, &ALL).await, @r#"
    GET: 405 Allow: "" body: ""
    POST: 405 Allow: "" body: ""
    PUT: 405 Allow: "" body: ""
    PATCH: 405 Allow: "" body: ""
    DELETE: 405 Allow: "" body: ""
    HEAD: 405 Allow: "" body: ""
    OPTIONS: 405 Allow: "" body: ""
    "#);
}

#[tokio::test]
async fn other_methods_on_shares() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("share/{id}/");
    assert_snapshot!(methods(&app, &path, &ALL[1..]).await, @r#"
    POST: 405 Allow: "GET" body: "GET"
    PUT: 405 Allow: "GET" body: "GET"
    PATCH: 405 Allow: "GET" body: "GET"
    DELETE: 405 Allow: "GET" body: "GET"
    HEAD: 405 Allow: "GET" body: ""
    OPTIONS: 200 Allow: "GET" body: "GET"
    "#);
}

#[tokio::test]
async fn other_methods_on_a_download() {
    let app = App::start().await;
    let id = app.upload().await;
    let path = format!("download_url/{id}/");
    assert_snapshot!(methods(&app, &path, &ALL[1..]).await, @r#"
    POST: 405 Allow: "GET" body: "GET"
    PUT: 405 Allow: "GET" body: "GET"
    PATCH: 405 Allow: "GET" body: "GET"
    DELETE: 405 Allow: "GET" body: "GET"
    HEAD: 405 Allow: "GET" body: ""
    OPTIONS: 200 Allow: "GET" body: "GET"
    "#);
}

#[tokio::test]
async fn a_method_override_is_ignored() {
    let app = App::start().await;
    let id = app.upload().await;
    let headers = [
        &*app.credentials("alice"),
        "X-HTTP-Method-Override: GET",
        "Content-Type: application/json",
    ];
    let path = format!("download_url/{id}/");
    let answer = app.request("POST", &path, &headers, b"{}").await;
    assert_eq!(answer.status, 405);
    let headers = [headers[0], "X-HTTP-Method-Override: DELETE"];
    assert_eq!(app.request("GET", &path, &headers, b"").await.status, 200);
}

#[tokio::test]
async fn sets_schemas_and_other_resources_are_not_there() {
    let app = App::start().await;
    let id = app.upload().await;
    for path in [
        &*format!("download_url/set/{id};{id}/"),
        "download_url/schema/",
        "upload_url/schema/",
        "share/schema/",
        "secret_store/",
        "document_description_store/",
        "",
    ] {
        let answer = app.get("alice", path).await;
        assert_eq!(answer.to_string(), "404\n", "{path}");
    }
}

#[tokio::test]
async fn a_missing_slash_is_added_before_anything_else() {
    let app = App::start().await;
    let answer = app
        .request("POST", "upload_url", &[], A_TXT.as_bytes())
        .await;
    assert_snapshot!(answer, @"
    308
    location: /api/v1/secure_document_service/upload_url/
    ");
    let id = "019ca945-0a00-7000-8000-000000000000";
    for path in [
        "download_url",
        "share",
        &*format!("share/{id}"),
        &*format!("download_url/{id}"),
        &*format!("upload_url/{id}"),
        "share/nonsense",
        "share/%7Bx%7D",
    ] {
        for method in ["GET", "DELETE"] {
            let query = format!("{path}?format=xml");
            let answer = app.request(method, &query, &[], b"").await;
            assert_eq!(answer.status, 308, "{method} {path}");
            let location = format!("{BASE}/{path}/?format=xml");
            assert_eq!(answer.header("location"), Some(&*location));
        }
    }
}

#[tokio::test]
async fn content_types() {
    let app = App::start().await;
    let post = async |content_type: Option<&str>| {
        let credentials = app.credentials("alice");
        let content_type = content_type.map(|value| format!("Content-Type: {value}"));
        let mut headers = vec![&*credentials];
        headers.extend(content_type.as_deref());
        app.request("POST", "upload_url/", &headers, A_TXT.as_bytes())
            .await
    };
    for accepted in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/json;charset=latin-1"),
        Some("Application/JSON"),
    ] {
        assert_eq!(post(accepted).await.status, 201, "{accepted:?}");
    }
    for refused in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "",
    ] {
        let answer = post(Some(refused)).await;
        assert_eq!(
            answer.line(),
            r#"400 {"error_message":"Sorry, this request could not be processed. Please try again later."}"#,
            "{refused}"
        );
    }
    let headers = [&*app.credentials("alice"), "Content-Type: text/plain"];
    let answer = app.request("POST", "share/", &headers, b"{}").await;
    assert_eq!(
        answer.line(),
        r#"400 {"error_message":"Sorry, this request could not be processed. Please try again later."}"#
    );
    assert_eq!(app.documents().await, 5);
}

#[tokio::test]
async fn urls_never_come_from_the_host_header() {
    let app = App::start().await;
    // Every test sends `Host: elsewhere.example`.
    let answer = app.post("alice", "upload_url/", A_TXT).await;
    let text = answer.to_string();
    assert!(!text.contains("elsewhere.example"), "{text}");
    let url = answer.json()["single_use_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("http://{}/", app.address())));
}
