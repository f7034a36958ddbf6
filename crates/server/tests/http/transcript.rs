//! Requests byte for byte, and answers as snapshots show them.

use std::fmt;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Headers that say nothing about the contract.
const DULL: [&str; 5] = [
    "content-length",
    "date",
    "connection",
    "x-request-id",
    "transfer-encoding",
];

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// Status and body on one line, for tables.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.status, placeholders(self.text()))
    }
}

/// Status, headers that matter in order of their names, body; ids, keys and URLs as placeholders.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !DULL.contains(&name.as_str()))
            .collect();
        headers.sort();
        for (name, value) in headers {
            writeln!(f, "{name}: {}", placeholders(value))?;
        }
        if !self.body.is_empty() {
            writeln!(f, "\n{}", placeholders(self.text()))?;
        }
        Ok(())
    }
}

/// Sends a head and a body, and reads until the server closes the connection.
pub(crate) async fn exchange(mut stream: TcpStream, head: &str, body: &[u8]) -> Answer {
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}

pub(crate) fn parse(answer: &[u8]) -> Answer {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let body = answer[end + 4..].to_vec();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    if let Some((_, length)) = length
        && !body.is_empty()
    {
        assert_eq!(length.parse(), Ok(body.len()), "content-length");
    }
    Answer {
        status: status.parse().unwrap(),
        headers,
        body,
    }
}

/// Replaces what differs from run to run: presigned URLs, document keys, ids made here.
pub(crate) fn placeholders(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(url) = presigned(rest) {
            let kind = if url.contains("&max_length=") || url.contains("&amp;max_length=") {
                "<presigned PUT>"
            } else {
                "<presigned GET>"
            };
            shown.push_str(kind);
            rest = &rest[url.len()..];
        } else if is_document_key(rest) {
            shown.push_str("<44 characters of base64>");
            rest = &rest[44..];
        } else if is_new_id(rest) {
            shown.push_str("<id>");
            rest = &rest[36..];
        } else {
            shown.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    shown
}

fn presigned(text: &str) -> Option<&str> {
    let after = text.strip_prefix("http://127.0.0.1:")?;
    let end = after.find(['"', '<', ' '])? + "http://127.0.0.1:".len();
    text[..end].contains("/blobs/").then_some(&text[..end])
}

/// Padded base64 of 32 bytes.
fn is_document_key(text: &str) -> bool {
    let Some(candidate) = text.get(..44) else {
        return false;
    };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    candidate.ends_with('=') && candidate.bytes().take(43).all(is_base64)
}

/// An id of the tests' day, made by the service.
fn is_new_id(text: &str) -> bool {
    let Some(candidate) = text.get(..36) else {
        return false;
    };
    let form = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx";
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        other => byte == other,
    };
    candidate.starts_with("019c") && candidate.bytes().zip(form.bytes()).all(fits)
}
