//! What a client meets that resumes, breaks off, or opens an object in a browser.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::support::{DevServer, Store, object_key};
use crypt_keeper_domain::ports::BlobStore;
use reqwest::Client;

const KEY: &str = "0/20260301/0197f6f0-0000-7000-8000-000000000000/00ff";

struct Served {
    store: Store,
    server: DevServer,
    client: Client,
    base: String,
}

impl Served {
    fn start() -> Self {
        let (listener, base) = DevServer::port();
        let store = Store::new();
        let server = DevServer::start(listener, Arc::clone(&store.blobs));
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            store,
            server,
            client,
            base,
        }
    }

    async fn get(&self, headers: &[(&str, &str)]) -> reqwest::Response {
        let url = format!("{}{}", self.base, self.store.get_url(KEY).await);
        let mut request = self.client.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|it| it.to_str().unwrap())
}

#[tokio::test]
async fn an_object_is_served_so_that_no_browser_runs_it() {
    let served = Served::start();
    served.store.put(KEY, b"<script>").await.unwrap();
    let answer = served.get(&[]).await;
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
        ("cache-control", "no-store"),
        ("accept-ranges", "bytes"),
        ("content-length", "8"),
    ] {
        assert_eq!(header(&answer, name), Some(value), "{name}");
    }
    served.server.stop().await;
}

#[tokio::test]
async fn a_download_that_broke_off_goes_on_where_it_was() {
    let served = Served::start();
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    served.store.put(KEY, &body).await.unwrap();
    let whole = served.get(&[]).await;
    let tag = header(&whole, "etag").unwrap().to_owned();

    let rest = served
        .get(&[("range", "bytes=300001-"), ("if-range", &tag)])
        .await;
    assert_eq!(rest.status(), 206);
    assert_eq!(
        header(&rest, "content-range"),
        Some("bytes 300001-999999/1000000")
    );
    assert_eq!(header(&rest, "content-length"), Some("699999"));
    assert_eq!(rest.bytes().await.unwrap(), body[300_001..]);

    let part = served.get(&[("range", "bytes=0-9")]).await;
    assert_eq!(part.bytes().await.unwrap(), body[..10]);
    let changed = served
        .get(&[("range", "bytes=5-"), ("if-range", "\"another\"")])
        .await;
    assert_eq!(changed.status(), 200);
    assert_eq!(changed.bytes().await.unwrap(), body);
    let beyond = served.get(&[("range", "bytes=1000000-")]).await;
    assert_eq!(beyond.status(), 416);
    assert_eq!(header(&beyond, "content-range"), Some("bytes */1000000"));
    served.server.stop().await;
}

/// The connection breaks in the middle of the body: no object, no file, and the URL is good for
/// another try.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_broke_off_can_be_sent_again() {
    let served = Served::start();
    let url = served.store.put_url(KEY, 1 << 20).await;
    let host = served.base.strip_prefix("http://").unwrap().to_owned();
    let head = format!("PUT {url} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100000\r\n\r\n");
    tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(host).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        connection.write_all(&[1; 50_000]).unwrap();
        connection.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    })
    .await
    .unwrap();
    for _ in 0..500 {
        if served.store.incoming().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(served.store.incoming().is_empty());
    let head = served.store.blobs.head(&object_key(KEY)).await.unwrap();
    assert_eq!(head, None);

    let again = format!("{}{url}", served.base);
    let put = async || {
        let sent = served.client.put(&again).body(vec![1; 100_000]).send();
        sent.await.unwrap().status()
    };
    assert_eq!(put().await, 200);
    assert_eq!(put().await, 409);
    let too_long = format!("{}{}", served.base, served.store.put_url("0/x", 10).await);
    let refused = served.client.put(too_long).body(vec![1; 11]).send().await;
    assert_eq!(refused.unwrap().status(), 413);
    served.server.stop().await;
}
