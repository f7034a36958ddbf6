//! Requests that are too much.

use std::time::Duration;

use crypt_keeper_server::http::{MAX_HEADERS, MAX_TARGET, Timeouts};
use insta::assert_snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::app::{A_TXT, App, BASE, Options};
use crate::transcript::{self, Answer};

#[tokio::test]
async fn headers_have_a_limit_which_is_told() {
    let app = App::start().await;
    let ask = async |length: usize| {
        let head = format!(
            "GET /version HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\nConnection: close\r\n\r\n",
            "x".repeat(length)
        );
        app.send(&head, b"").await
    };
    assert_eq!(ask(MAX_HEADERS - 100).await.status, 200);
    assert_snapshot!(ask(MAX_HEADERS).await, @"
    431
    content-type: text/plain; charset=utf-8

    The headers have 16422 bytes; at most 16384 are allowed.
    ");
}

#[tokio::test]
async fn the_path_and_query_have_a_limit_which_is_told() {
    let app = App::start().await;
    let ask = async |length: usize| {
        app.ask("GET", &format!("/version?{}", "x".repeat(length)))
            .await
    };
    assert_eq!(ask(MAX_TARGET - 9).await.status, 200);
    assert_snapshot!(ask(MAX_TARGET - 8).await, @"
    414
    content-type: text/plain; charset=utf-8

    The path and query have 8193 bytes; at most 8192 are allowed.
    ");
}

#[tokio::test]
async fn nonsense_on_the_wire_does_no_harm() {
    let app = App::start().await;
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..], // a TLS hello
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut stream = app.connect().await;
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(read.is_ok(), "{nonsense:?} is still open after {text:?}");
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{nonsense:?}: {text:?}"
        );
    }
    assert_eq!(app.ask("GET", "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let app = App::start().await;
    let mut stream = app.connect().await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    }
}

/// A server that waits for nobody.
async fn impatient() -> App {
    let short = Duration::from_millis(300);
    App::start_with(Options {
        timeouts: Timeouts {
            head: short,
            body: short,
            idle: short,
        },
        ..Options::default()
    })
    .await
}

/// What is answered to a request whose sender falls silent.
async fn answer_to(app: &App, begun: &str) -> Answer {
    let mut stream = app.connect().await;
    stream.write_all(begun.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "{begun:?} is still waited for");
    transcript::parse(&answer)
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let app = impatient().await;
    let answer = answer_to(&app, "GET /healthz HTTP/1.1\r\nHost: h\r\n").await;
    assert_eq!(answer.status, 408);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = impatient().await;
    let head = format!(
        "POST {BASE}/upload_url/ HTTP/1.1\r\nHost: h\r\n{}\r\nContent-Length: 200\r\n\r\n{{",
        app.credentials("alice")
    );
    assert_snapshot!(answer_to(&app, &head).await, @r#"
    408
    cache-control: no-store
    content-type: application/json

    {"error_message":"The body of the request took too long to come."}
    "#);
    assert_eq!(app.documents().await, 0);
}

#[tokio::test]
async fn an_object_that_does_not_come_is_not_waited_for() {
    let app = impatient().await;
    let uploaded = app.post("alice", "upload_url/", A_TXT).await.json();
    let url = uploaded["single_use_url"].as_str().unwrap();
    let path = url
        .strip_prefix(&format!("http://{}", app.address()))
        .unwrap();
    let begun = format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 32\r\n\r\n0123");
    assert_snapshot!(answer_to(&app, &begun).await, @"
    408
    cache-control: no-store
    content-type: text/plain; charset=utf-8

    Nothing came for 0.3 s; nothing is stored.
    ");
    // It may be sent again: nothing is there.
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
    assert_eq!(app.send(&head, b"0123").await.status, 200);
}
