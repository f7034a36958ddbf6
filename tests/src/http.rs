//! A bare HTTP/1.1 client: it sends what it is told and no header more than it must, so that it can
//! also be rude.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a test waits for an answer before it takes it for none.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// If no whole answer comes within [`PATIENCE`].
pub fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // As the standard says: no length for methods that have no body.
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    exchange(address, &[head.as_bytes(), body].concat(), method)
}

/// A request to a URL, a presigned one too.
///
/// # Errors
/// As [`request`].
pub fn request_url(method: &str, url: &str, body: &[u8]) -> io::Result<Answer> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "no http URL");
    let rest = url.strip_prefix("http://").ok_or_else(invalid)?;
    let (authority, path) = rest.split_once('/').ok_or_else(invalid)?;
    let address = authority.parse().map_err(|_| invalid())?;
    request(address, method, &format!("/{path}"), &[], body)
}

/// Sends bytes as they are and reads one answer.
///
/// # Errors
/// As [`request`].
pub fn exchange(address: SocketAddr, bytes: &[u8], method: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    // A server may refuse, answer and stop reading before all is sent: its answer counts.
    let sent = stream.write_all(bytes);
    let mut received = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer);
        let length = *read.as_ref().unwrap_or(&0);
        received.extend_from_slice(&buffer[..length]);
        // Who has the whole answer does not wait for the connection's end.
        if let Some(answer) = parse(&received, method, length == 0) {
            return Ok(answer);
        }
        if length == 0 {
            sent?;
            read?;
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("no whole answer: {:?}", String::from_utf8_lossy(&received)),
            ));
        }
    }
}

/// The first final answer in what was received; `None` if it is not whole.
fn parse(received: &[u8], method: &str, ended: bool) -> Option<Answer> {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&received[..end]);
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let rest = &received[end + 4..];
    if (100..200).contains(&status) {
        return parse(rest, method, ended);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    answer.body = if method == "HEAD" || matches!(status, 204 | 304) {
        Vec::new()
    } else if answer.header("transfer-encoding") == Some("chunked") {
        unchunk(rest)?
    } else if let Some(length) = answer.header("content-length") {
        rest.get(..length.parse().ok()?)?.to_vec()
    } else {
        ended.then(|| rest.to_vec())?
    };
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let data = rest.get(end + 2..end + 2 + size)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(data);
        rest = rest.get(end + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_is_none() {
        let whole = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nA: b\r\n\r\n{}";
        let answer = parse(whole, "POST", false).unwrap();
        assert_eq!((answer.status, answer.header("a")), (201, Some("b")));
        for end in 0..whole.len() {
            assert!(parse(&whole[..end], "POST", true).is_none(), "{end}");
        }
    }

    #[test]
    fn chunks_and_interim_answers_are_read() {
        let bytes =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                      3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n";
        assert_eq!(parse(bytes, "GET", false).unwrap().body, b"abcd");
    }
}
