//! Objects of the local folder, by the URLs that the service signs.

use insta::assert_snapshot;

use crate::app::{A_TXT, App};
use crate::transcript::Answer;

struct Urls {
    put: String,
    get: String,
}

/// A document's presigned URLs, from the path on.
async fn urls(app: &App) -> Urls {
    let path = |answer: &Answer| {
        let url = answer.json()["single_use_url"].as_str().unwrap().to_owned();
        let start = format!("http://{}", app.address());
        url.strip_prefix(&start).unwrap().to_owned()
    };
    let uploaded = app.post("alice", "upload_url/", A_TXT).await;
    let id = uploaded.json()["document_id"].as_str().unwrap().to_owned();
    let download = app.get("alice", &format!("download_url/{id}/")).await;
    Urls {
        put: path(&uploaded),
        get: path(&download),
    }
}

async fn ask(app: &App, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let length = if method == "PUT" {
        format!("Content-Length: {}\r\n", body.len())
    } else {
        String::new()
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}{length}Connection: close\r\n\r\n"
    );
    app.send(&head, body).await
}

/// The transcript without the entity tag, which tells the time.
fn shown(answer: &Answer) -> String {
    let text = answer.to_string();
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("etag"))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn put_then_get() {
    let app = App::start().await;
    let urls = urls(&app).await;
    let missing = ask(&app, "GET", &urls.get, "", b"").await;
    assert_snapshot!(missing, @"
    404
    cache-control: no-store
    content-type: text/plain; charset=utf-8

    There is no such object: its upload has not finished, or it was deleted.
    ");
    let put = ask(&app, "PUT", &urls.put, "", b"0123456789").await;
    assert_snapshot!(shown(&put), @"200");
    let got = ask(&app, "GET", &urls.get, "", b"").await;
    assert_snapshot!(shown(&got), @"
    200
    accept-ranges: bytes
    cache-control: no-store
    content-disposition: attachment
    content-security-policy: sandbox
    content-type: application/octet-stream
    x-content-type-options: nosniff

    0123456789
    ");
    assert_eq!(put.header("etag"), got.header("etag"));
    assert!(got.header("etag").unwrap().starts_with('"'));
}

#[tokio::test]
async fn an_object_is_never_overwritten() {
    let app = App::start().await;
    let urls = urls(&app).await;
    assert_eq!(ask(&app, "PUT", &urls.put, "", b"first").await.status, 200);
    assert_snapshot!(ask(&app, "PUT", &urls.put, "", b"other").await, @"
    412
    cache-control: no-store
    content-type: text/plain; charset=utf-8

    the object is there already, and is not overwritten
    ");
    assert_eq!(ask(&app, "GET", &urls.get, "", b"").await.body, b"first");
}

#[tokio::test]
async fn an_empty_object() {
    let app = App::start().await;
    let urls = urls(&app).await;
    assert_eq!(ask(&app, "PUT", &urls.put, "", b"").await.status, 200);
    let got = ask(&app, "GET", &urls.get, "", b"").await;
    assert_eq!((got.status, got.body.len()), (200, 0));
}

#[tokio::test]
async fn ranges() {
    let app = App::start().await;
    let urls = urls(&app).await;
    let put = ask(&app, "PUT", &urls.put, "", b"0123456789").await;
    let part = ask(&app, "GET", &urls.get, "Range: bytes=3-5\r\n", b"").await;
    assert_snapshot!(shown(&part), @"
    206
    accept-ranges: bytes
    cache-control: no-store
    content-disposition: attachment
    content-range: bytes 3-5/10
    content-security-policy: sandbox
    content-type: application/octet-stream
    x-content-type-options: nosniff

    345
    ");
    let tail = ask(&app, "GET", &urls.get, "Range: bytes=-2\r\n", b"").await;
    assert_eq!((tail.status, tail.text()), (206, "89"));
    let beyond = ask(&app, "GET", &urls.get, "Range: bytes=10-\r\n", b"").await;
    assert_snapshot!(beyond, @"
    416
    content-range: bytes */10
    ");
    let tag = put.header("etag").unwrap();
    let same = format!("Range: bytes=3-\r\nIf-Range: {tag}\r\n");
    assert_eq!(ask(&app, "GET", &urls.get, &same, b"").await.status, 206);
    let other = "Range: bytes=3-\r\nIf-Range: \"other\"\r\n";
    assert_eq!(ask(&app, "GET", &urls.get, other, b"").await.status, 200);
}

#[tokio::test]
async fn a_url_is_good_for_what_it_was_signed_for() {
    let app = App::start().await;
    let urls = urls(&app).await;
    let other = self::urls(&app).await;
    assert_eq!(ask(&app, "PUT", &urls.put, "", b"x").await.status, 200);
    assert_snapshot!(ask(&app, "PUT", &urls.get, "", b"x").await, @"
    403
    cache-control: no-store
    content-type: text/plain; charset=utf-8

    the URL is not signed for this request: it must be used exactly as it was given
    ");
    let query = |url: &str| url.split_once('?').unwrap().1.to_owned();
    let path = urls.get.split_once('?').unwrap().0;
    for tampered in [
        path.to_owned(),
        format!("{path}?{}", query(&other.get)),
        format!("{}0", urls.get),
        urls.get.replace("expires=1", "expires=2"),
        "/blobs/".to_owned(),
        "/blobs/../master.key".to_owned(),
        "/blobs/%2e%2e/master.key?expires=1&signature=00".to_owned(),
    ] {
        let answer = ask(&app, "GET", &tampered, "", b"").await;
        assert_eq!(answer.status, 403, "{tampered}");
    }
    for method in ["HEAD", "DELETE", "POST", "OPTIONS"] {
        let answer = ask(&app, method, &urls.get, "", b"").await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, PUT"));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_leaves_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let app = App::start().await;
    let urls = urls(&app).await;
    let mut stream = app.connect().await;
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
        urls.put
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    assert_eq!(ask(&app, "GET", &urls.get, "", b"").await.status, 404);
    // It may be put whole afterwards.
    assert_eq!(ask(&app, "PUT", &urls.put, "", b"whole").await.status, 200);
    assert_eq!(ask(&app, "GET", &urls.get, "", b"").await.body, b"whole");
}

#[tokio::test]
async fn a_body_beyond_what_the_url_allows_is_refused_before_it_is_sent() {
    let app = App::start().await;
    let urls = urls(&app).await;
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: h\r\nContent-Length: 5368709121\r\nConnection: close\r\n\r\n",
        urls.put
    );
    assert_snapshot!(app.send(&head, b"").await, @"
    413
    cache-control: no-store
    content-type: text/plain; charset=utf-8

    the body is too long: at most 5368709120 bytes are taken
    ");
}
