//! Stopping: what is under way is answered, what comes later is not accepted.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::app::{A_TXT, App, BASE};

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let app = App::start().await;
    let address = app.address();
    let mut stream = app.connect().await;
    let head = format!(
        "POST {BASE}/upload_url/ HTTP/1.1\r\nHost: h\r\n{}\r\nContent-Length: {}\r\n\r\n",
        app.credentials("alice"),
        A_TXT.len()
    );
    let (first, rest) = A_TXT.as_bytes().split_at(20);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(first).await.unwrap();
    sleep(Duration::from_millis(200)).await;

    let store = app.store.clone();
    let stopping = tokio::spawn(app.stop());
    sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(address).await.is_err(), "still accepts");
    assert!(!stopping.is_finished(), "does not wait");

    stream.write_all(rest).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    timeout(Duration::from_secs(5), read)
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 201"));
    timeout(Duration::from_secs(5), stopping)
        .await
        .unwrap()
        .unwrap();
    drop(store);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_it_up() {
    let app = App::start().await;
    let mut stream = app.connect().await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    timeout(Duration::from_secs(5), app.stop()).await.unwrap();
}
