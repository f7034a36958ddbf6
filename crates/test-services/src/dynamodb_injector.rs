//! A proxy that answers in DynamoDB's place: DynamoDB Local neither throttles nor fails.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};

/// What happens to a call instead of being passed on.
#[derive(Clone, Debug)]
pub enum Injection {
    /// It is answered with this status and body, and never reaches the server.
    Answer(u16, String),
    /// It reaches the server, and its answer is lost: the connection closes.
    LoseAnswer,
    /// It reaches the server after so long, unless whoever asks has given it up by then.
    Late(Duration),
}

impl Injection {
    /// An error as DynamoDB words it.
    #[must_use]
    pub fn error(status: u16, code: &str) -> Self {
        let body = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"injected"}}"#
        );
        Self::Answer(status, body)
    }

    /// A transaction that is cancelled, with a code for each part.
    #[must_use]
    pub fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<_> = codes
            .iter()
            .map(|code| format!(r#"{{"Code":"{code}"}}"#))
            .collect();
        Self::Answer(
            400,
            format!(
                r#"{{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"injected","CancellationReasons":[{}]}}"#,
                reasons.join(",")
            ),
        )
    }
}

#[derive(Debug, Default)]
struct Plan {
    /// The next calls of an operation meet these, one each.
    next: VecDeque<(String, Injection)>,
    /// So many calls of an operation are passed on before that.
    skip: Option<(String, usize)>,
    /// All calls of an operation meet this.
    always: Option<(String, Injection)>,
    /// All calls that came, in order.
    seen: Vec<Call>,
}

/// A call that has come, whatever became of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its operation, such as `GetItem`.
    pub operation: String,
    /// What it asks.
    pub request: Value,
}

/// The proxy. Its threads end with the test's process.
#[derive(Debug)]
pub struct Injector {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Injector {
    /// A proxy on a free port of 127.0.0.1 in front of `upstream`, which passes everything on so far.
    ///
    /// # Errors
    /// [`Error::Other`] if no port can be had.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let no_port = |error| Error::Other(format!("the proxy cannot listen: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let plan = Arc::new(Mutex::new(Plan::default()));
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let plan = Arc::clone(&shared);
                std::thread::spawn(move || serve(client, upstream, &plan));
            }
        });
        Ok(Self { address, plan })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next call of `operation` meets it; more of them in the order given.
    pub fn next(&self, operation: &str, injection: Injection) {
        locked(&self.plan)
            .next
            .push_back((operation.to_owned(), injection));
    }

    /// The next `count` calls of `operation` are passed on before any of them meets anything.
    pub fn skip(&self, operation: &str, count: usize) {
        locked(&self.plan).skip = Some((operation.to_owned(), count));
    }

    /// Every call of `operation` meets it, until [`Injector::calm`].
    pub fn always(&self, operation: &str, injection: Injection) {
        locked(&self.plan).always = Some((operation.to_owned(), injection));
    }

    /// Everything is passed on.
    pub fn calm(&self) {
        let mut plan = locked(&self.plan);
        plan.always = None;
        plan.next.clear();
    }

    /// How many calls of `operation` have come since the last time this was asked.
    pub fn seen(&self, operation: &str) -> usize {
        let calls = self.calls();
        let calls = calls.iter().filter(|one| one.operation == operation);
        calls.count()
    }

    /// All calls that have come since the last time this or [`Injector::seen`] was asked, in order.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut locked(&self.plan).seen)
    }

    /// Whether everything that was planned has happened.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        locked(&self.plan).next.is_empty()
    }
}

fn locked(plan: &Mutex<Plan>) -> MutexGuard<'_, Plan> {
    // The plan is whole after each statement.
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request after another, as they come over a connection.
fn serve(mut client: TcpStream, upstream: SocketAddr, plan: &Mutex<Plan>) {
    let _ = client.set_read_timeout(Some(Duration::from_secs(60)));
    let Ok(reader) = client.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(reader);
    while let Some((head, body)) = read_request(&mut reader) {
        let operation = operation_of(&head);
        let injection = {
            let mut plan = locked(plan);
            plan.seen.push(Call {
                operation: operation.clone(),
                request: serde_json::from_slice(&body).unwrap_or_default(),
            });
            let skips = plan.skip.as_mut();
            let skips = skips.filter(|(of, left)| *of == operation && *left > 0);
            let is_skipped = skips.map(|(_, left)| *left -= 1).is_some();
            let next = plan.next.iter().position(|(of, _)| *of == operation);
            let next = next.filter(|_| !is_skipped);
            match next.and_then(|at| plan.next.remove(at)) {
                Some((_, injection)) => Some(injection),
                None => {
                    let always = plan.always.as_ref();
                    let always = always.filter(|(of, _)| *of == operation);
                    always.map(|(_, injection)| injection.clone())
                }
            }
        };
        let answer = match injection {
            Some(Injection::Answer(status, body)) => format!(
                "HTTP/1.1 {status} Injected\r\nContent-Type: application/x-amz-json-1.0\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes(),
            Some(Injection::LoseAnswer) => {
                let _ = ask(upstream, &head, &body);
                return;
            }
            Some(Injection::Late(time)) => {
                std::thread::sleep(time);
                if !is_given_up(&client) {
                    pass_on(&mut client, upstream, &head, &body);
                }
                return;
            }
            None => return pass_on(&mut client, upstream, &head, &body),
        };
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

/// Passes a request on, and its answer back, which says that its connection closes.
fn pass_on(client: &mut TcpStream, upstream: SocketAddr, head: &[String], body: &[u8]) {
    if let Some(answer) = ask(upstream, head, body) {
        let _ = client.write_all(&answer);
    }
}

/// Whether a client that waits for an answer has closed its connection.
fn is_given_up(client: &TcpStream) -> bool {
    let _ = client.set_nonblocking(true);
    let closed = matches!(client.peek(&mut [0]), Ok(0));
    let _ = client.set_nonblocking(false);
    closed
}

/// The next request of a connection: the lines of its head, and its body; `None` once it has ended.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let length = field(&head, "content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn field<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    head.iter().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The operation that a request names in its head, such as `GetItem`.
#[must_use]
pub fn operation_of(head: &[String]) -> String {
    let target = field(head, "x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// Passes a request on, and gives the whole answer; `None` if none came.
#[must_use]
pub fn ask(upstream: SocketAddr, head: &[String], body: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).ok()?;
    let mut request = String::new();
    for line in head {
        if !line.to_ascii_lowercase().starts_with("connection:") {
            request.push_str(line);
            request.push_str("\r\n");
        }
    }
    request.push_str("Connection: close\r\n\r\n");
    server.write_all(request.as_bytes()).ok()?;
    server.write_all(body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    Some(answer)
}
