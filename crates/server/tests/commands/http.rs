//! A bare HTTP client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Status and body.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).unwrap_or_default().parse().unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

const V1: &str = "/api/v1/secure_document_service";

/// `POST upload_url/` of a text; status and body.
pub(crate) fn upload(address: SocketAddr, user: &str, key: &str, name: &str) -> (u16, String) {
    let body = serde_json::json!({"document_metadata": {
        "name": name, "content_length": 10, "content_type": "text/plain", "compressed": false,
        "encryption_type": "AES256_GCM_HKDF_1MB",
    }});
    call(address, user, key, "POST", "upload_url/", &body.to_string())
}

/// `GET download_url/<id>/`.
pub(crate) fn download(address: SocketAddr, user: &str, key: &str, id: &str) -> u16 {
    call(
        address,
        user,
        key,
        "GET",
        &format!("download_url/{id}/"),
        "",
    )
    .0
}

/// `POST share/`.
pub(crate) fn share(address: SocketAddr, user: &str, key: &str, id: &str, with: &str) -> u16 {
    let body = serde_json::json!({"document_id": id, "username": with});
    call(address, user, key, "POST", "share/", &body.to_string()).0
}

fn call(
    address: SocketAddr,
    user: &str,
    key: &str,
    method: &str,
    resource: &str,
    body: &str,
) -> (u16, String) {
    let authorization = format!("ApiKey {user}:{key}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    request(address, method, &format!("{V1}/{resource}"), &headers, body)
}

/// The id in an answer of `upload_url/`.
pub(crate) fn id_of(answer: &(u16, String)) -> String {
    assert_eq!(answer.0, 201, "{}", answer.1);
    let body: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
    body["document_id"].as_str().unwrap().to_owned()
}
