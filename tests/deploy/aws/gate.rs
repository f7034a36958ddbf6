//! A gate before DynamoDB Local, which asks nobody what he may do: it lets through what a role allows,
//! and answers the rest as Amazon does.

use std::collections::BTreeSet;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crypt_keeper_tests::http::{self, Answer};
use serde_json::{Value, json};

use super::roles::{Request, Role, table};

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
    pub(super) fn start(role: Role, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let guard = Arc::new(Guard {
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
        let operation = call.header("x-amz-target").unwrap();
        let (_, operation) = operation.split_once('.').unwrap();
        let body = serde_json::from_slice(&call.body).unwrap();
        let mut refused = None;
        let mut seen = self.seen.lock().unwrap();
        for request in requests(operation, &body) {
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
        let body = json!({
            "__type": "com.amazon.coral.service#AccessDeniedException",
            "Message": refused?,
        });
        Some(Answer {
            status: 400,
            headers: vec![("content-type".into(), "application/x-amz-json-1.0".into())],
            body: body.to_string().into_bytes(),
        })
    }
}

/// What has to be allowed for a call.
fn requests(operation: &str, body: &Value) -> Vec<Request> {
    let one = |operation: &str, part: &Value, keys: &[&Value]| {
        let mut resource = table(part["TableName"].as_str().unwrap());
        if let Some(index) = part["IndexName"].as_str() {
            resource = format!("{resource}/index/{index}");
        }
        let mut request = Request::new(&format!("dynamodb:{operation}"), &resource);
        let keys = keys.iter().filter_map(|key| key["id"]["S"].as_str());
        request.leading_keys = keys.map(str::to_owned).collect();
        request
    };
    match operation {
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().iter();
            let each = tables.map(|(name, of)| {
                let keys: Vec<_> = of["Keys"].as_array().unwrap().iter().collect();
                one(operation, &json!({ "TableName": name }), &keys)
            });
            each.collect()
        }
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().unwrap().iter();
            let parts = parts.flat_map(|part| part.as_object().unwrap());
            let each = parts.map(|(kind, part)| {
                let operation = match kind.as_str() {
                    "ConditionCheck" => "ConditionCheckItem".to_owned(),
                    write => format!("{write}Item"),
                };
                one(&operation, part, &[&part["Key"], &part["Item"]])
            });
            each.collect()
        }
        _ => vec![one(operation, body, &[&body["Key"], &body["Item"]])],
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

    fn forward(&self, upstream: SocketAddr) -> io::Result<Answer> {
        let of_the_connection = ["host", "connection", "content-length"];
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter(|(name, _)| !of_the_connection.contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        http::request(upstream, &self.method, &self.target, &headers, &self.body)
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
    head.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
    client.write_all(&[head.as_bytes(), &answer.body].concat())
}

#[test]
fn a_transaction_needs_what_its_parts_need() {
    let key = |id: &str| json!({ "id": { "S": id }, "item": { "S": "x" } });
    let found = requests(
        "TransactWriteItems",
        &json!({ "TransactItems": [
            { "Put": { "TableName": "t", "Item": key("a") } },
            { "ConditionCheck": { "TableName": "u", "Key": key("b") } },
        ] }),
    );
    let shown: Vec<_> = found
        .iter()
        .map(|one| {
            (
                one.action.as_str(),
                one.resource.as_str(),
                &one.leading_keys[..],
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("dynamodb:PutItem", &*table("t"), &["a".to_owned()][..]),
            (
                "dynamodb:ConditionCheckItem",
                &*table("u"),
                &["b".to_owned()]
            ),
        ]
    );
    let query = json!({ "TableName": "t", "IndexName": "i" });
    assert_eq!(
        requests("Query", &query),
        [Request::new(
            "dynamodb:Query",
            &format!("{}/index/i", table("t"))
        )]
    );
}
