//! The program at work with the rights of deploy/aws/roles.yaml and no others: they are enough, and
//! none is there that it does not use.

use std::collections::BTreeSet;

use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts, Server, Tables, content};

use super::evaluation::Site;
use super::gate::{Behind, Gate, Seen};
use super::roles::{Role, table};
use super::tables;

const ENDPOINT: &str = "METADATA__DYNAMODB__ENDPOINT";

/// What nobody is made to do here: end access, hold documents, and see partitions expire. That the
/// store needs these calls, its source says (`actions`); that it needs them on these tables, its own
/// tests on DynamoDB Local.
const UNTRIED: [(&str, &str); 10] = [
    ("dynamodb:DeleteItem", "documents-*"),
    ("dynamodb:DeleteTable", "documents-*"),
    ("dynamodb:BatchGetItem", "held"),
    ("dynamodb:ConditionCheckItem", "held"),
    ("dynamodb:DeleteItem", "held"),
    ("dynamodb:GetItem", "held"),
    ("dynamodb:PutItem", "held"),
    ("dynamodb:Query", "held"),
    ("dynamodb:Query", "held/index/by_principal"),
    ("dynamodb:UpdateItem", "held"),
];

/// A gate that lets a role of this site through.
fn gate(role: &str, tables: &Tables) -> Option<Gate> {
    let site = Site::with(&[("storage", "TablePrefix", tables.prefix())])?;
    let endpoint = &tables.access().endpoint;
    let role = Role::of(&site, "roles", role);
    Some(Gate::start(Behind::DynamoDb, role, endpoint))
}

/// Action, and table without prefix and month.
fn used(seen: &[&Seen], prefix: &str) -> BTreeSet<(String, String)> {
    let all = seen.iter().flat_map(|seen| &seen.allowed);
    all.map(|request| {
        let table = request.resource.strip_prefix(&table(prefix)).unwrap();
        let table = match table.split_once('/') {
            // It is asked of every table.
            _ if request.action == "dynamodb:DescribeTable" => "*",
            _ if !table.starts_with("documents-") => table,
            None => "documents-*",
            Some(_) => "documents-*/index/by_principal",
        };
        (request.action.clone(), table.to_owned())
    })
    .collect()
}

#[test]
fn the_service_and_its_operator_need_their_rights_and_no_others() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let mut installation = Installation::new(&parts);
    let stored = tables::of(&installation);
    let Some(setup) = gate("SetupRole", &stored) else {
        return;
    };
    let serve = gate("ServerRole", &stored).unwrap();
    installation.set(ENDPOINT, &setup.url());
    installation.set_up();

    installation.set(ENDPOINT, &serve.url());
    let mut server = Server::start_installation(installation);
    server.installation.set(ENDPOINT, &setup.url());
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let (at_alice, at_bob) = (server.ckc(&alice), server.ckc(&bob));
    let sent = content(100_000, 3);
    at_alice.write("a.bin", &sent);
    let id = at_alice.succeeds(&["-q", "upload", "a.bin"]).line();
    at_alice.succeeds(&["share", &id, "bob"]);
    at_alice.succeeds(&["share", &id, "bob"]);
    at_alice.succeeds(&["shares", &id]);
    at_bob.succeeds(&["download", &id, "-o", "copy"]);
    assert!(at_bob.read("copy") == sent);

    let operator = &server.installation;
    for command in [
        &["migrate"][..],
        &["user", "list"],
        &["user", "disable", "bob"],
        &["user", "enable", "bob"],
        &["api-key", "list", "bob"],
        &["documents", "list"],
        &["documents", "list", "--owner", "alice"],
        &["documents", "show", &id],
        &["audit", "list"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["doctor"],
    ] {
        operator.succeeds(command);
    }
    let pairs = operator.succeeds(&["keys", "list", "--json"]);
    let serial = |state: &str| {
        let pairs = pairs
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut pairs = pairs.filter(|pair: &serde_json::Value| pair["state"] == state);
        pairs.next().unwrap()["serial"].to_string().replace('"', "")
    };
    operator.succeeds(&["keys", "rewrap", "--serial", &serial("deactivated")]);
    operator.succeeds(&["keys", "suspend", &serial("active"), "--no-successor"]);
    assert!(server.terminate().success());

    let (setup, serve) = (setup.seen(), serve.seen());
    for (who, seen) in [("setup", &setup), ("the service", &serve)] {
        assert!(seen.denied.is_empty(), "{who}: {:?}", seen.denied);
    }
    let used = used(&[&setup, &serve], stored.prefix());
    let mut idle = granted(&stored);
    idle.retain(|right| !used.contains(right));
    idle.retain(|(action, table)| !UNTRIED.contains(&(action.as_str(), table.as_str())));
    assert_eq!(idle, BTreeSet::new());
}

/// Of the setup role, which has what the service has.
fn granted(stored: &Tables) -> BTreeSet<(String, String)> {
    let site = Site::with(&[("storage", "TablePrefix", stored.prefix())]).unwrap();
    let role = Role::of(&site, "roles", "SetupRole");
    let mut all = BTreeSet::new();
    for statement in &role.statements {
        for (action, resource) in statement
            .actions
            .iter()
            .flat_map(|action| statement.resources.iter().map(move |on| (action, on)))
        {
            if let Some(table) = resource.strip_prefix(&table(stored.prefix())) {
                all.insert((action.clone(), table.to_owned()));
            }
        }
    }
    all
}

/// The objects' side. URLs are used through the gate, too: whoever holds one can do what its signer
/// can, and no more.
#[test]
fn the_service_s_rights_on_the_bucket_are_enough() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    let mut installation = Installation::new(&parts);
    // CloudFormation makes the bucket; here whoever may.
    installation.set_up();
    let bucket = installation.setting("BLOBS__S3__BUCKET").to_owned();
    let Some(site) = Site::with(&[("storage", "BucketName", &bucket)]) else {
        return;
    };
    let endpoint = installation.setting("BLOBS__S3__ENDPOINT").to_owned();
    let gate = |role: &str| {
        let role = Role::of(&site, "roles", role);
        Gate::start(Behind::S3, role, &endpoint)
    };
    let (setup, serve) = (gate("SetupRole"), gate("ServerRole"));
    installation.set("BLOBS__S3__ENDPOINT", &serve.url());
    let mut server = Server::start_installation(installation);
    server.installation.set("BLOBS__S3__ENDPOINT", &setup.url());

    let alice = server.user("alice");
    let at_alice = server.ckc(&alice);
    let sent = content(100_000, 7);
    at_alice.write("a.bin", &sent);
    let id = at_alice.succeeds(&["-q", "upload", "a.bin"]).line();
    at_alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(at_alice.read("copy") == sent);
    for command in ["setup", "doctor"] {
        server.installation.succeeds(&[command]);
    }
    for (who, gate, some) in [
        (
            "the service",
            &serve,
            &["GetObject", "ListBucket", "PutObject"][..],
        ),
        (
            "setup",
            &setup,
            &["DeleteObjectVersion", "ListBucketVersions"],
        ),
    ] {
        let seen = gate.seen();
        assert_eq!(seen.denied, BTreeSet::new(), "{who}");
        for action in some {
            let action = format!("s3:{action}");
            let mut allowed = seen.allowed.iter();
            assert!(allowed.any(|one| one.action == action), "{who}: {action}");
        }
    }
}

#[test]
fn a_server_that_accepts_uploads_needs_no_more_than_its_role() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Minio) else {
        return;
    };
    let full = Server::start(&parts);
    let stored = tables::of(&full.installation);
    let Some(gate) = gate("IngestRole", &stored) else {
        return;
    };
    let bucket = full.installation.setting("BLOBS__S3__BUCKET").to_owned();
    let site = Site::with(&[("storage", "BucketName", &bucket)]).unwrap();
    let role = Role::of(&site, "roles", "IngestRole");
    let minio = full.installation.setting("BLOBS__S3__ENDPOINT");
    let objects = Gate::start(Behind::S3, role, minio);
    let mut ingest = full.installation.twin();
    ingest.set("ROLE", "ingest");
    ingest.set(ENDPOINT, &gate.url());
    ingest.set("BLOBS__S3__ENDPOINT", &objects.url());
    ingest.unset("KEYS__MASTER_KEY_FILE");
    ingest.unset("KEYS__SEALED__URL");
    let ingest = Server::start_installation(ingest);

    let alice = full.user("alice");
    let at_alice = full.ckc(&alice).with("CKC_URL", &ingest.url());
    let sent = content(100_000, 5);
    at_alice.write("a.bin", &sent);
    let id = at_alice.succeeds(&["-q", "upload", "a.bin"]).line();
    assert_eq!(gate.seen().denied, BTreeSet::new());
    let objects = objects.seen();
    assert_eq!(objects.denied, BTreeSet::new());
    let actions: BTreeSet<_> = objects
        .allowed
        .iter()
        .map(|one| one.action.as_str())
        .collect();
    assert_eq!(actions, BTreeSet::from(["s3:PutObject"]));
    let at_alice = at_alice.with("CKC_URL", &full.url());
    at_alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(at_alice.read("copy") == sent);
}

/// The gate is one: with another's rights the work is refused, and it is said which right lacks.
#[test]
fn the_service_s_rights_do_not_set_it_up() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let mut installation = Installation::new(&parts);
    let stored = tables::of(&installation);
    let Some(serve) = gate("ServerRole", &stored) else {
        return;
    };
    let master_key = installation.path("master.key");
    let master_key = master_key.to_str().unwrap().to_owned();
    installation.succeeds(&["master-key", "new", &master_key]);
    installation.set("KEYS__MASTER_KEY_FILE", &master_key);
    installation.separate_key_store();
    installation.set(ENDPOINT, &serve.url());
    let refused = installation.run(&["setup"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("CreateTable"), "{said}");
    let denied = serve.seen().denied;
    let catalogue = table(&format!("{}catalogue", stored.prefix()));
    let actions: Vec<_> = denied
        .iter()
        .map(|request| (request.action.as_str(), request.resource.as_str()))
        .collect();
    assert_eq!(actions, [("dynamodb:CreateTable", catalogue.as_str())]);
}
