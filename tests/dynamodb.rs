//! The service on DynamoDB Local: the main job by `ckc`, the operator's commands, and crashes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crypt_keeper_test_services::{
    self as services, DynamoDbAccess, Fault, FaultProxy, PostgresAccess, cycles,
};
use crypt_keeper_tests::{
    Account, Installation, Parts, Record, Server, Upload, WRITERS, Writers, announce, content,
    http, random_below,
};
use serde_json::{Value, json};

/// Exit code of `ckc`.
const CREDENTIALS_OR_RIGHTS: i32 = 3;

/// A service whose metadata are in tables of their own, and whose private halves are in a database
/// of their own; both go with it.
struct OnDynamoDb {
    /// `None` once it has gone.
    server: Option<Server>,
    dynamodb: DynamoDbAccess,
    prefix: String,
    postgres: PostgresAccess,
    key_store: String,
}

impl OnDynamoDb {
    fn start(dynamodb: &DynamoDbAccess, postgres: &PostgresAccess) -> Self {
        let prefix = dynamodb.fresh_prefix().unwrap();
        let key_store = postgres.create_fresh_database("keys", None).unwrap();
        let mut installation = Installation::new(&Parts::embedded());
        installation.set("METADATA__BACKEND", "dynamodb");
        installation.set("METADATA__DYNAMODB__ENDPOINT", &dynamodb.endpoint);
        installation.set("METADATA__DYNAMODB__REGION", &dynamodb.region);
        installation.set("METADATA__DYNAMODB__TABLE_PREFIX", &prefix);
        installation.set("KEYS__SEALED__URL", &postgres.url(&key_store));
        installation.set_variable("AWS_ACCESS_KEY_ID", &dynamodb.access_key);
        installation.set_variable("AWS_SECRET_ACCESS_KEY", &dynamodb.secret_key);
        installation.set_up();
        Self {
            server: Some(Server::start_installation(installation)),
            dynamodb: dynamodb.clone(),
            prefix,
            postgres: postgres.clone(),
            key_store,
        }
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().unwrap()
    }

    /// A call of DynamoDB, past the service. DynamoDB Local takes any signature.
    fn call(&self, operation: &str, body: &Value) -> Value {
        let host = self.dynamodb.endpoint.strip_prefix("http://").unwrap();
        let address: SocketAddr = host.parse().unwrap();
        let target = format!("DynamoDB_20120810.{operation}");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260301/{}/dynamodb/aws4_request, SignedHeaders=host, \
             Signature=00",
            self.dynamodb.access_key, self.dynamodb.region
        );
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Authorization", authorization.as_str()),
        ];
        let body = serde_json::to_vec(body).unwrap();
        let answer = http::request(address, "POST", "/", &headers, &body).unwrap();
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.json()
    }

    fn tables(&self) -> Vec<String> {
        let mut tables = Vec::new();
        let mut from = self.prefix.clone();
        loop {
            let answer = self.call("ListTables", &json!({ "ExclusiveStartTableName": from }));
            let names = answer["TableNames"].as_array().unwrap().iter();
            let names = names.map(|name| name.as_str().unwrap().to_owned());
            tables.extend(names.filter(|name| name.starts_with(&self.prefix)));
            match answer["LastEvaluatedTableName"].as_str() {
                Some(last) if last.starts_with(&self.prefix) => last.clone_into(&mut from),
                _ => return tables,
            }
        }
    }

    /// Everything in the tables whose names go on like this.
    fn items(&self, table: &str) -> Vec<Value> {
        let wanted = format!("{}{table}", self.prefix);
        let mut items = Vec::new();
        for name in self.tables() {
            if !name.starts_with(&wanted) {
                continue;
            }
            let mut scan = json!({ "TableName": name, "ConsistentRead": true });
            loop {
                let mut answer = self.call("Scan", &scan);
                items.append(answer["Items"].as_array_mut().unwrap());
                let last = answer["LastEvaluatedKey"].take();
                if last.is_null() {
                    break;
                }
                scan["ExclusiveStartKey"] = last;
            }
        }
        items
    }

    /// What must never be found: an act leaves all of its items, or none.
    fn half_states(&self) -> Vec<String> {
        let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or("").to_owned();
        let (mut owners, mut entries) = (BTreeMap::new(), BTreeSet::new());
        let mut walked = BTreeSet::new();
        for item in self.items("documents-") {
            let (id, sort) = (text(&item, "id"), text(&item, "item"));
            if sort == "document" {
                owners.insert(id, text(&item, "owner"));
            } else if id.starts_with("walk#") {
                walked.insert(sort);
            } else {
                entries.insert((id, text(&item, "principal_id")));
            }
        }
        let (mut created, mut granted) = (BTreeMap::new(), BTreeSet::new());
        for item in self.items("audit") {
            match text(&item, "action").as_str() {
                "document.created" => *created.entry(text(&item, "document_id")).or_insert(0) += 1,
                "entry.granted" => {
                    granted.insert((text(&item, "document_id"), text(&item, "principal_id")));
                }
                _ => {}
            }
        }
        let mut wrong = Vec::new();
        for (id, owner) in &owners {
            if !entries.contains(&(id.clone(), owner.clone())) {
                wrong.push(format!("{id} lacks its owner's entry"));
            }
            if !walked.contains(id) {
                wrong.push(format!("{id} is met by no walk"));
            }
            if created.get(id) != Some(&1) {
                wrong.push(format!("{id} was created {:?} times", created.get(id)));
            }
        }
        let documents: BTreeSet<&String> = owners.keys().collect();
        let others = created.keys().chain(&walked);
        wrong.extend(
            others
                .filter(|id| !documents.contains(id))
                .map(|id| format!("{id} is spoken of, and is not there")),
        );
        for (id, principal) in &entries {
            match owners.get(id) {
                None => wrong.push(format!("an entry of {id}, which is not there")),
                Some(owner) if owner == principal => {}
                Some(_) if granted.contains(&(id.clone(), principal.clone())) => {}
                Some(_) => wrong.push(format!("{id} was shared, and nobody wrote it down")),
            }
        }
        wrong.extend(
            granted
                .difference(&entries)
                .map(|(id, _)| format!("{id} was written down as shared, and is not")),
        );
        wrong
    }
}

impl Drop for OnDynamoDb {
    fn drop(&mut self) {
        drop(self.server.take());
        let _ = self.postgres.drop_database(&self.key_store);
        if !std::thread::panicking() {
            for table in self.tables() {
                self.call("DeleteTable", &json!({ "TableName": table }));
            }
        }
    }
}

#[test]
fn documents_are_uploaded_shared_and_downloaded_on_dynamodb() {
    let (Some(dynamodb), Some(postgres)) = (services::dynamodb(), services::postgres()) else {
        return;
    };
    let mut on = OnDynamoDb::start(&dynamodb, &postgres);
    let server = on.server();
    let (alice, bob, mallory) = (
        server.user("alice"),
        server.user("bob"),
        server.user("mallory"),
    );
    let (alice, bob, mallory) = (server.ckc(&alice), server.ckc(&bob), server.ckc(&mallory));
    let mut last = String::new();
    for size in [0, 1, 1_048_520, 1_048_521, 3_000_000] {
        let name = format!("{size}.bin");
        alice.write(&name, content(size, size as u64));
        last = alice.succeeds(&["-q", "upload", &name]).line();
        let copy = format!("copy-{name}");
        alice.succeeds(&["download", &last, "-o", &copy]);
        assert!(alice.read(&copy) == alice.read(&name), "{size}");
    }
    mallory.fails_with(CREDENTIALS_OR_RIGHTS, &["download", &last]);
    alice.succeeds(&["share", &last, "bob"]);
    let shares = alice.succeeds(&["shares", &last]).text();
    let names: Vec<&str> = shares.split_whitespace().collect();
    assert_eq!(names, ["alice", "bob"]);
    bob.succeeds(&["download", &last, "-o", "from-alice"]);
    assert!(bob.read("from-alice") == alice.read("3000000.bin"));
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["share", &last, "mallory"]);

    // The operator's commands work beside it.
    let operator = &server.installation;
    let migrated = operator.succeeds(&["migrate"]);
    assert_eq!(
        migrated,
        "metadata database: up to date\nkey store: up to date\n"
    );
    let doctor = operator.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "{said}");
    let listed = operator.succeeds(&["documents", "list", "--json"]);
    assert_eq!(listed.lines().count(), 5, "{listed}");
    let audit = operator.succeeds(&["audit", "list", "--json"]);
    assert!(audit.contains("document.released"), "{audit}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert_eq!(on.half_states(), [""; 0]);
}

/// Every upload gives the key that it gave before; every reader that was added can read.
fn assert_kept(on: &OnDynamoDb, owner: &Account, reader: &Account, record: &Record) {
    let server = on.server.as_ref().unwrap();
    let in_parts = |items: usize| items.div_ceil(WRITERS).max(1);
    std::thread::scope(|scope| {
        for part in record.uploads.chunks(in_parts(record.uploads.len())) {
            let api = server.api(owner);
            scope.spawn(move || {
                for upload in part {
                    let found = Upload::of(&api.download_url(&upload.id).unwrap());
                    assert!(found.key == upload.key, "{} has another key", upload.id);
                }
            });
        }
        for part in record.shares.chunks(in_parts(record.shares.len())) {
            let api = server.api(reader);
            scope.spawn(move || {
                for id in part {
                    assert_eq!(api.download_url(id).unwrap().status, 200, "{id}");
                }
            });
        }
    });
    assert_eq!(on.half_states(), [""; 0]);
    // A key that left was written down first.
    let released = on.items("audit").into_iter();
    let released = released.filter(|item| item["action"]["S"] == "document.released");
    assert!(released.count() >= record.downloads);
    assert_eq!(record.wrong, [""; 0]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// The service is killed, and DynamoDB cut off in the middle of whatever it is at, in turn, under
/// writers. DynamoDB Local itself is not killed: it answers some transactions before they are on the
/// disk, which is nothing to hold a service to.
#[test]
fn no_acknowledged_upload_is_lost_by_kills_on_dynamodb_in_all_cycles() {
    let (Some(dynamodb), Some(postgres)) = (services::dynamodb(), services::postgres()) else {
        return;
    };
    let host = dynamodb.endpoint.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
    let mut through = dynamodb.clone();
    through.endpoint = format!("http://{}", proxy.address());
    let mut on = OnDynamoDb::start(&through, &postgres);
    let (alice, bob) = (on.server().user("alice"), on.server().user("bob"));
    let mut total = 0;
    for cycle in 0..cycles(4) {
        let writers = Writers::start(on.server().address(), &alice, &bob);
        writers.wait_for_uploads(1);
        std::thread::sleep(Duration::from_millis(random_below(300)));
        let record = if cycle % 2 == 0 {
            on.server().kill();
            let record = writers.finish();
            on.server().start_again();
            record
        } else {
            proxy.set(Fault::Refuse).unwrap();
            std::thread::sleep(Duration::from_millis(random_below(1_000)));
            proxy.set(Fault::None).unwrap();
            // It comes back by itself.
            writers.wait_for_uploads(1);
            let record = writers.finish();
            assert_eq!(record.unanswered, 0, "every request gets an answer");
            record
        };
        assert_kept(&on, &alice, &bob, &record);
        total += record.uploads.len();
    }
    announce(&format!(
        "kill -9 of the service, and DynamoDB cut off: {total} acknowledged uploads, none lost"
    ));
    assert!(total > 0, "nothing was written: nothing was tried");
}
