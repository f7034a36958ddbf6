//! Requests that are too much.

use std::time::Duration;

use crypt_keeper_server::http::{MAX_HEADERS, MAX_TARGET};
use insta::assert_snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::app::App;

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
