//! Single HTTP requests to the service, for what is not measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::failed;
use super::service::Account;
use crate::step::Result;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where version 1 of the API begins.
pub(super) const V1: &str = "/api/v1/secure_document_service";

/// Asks for the upload of a document of so many bytes; the answer's object.
pub(super) fn request_upload(
    address: SocketAddr,
    account: &Account,
    length: u64,
) -> Result<serde_json::Value> {
    let metadata = serde_json::json!({"document_metadata": {
        "name": "bench.bin",
        "content_length": length,
        "content_type": "application/octet-stream",
        "compressed": false,
        "encryption_type": "AES256_GCM_HKDF_1MB",
    }});
    let path = format!("{V1}/upload_url/");
    let (status, body) = send(
        address,
        "POST",
        &path,
        Some(account),
        metadata.to_string().as_bytes(),
    )?;
    object("an upload", status, 201, &body)
}

/// Asks for the download of a document; the answer's object.
pub(super) fn request_download(
    address: SocketAddr,
    account: &Account,
    id: &str,
) -> Result<serde_json::Value> {
    let path = format!("{V1}/download_url/{id}/");
    let (status, body) = send(address, "GET", &path, Some(account), &[])?;
    object("a download", status, 200, &body)
}

fn object(what: &str, status: u16, expected: u16, body: &[u8]) -> Result<serde_json::Value> {
    if status != expected {
        // An error's body holds no key.
        return Err(failed(format!(
            "the request of {what} was answered {status}: {}",
            String::from_utf8_lossy(body)
        )));
    }
    serde_json::from_slice(body).map_err(failed)
}

/// Status and body of one request on a connection of its own.
pub(super) fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    account: Option<&Account>,
    body: &[u8],
) -> Result<(u16, Vec<u8>)> {
    exchange(address, method, path, account, body)
        .map_err(|error| failed(format!("{method} {path}: {error}")))
}

fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    account: Option<&Account>,
    body: &[u8],
) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let credentials = account.map_or_else(String::new, |account| {
        format!("Authorization: {}\r\n", account.authorization())
    });
    // HTTP/1.0: the body ends with the connection, and is not chunked.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{credentials}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| std::io::Error::other("the answer is no HTTP"))
}

fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_found() {
        let answer = b"HTTP/1.0 201 Created\r\nA: b\r\n\r\n{}\r\n\r\n";
        assert_eq!(parse(answer), Some((201, b"{}\r\n\r\n".to_vec())));
        assert_eq!(parse(b"HTTP/1.0 201 Created\r\n"), None);
    }
}
