//! A proxy that has DynamoDB say what every call consumes, and sums it up.
//!
//! DynamoDB Local 3.3.1 counts as Amazon documents it: a read by 4 KB, a write by 1 KB, each item of
//! a batch alone, twice in a transaction. Five things it counts otherwise. The first is gone round;
//! what the others leave out is kept apart, as [`Units::left_out`]: by Amazon's rules it is consumed,
//! too.
//!
//! - Parts of a transaction on one table whose figures are equal count once. So the proxy sends each
//!   part as a transaction of its own: what these are good for together, other tests say.
//! - A check in a transaction counts for its item's size; here it is 2, whatever the size.
//! - A deletion in a transaction counts 2 where nothing is there; here 1.
//! - A key of a batch counts 1 where nothing is there; here nothing.
//! - A query counts 1 that finds nothing; here nothing.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crypt_keeper_test_services::dynamodb_injector::{ask, operation_of, read_request};
use serde_json::{Value, json};

/// Units of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    /// As the server says.
    pub(crate) reported: f64,
    /// What it leaves out, and DynamoDB counts.
    pub(crate) left_out: f64,
}

impl Units {
    fn add(&mut self, reported: f64, left_out: f64) {
        self.reported += reported;
        self.left_out += left_out;
    }

    pub(crate) fn all(self) -> f64 {
        self.reported + self.left_out
    }
}

/// What calls have consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Consumed {
    pub(crate) read: Units,
    pub(crate) write: Units,
    /// Of the writes, those to an index.
    pub(crate) index: f64,
}

/// The proxy. Its threads end with the test's process.
pub(crate) struct Meter {
    address: SocketAddr,
    consumed: Arc<Mutex<Consumed>>,
}

impl Meter {
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let consumed = Arc::new(Mutex::new(Consumed::default()));
        let shared = Arc::clone(&consumed);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let consumed = Arc::clone(&shared);
                std::thread::spawn(move || serve(client, upstream, &consumed));
            }
        });
        Self { address, consumed }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was consumed since the last time this was asked.
    pub(crate) fn take(&self) -> Consumed {
        std::mem::take(&mut self.consumed.lock().unwrap())
    }
}

/// Passes one request on, which says that it wants to know. The answer is passed back as it is: it
/// has a checksum.
fn serve(client: TcpStream, upstream: SocketAddr, consumed: &Mutex<Consumed>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    let (head, body) = read_request(&mut reader)?;
    let server = Server { upstream, head };
    let operation = operation_of(&server.head);
    let answer = match operation.as_str() {
        "GetItem" | "BatchGetItem" | "Query" | "Scan" => {
            let request = json_of(&body);
            let (answer, units, _) = server.metered(&operation, &request)?;
            let left_out = json_in(&answer).map_or(0.0, |said| left_out_of(&request, &said));
            consumed.lock().unwrap().read.add(units, left_out);
            answer
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let (answer, units, index) = server.metered(&operation, &json_of(&body))?;
            let mut sum = consumed.lock().unwrap();
            sum.write.add(units, 0.0);
            sum.index += index;
            answer
        }
        "TransactWriteItems" => server.part_by_part(&json_of(&body), consumed)?,
        _ => ask(upstream, &server.head, &body)?,
    };
    client.write_all(&answer).ok()
}

/// The server, and how a client has asked it.
struct Server {
    upstream: SocketAddr,
    head: Vec<String>,
}

impl Server {
    /// The answer, the units that it tells, and those of them that are of indexes.
    fn metered(&self, operation: &str, request: &Value) -> Option<(Vec<u8>, f64, f64)> {
        let mut request = request.clone();
        request["ReturnConsumedCapacity"] = json!("INDEXES");
        let answer = self.ask(operation, &request)?;
        let said = json_in(&answer).unwrap_or_default();
        let capacities = || each(&said["ConsumedCapacity"]);
        let units = capacities().map(|one| number(&one["CapacityUnits"])).sum();
        let of_indexes = capacities().map(of_indexes).sum();
        Some((answer, units, of_indexes))
    }

    fn part_by_part(&self, request: &Value, consumed: &Mutex<Consumed>) -> Option<Vec<u8>> {
        let mut last = None;
        for part in request["TransactItems"].as_array().into_iter().flatten() {
            // Before it: afterwards the item is another one.
            let left_out = self.left_out_of_part(part);
            let alone = json!({"TransactItems": [part]});
            let (answer, units, index) = self.metered("TransactWriteItems", &alone)?;
            // A meter is for what takes place.
            assert!(json_in(&answer).is_some(), "refused: {part}");
            let mut sum = consumed.lock().unwrap();
            sum.write.add(units, left_out);
            sum.index += index;
            last = Some(answer);
        }
        last
    }

    fn left_out_of_part(&self, part: &Value) -> f64 {
        let look = |of: &Value| {
            let key =
                json!({"TableName": of["TableName"], "Key": of["Key"], "ConsistentRead": true});
            let answer = self.ask("GetItem", &key).expect("an answer");
            json_in(&answer).expect("an item")["Item"].take()
        };
        if part["ConditionCheck"].is_object() {
            let size = size_of_item(&look(&part["ConditionCheck"]));
            return 2.0 * (size.div_ceil(1024).max(1) - 1) as f64;
        }
        let is_deletion = part["Delete"].is_object();
        if is_deletion && look(&part["Delete"]).is_null() {
            1.0
        } else {
            0.0
        }
    }

    /// Asks what the client did not. DynamoDB Local looks at no signature.
    fn ask(&self, operation: &str, request: &Value) -> Option<Vec<u8>> {
        let body = serde_json::to_vec(request).unwrap();
        let others = self.head.iter().filter(|line| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("x-amz-target:") && !line.starts_with("content-length:")
        });
        let mut head: Vec<String> = others.cloned().collect();
        head.push(format!("X-Amz-Target: DynamoDB_20120810.{operation}"));
        head.push(format!("Content-Length: {}", body.len()));
        ask(self.upstream, &head, &body)
    }
}

/// `ConsumedCapacity` is one, or a list of one for each table, or missing from an error.
fn each(capacity: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match capacity {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one)
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number of units")
}

fn of_indexes(capacity: &Value) -> f64 {
    let indexes = capacity["GlobalSecondaryIndexes"].as_object();
    let indexes = indexes.into_iter().flat_map(|indexes| indexes.values());
    indexes.map(|one| number(&one["CapacityUnits"])).sum()
}

/// What the answer of a read leaves out.
fn left_out_of(request: &Value, said: &Value) -> f64 {
    let weight = |consistent: &Value| if *consistent == json!(true) { 1.0 } else { 0.5 };
    let mut left_out = 0.0;
    for (table, wanted) in request["RequestItems"].as_object().into_iter().flatten() {
        let keys = wanted["Keys"].as_array().map_or(0, Vec::len);
        let found = said["Responses"][table].as_array().map_or(0, Vec::len);
        left_out += weight(&wanted["ConsistentRead"]) * (keys - found) as f64;
    }
    if request["KeyConditionExpression"].is_string() && said["ScannedCount"] == json!(0) {
        left_out += weight(&request["ConsistentRead"]);
    }
    left_out
}

/// An item's size in bytes (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
fn size_of_item(item: &Value) -> usize {
    let attributes = item.as_object().into_iter().flatten();
    attributes
        .map(|(name, value)| {
            name.len()
                + value
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(size_of)
                    .sum::<usize>()
        })
        .sum()
}

fn size_of((kind, value): (&String, &Value)) -> usize {
    // A byte for each two significant digits, and one more.
    let of_number = |text: &str| text.trim_start_matches('-').len().div_ceil(2) + 1;
    match kind.as_str() {
        "S" => value.as_str().unwrap().len(),
        "N" => of_number(value.as_str().unwrap()),
        "NS" => {
            let numbers = value.as_array().unwrap().iter();
            numbers.map(|one| of_number(one.as_str().unwrap())).sum()
        }
        // In Base64.
        "B" => value.as_str().unwrap().trim_end_matches('=').len() * 3 / 4,
        "BOOL" | "NULL" => 1,
        other => unreachable!("an attribute of type {other}"),
    }
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

/// The body of an answer that is no error.
fn json_in(answer: &[u8]) -> Option<Value> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let is_good = answer.starts_with(b"HTTP/1.1 200");
    is_good.then(|| json_of(&answer[end + 4..]))
}
