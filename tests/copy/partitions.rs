//! Partitions that are on their way out are as far in the copy, and what legal holds keep stays kept.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::AnyTime;
use crypt_keeper_domain::model::{DocumentId, Partition, PartitionState};
use crypt_keeper_domain::ports::Clock as _;
use crypt_keeper_server::clock::SystemClock;
use crypt_keeper_server::partition_upkeep::expire_partitions;
use crypt_keeper_tests::{
    Account, Blobs, Ckc, Installation, Metadata, Opened, Parts, Server, content, system_call,
};
use serde_json::Value;

use crate::{audit, completions, copies, kind, take, target};

const DAY: Duration = Duration::from_secs(24 * 3600);

const CLASS: [(&str, &str); 2] = [
    ("RETENTION__CLASSES", "1:daily:1h"),
    ("RETENTION__DEFAULT", "daily"),
];

/// An installation at rest with two documents of a class whose partitions live for a day, one of them
/// under legal hold and shared with Bob.
struct Held {
    installation: Installation,
    alice: Account,
    bob: Account,
    held: String,
    other: String,
    text: Vec<u8>,
}

impl Held {
    fn tell() -> Self {
        let mut installation = Installation::new(&Parts::embedded());
        for (name, value) in CLASS {
            installation.set(name, value);
        }
        installation.set_up();
        let mut server = Server::start_installation(installation);
        let (alice, bob) = (server.user("alice"), server.user("bob"));
        let ckc = server.ckc(&alice);
        let text = content(300_000, 1);
        ckc.write("file.bin", &text);
        let upload = || ckc.succeeds(&["-q", "upload", "file.bin"]).line();
        let (held, other) = (upload(), upload());
        ckc.succeeds(&["share", &held, "bob"]);
        let add = ["hold", "add", &held, "--reason", "case 4711"];
        server.installation.succeeds(&add);
        assert!(server.terminate().success());
        Self {
            installation: take(&mut server),
            alice,
            bob,
            held,
            other,
            text,
        }
    }

    fn partition(&self) -> Partition {
        DocumentId::parse(&self.held).unwrap().partition()
    }

    /// What the job does in the days after the partition's period; how far it comes.
    fn days_pass(&self, days: &[u32]) -> PartitionState {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let state = runtime.block_on(expire(&self.installation, self.partition(), days));
        runtime.shutdown_timeout(Duration::from_secs(10));
        state
    }

    fn opens(&self, ckc: &Ckc, id: &str) -> bool {
        let ran = ckc.run(&["-q", "download", id, "-o", "back.bin", "--force"]);
        if ran.code == Some(0) {
            assert!(
                ckc.read("back.bin") == self.text,
                "it opens to something else"
            );
        }
        ran.code == Some(0)
    }
}

/// By the service's own parts, with a call of later.
async fn expire(of: &Installation, partition: Partition, days: &[u32]) -> PartitionState {
    let opened = Opened::of(of).await;
    let mut expire = expire_partitions(&opened.ports, &opened.stores);
    expire.partitions = Arc::new(AnyTime(expire.partitions));
    for days in days {
        let call = system_call(SystemClock.now().plus(DAY * *days));
        let outcome = expire.drop_now(&call, partition).await.unwrap();
        assert!(outcome.failures.is_empty(), "{outcome:?}");
    }
    let partitions = &opened.stores.partitions;
    let entry = partitions.find_partition(partition).await.unwrap();
    opened.close().await;
    entry.unwrap().state
}

/// What `partitions list` says of one.
fn listed(of: &Installation, partition: Partition) -> Value {
    let text = of.succeeds(&["partitions", "list", "--all", "--json"]);
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name = partition.to_string();
    lines
        .find(|line| line["partition"] == name.as_str())
        .unwrap()
}

fn prepared(mut target: Installation) -> Installation {
    for (name, value) in CLASS {
        target.set(name, value);
    }
    target
}

/// The held document is to be had in the copy, and nothing else of its partition; it stays held.
fn held_document_moves(into: Installation) {
    let story = Held::tell();
    assert_eq!(story.days_pass(&[2, 3, 5]), PartitionState::Expired);
    let target = prepared(into);
    let done = copies(&story.installation, &target);
    for name in ["held documents", "legal holds"] {
        assert_eq!((&kind(&done, name)["copied"], name), (&1.into(), name));
    }
    assert_eq!(kind(&done, "documents")["source"], 0);
    let again = copies(&story.installation, &target);
    assert_eq!(kind(&again, "partitions")["copied"], 0);
    let of = |one: &Installation| listed(one, story.partition())["state"].clone();
    assert_eq!(of(&target), "expired");

    let holds = |of: &Installation| of.succeeds(&["hold", "list", "--json"]);
    let before = holds(&target);
    assert!(before.contains(&story.held), "{before}");
    assert_eq!(before, holds(&story.installation));
    let server = Server::start_installation(target);
    let (alice, bob) = (server.ckc(&story.alice), server.ckc(&story.bob));
    assert!(story.opens(&alice, &story.held) && story.opens(&bob, &story.held));
    assert!(!story.opens(&alice, &story.other), "it has expired");
    assert_eq!(holds(&server.installation), before);
    assert_eq!(completions(&audit(&server.installation)), 1);
    // Nothing but the hold keeps it.
    let remove = ["hold", "remove", &story.held, "--yes", &story.held];
    server.installation.succeeds(&remove);
    assert!(!story.opens(&alice, &story.held), "its hold is taken off");
}

#[test]
fn a_held_document_whose_partition_was_dropped_moves_to_postgres() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) {
        held_document_moves(target(&parts));
    }
}

#[test]
fn a_held_document_whose_partition_was_dropped_moves_to_dynamodb() {
    if let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) {
        held_document_moves(target(&parts));
    }
}

/// A drop has begun in the source: nobody is let in again by the copy.
fn closed_partition_moves(into: Installation) {
    let story = Held::tell();
    assert_eq!(story.days_pass(&[2]), PartitionState::Closed);
    let target = prepared(into);
    let done = copies(&story.installation, &target);
    assert_eq!(kind(&done, "documents")["copied"], 2);
    let of = |one: &Installation| listed(one, story.partition());
    assert_eq!(of(&target), of(&story.installation));
    assert_eq!(of(&target)["state"], "closed");
    let server = Server::start_installation(target);
    let alice = server.ckc(&story.alice);
    assert!(
        !story.opens(&alice, &story.other),
        "its partition is closed"
    );
    assert!(story.opens(&alice, &story.held));
}

#[test]
fn a_partition_that_was_closed_is_closed_in_postgres() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) {
        closed_partition_moves(target(&parts));
    }
}

#[test]
fn a_partition_that_was_closed_is_closed_in_dynamodb() {
    if let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) {
        closed_partition_moves(target(&parts));
    }
}
