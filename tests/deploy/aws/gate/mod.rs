//! A gate before a server of ours, which lets its one user do anything: it lets through what a role
//! allows, and answers the rest as Amazon does.

mod dynamodb;
mod s3;

use std::collections::BTreeSet;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crypt_keeper_tests::http::{self, Answer};

use super::roles::{Request, Role};

/// What is behind a gate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    DynamoDb,
    S3,
}

/// A gate at work; its threads end with the test's process.
#[derive(Debug)]
pub(super) struct Gate {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

/// What came to the gate.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) allowed: BTreeSet<Request>,
    pub(super) denied: BTreeSet<Request>,
}

impl Gate {
    /// Before the server at `endpoint`.
    pub(super) fn start(behind: Behind, role: Role, endpoint: &str) -> Self {
        let upstream = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let guard = Arc::new(Guard {
            behind,
            role,
            upstream,
            seen: Arc::clone(&seen),
        });
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let guard = Arc::clone(&guard);
                // A client that hangs up ends its thread.
                std::thread::spawn(move || drop(guard.serve(&client)));
            }
        });
        Self { address, seen }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

struct Guard {
    behind: Behind,
    role: Role,
    upstream: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Guard {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client);
        let mut writer = client;
        while let Some(call) = Call::read(&mut reader)? {
            let answer = match self.refusal(&call) {
                Some(refusal) => refusal,
                None => call.forward(self.upstream)?,
            };
            write(&mut writer, &answer)?;
        }
        Ok(())
    }

    fn refusal(&self, call: &Call) -> Option<Answer> {
        let requests = match self.behind {
            Behind::DynamoDb => dynamodb::requests(call),
            Behind::S3 => s3::requests(call),
        };
        let mut refused = None;
        let mut seen = self.seen.lock().unwrap();
        for request in requests {
            if self.role.allows(&request) {
                seen.allowed.insert(request);
            } else {
                let (action, resource) = (&request.action, &request.resource);
                refused = Some(format!(
                    "User: tests is not authorized to perform: {action} on resource: {resource}"
                ));
                seen.denied.insert(request);
            }
        }
        let why = refused?;
        Some(match self.behind {
            Behind::DynamoDb => dynamodb::refusal(&why),
            Behind::S3 => s3::refusal(&why),
        })
    }
}

/// An HTTP request, whole.
struct Call {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// `None` once the client has hung up.
    fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Self>> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP request");
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split_whitespace();
        let method = words.next().ok_or_else(broken)?.to_owned();
        let target = words.next().ok_or_else(broken)?.to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(broken)?;
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut call = Self {
            method,
            target,
            headers,
            body: Vec::new(),
        };
        let length = call.header("content-length").unwrap_or("0");
        let length: usize = length.parse().map_err(|_| broken())?;
        call.body.resize(length, 0);
        reader.read_exact(&mut call.body)?;
        Ok(Some(call))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(found, _)| found == name)?;
        Some(&found.1)
    }

    /// As it came, by its host's name too, which signatures cover; on a connection of its own.
    fn forward(&self, upstream: SocketAddr) -> io::Result<Answer> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let kept = self.headers.iter().filter(|(name, _)| name != "connection");
        for (name, value) in kept {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("connection: close\r\n\r\n");
        let whole = [head.as_bytes(), &self.body].concat();
        http::exchange(upstream, &whole, &self.method)
    }
}

fn write(client: &mut impl io::Write, answer: &Answer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Answered\r\n", answer.status);
    let of_the_connection = ["connection", "content-length", "transfer-encoding"];
    for (name, value) in &answer.headers {
        if !of_the_connection.contains(&name.as_str()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    // Of an answer to HEAD, what it would be.
    let length = answer.body.len().to_string();
    let length = match answer.header("content-length") {
        Some(length) if answer.body.is_empty() => length,
        _ => &length,
    };
    head.push_str(&format!("content-length: {length}\r\n\r\n"));
    client.write_all(&[head.as_bytes(), &answer.body].concat())
}
