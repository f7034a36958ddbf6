//! The job of a running service retires, expires and sweeps by itself: a partition of long ago goes
//! step by step, with its objects, its rows and its key pair, and a document that expires early goes
//! alone. Their neighbour stays.
//!
//! The job looks within five seconds of its start, and then a minute later: each step gets a start
//! of its own. Where the design waits for hours, the moments that it counts from are set back.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crypt_keeper_domain::model::{
    AuditAction, AuditEntry, Document, DocumentId, Entry, Lifetime, ObjectKey, Principal, Record,
    RetentionClass, Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, Clock as _, DocumentChange, DocumentWithEntries, PutOutcome, WrapContext,
};
use crypt_keeper_domain::usecase::EnsureKeyPair;
use crypt_keeper_secret::DocumentKey;
use crypt_keeper_server::clock::SystemClock;
use crypt_keeper_server::key_upkeep::rotate_keys;
use crypt_keeper_tests::{
    Blobs, Ckc, Installation, Metadata, Opened, Parts, Server, StoredObjects, content, random,
    system_call,
};
use serde_json::Value;

/// Far more than the five seconds within which the job looks for the first time.
const SOON: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// 2001-01-01T12:00:00Z, a moment of the partition's period.
const LONG_AGO: u64 = 978_350_400_000;
const PARTITION: &str = "1/20010101";

/// What was put into the partition of long ago.
struct Old {
    document: DocumentId,
    object: String,
    serial: String,
}

/// A service at work, with jobs from the next start on.
struct Scene {
    server: Server,
    alice: Ckc,
    objects: StoredObjects,
    old: Old,
    early: DocumentId,
    neighbour: DocumentId,
    text: Vec<u8>,
}

impl Scene {
    fn tell(parts: &Parts) -> Self {
        let mut installation = Installation::new(parts);
        installation.set("RETENTION__CLASSES", "1:daily:1h");
        installation.set("RETENTION__DEFAULT", "daily");
        installation.set("JOBS__ENABLED", "false");
        installation.set_up();
        let mut server = Server::start_installation(installation);
        let (alice, _) = (server.user("alice"), server.user("bob"));
        let alice = server.ckc(&alice);
        let text = content(100_000, 1);
        alice.write("file.bin", &text);
        let upload = || {
            let id = alice.succeeds(&["-q", "upload", "file.bin"]).line();
            alice.succeeds(&["share", &id, "bob"]);
            DocumentId::parse(&id).unwrap()
        };
        let (early, neighbour) = (upload(), upload());
        let objects = StoredObjects::of(&server.installation);
        let first = objects.keys().into_iter().next().unwrap();
        assert!(server.terminate().success());

        let runtime = tokio::runtime::Runtime::new().unwrap();
        let old = runtime.block_on(put_long_ago(&server.installation, early));
        runtime.shutdown_timeout(Duration::from_secs(10));
        objects.put(&old.object, &objects.read(&first));
        Self {
            server,
            alice,
            objects,
            old,
            early,
            neighbour,
            text,
        }
    }

    /// Starts the service, with its jobs, and waits until they have done so much. Then it is stopped.
    fn run_until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        self.server.installation.unset("JOBS__ENABLED");
        self.server.start_again();
        let deadline = Instant::now() + SOON;
        while !is_so(self) {
            let (seen, objects) = (self.partition(), self.objects.keys());
            assert!(
                Instant::now() < deadline,
                "not {what}: {seen:#}\n{objects:#?}\n{}\n{}",
                self.server.metrics(),
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(self.counts("partition_upkeep_failures_total 0"), "{what}");
        assert!(self.opens(self.neighbour), "the neighbour, {what}");
        assert!(self.server.terminate().success());
    }

    /// What `partitions list` says of the old one.
    fn partition(&self) -> Value {
        let list = ["partitions", "list", "--all", "--json"];
        let listed = self.server.installation.succeeds(&list);
        let mut lines = listed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["partition"] == PARTITION).unwrap()
    }

    /// Whether the partition and its key pair are that far.
    fn is_at(&self, state: &str, pair: &str) -> bool {
        let seen = self.partition();
        let pairs = seen["key_pairs"].as_array().unwrap();
        assert_eq!(pairs.len(), 1, "{seen:#}");
        assert_eq!(pairs[0]["serial"], self.old.serial.as_str(), "{seen:#}");
        seen["state"] == state && pairs[0]["state"] == pair
    }

    /// Whether this process has counted that.
    fn counts(&self, line: &str) -> bool {
        let line = format!("crypt_keeper_{line}");
        self.server.metrics().lines().any(|other| other == line)
    }

    fn has_stepped(&self, to: &[&str]) -> bool {
        let mut to = to.iter();
        to.all(|to| self.counts(&format!("partition_steps_total{{to=\"{to}\"}} 1")))
    }

    /// Which documents there are objects of.
    fn documents_with_objects(&self) -> BTreeSet<String> {
        let keys = self.objects.keys();
        let all = [self.old.document, self.early, self.neighbour].map(|id| id.to_string());
        let of = |key: &String| all.iter().find(|id| key.contains(id.as_str())).cloned();
        keys.iter().map(|key| of(key).unwrap()).collect()
    }

    fn rows(&self, of: &str) -> i64 {
        let count = format!("SELECT count(*) AS n FROM {of}");
        self.server.installation.database().count(&count)
    }

    fn opens(&self, id: DocumentId) -> bool {
        let id = id.to_string();
        let ran = self
            .alice
            .run(&["-q", "download", &id, "-o", "back.bin", "--force"]);
        if ran.code == Some(0) {
            let back = self.alice.read("back.bin");
            assert!(back == self.text, "it opens to something else");
        }
        ran.code == Some(0)
    }

    fn execute(&self, statement: &str) {
        self.server.installation.database().execute(statement);
    }

    /// What the service itself did, by its audit log: to what, and how often it is told.
    fn told(&self) -> Vec<String> {
        let list = ["audit", "list", "--json", "--all"];
        let listed = self.server.installation.succeeds(&list);
        let lines = listed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of = |line: &Value, what: &str| line[what].as_str().map(str::to_owned);
        let mut told: Vec<String> = lines
            .filter(|line| line["actor"] == "system")
            .filter_map(|line| {
                let action = of(&line, "action")?;
                if action.starts_with("partition.") {
                    return Some(action);
                }
                if let Some(document) = of(&line, "document") {
                    return Some(format!("{action} {document}"));
                }
                let serial = of(&line, "serial")?;
                (serial == self.old.serial).then(|| format!("{action} {serial}"))
            })
            .collect();
        told.sort();
        told
    }
}

/// Makes the partition, its key pair and a document in it, as if the service had been there then;
/// and lets another document expire before its partition does.
async fn put_long_ago(installation: &Installation, early: DocumentId) -> Old {
    let opened = Opened::of(installation).await;
    let at = Timestamp::from_millis(LONG_AGO);
    let id = DocumentId::new(RetentionClass::new(1), at, random());
    let partition = id.partition();
    assert_eq!(partition.to_string(), PARTITION);
    let lifetime = Lifetime::limited(HOUR).unwrap();
    let partitions = &opened.stores.partitions;
    let made = partitions.ensure_partition(partition, lifetime, at).await;
    made.unwrap();
    let scope = Scope::Partition(partition);
    let ensure = EnsureKeyPair {
        rotate: rotate_keys(&opened.ports),
        algorithm: opened.settings.keys.algorithm,
    };
    let pair = ensure.run(&system_call(at), scope.clone()).await;
    let pair = pair.unwrap().unwrap();
    let key = DocumentKey::from_slice(&random::<32>()).unwrap();
    let context = WrapContext {
        document: id,
        scope,
        refused: None,
    };
    let wrapped_key = opened.ports.vault.wrap(&key, &context).await.unwrap();
    assert_eq!(wrapped_key.serial, pair.serial);

    let found = opened.stores.store.find(early, &[]).await.unwrap();
    let early = found.unwrap().document;
    let document = Document {
        id,
        wrapped_key,
        object_key: ObjectKey::new(id, random()),
        created_at: at,
        expires_at: lifetime.end(at),
        ..early.clone()
    };
    let entry = Entry {
        document: id,
        principal: Principal::User(early.owner),
        rights: Rights::OWNER,
        granted_by: early.owner,
        granted_at: at,
        expires_at: None,
    };
    let object = document.object_key.as_str().to_owned();
    let put = DocumentWithEntries {
        document,
        entries: vec![entry],
        rewrapped: None,
    };
    let put = opened.stores.transfer.put_documents(&[put]).await;
    assert_eq!(put.unwrap(), [PutOutcome::Stored]);

    let now = SystemClock.now();
    let mut audit = AuditEntry::new(&system_call(now), AuditAction::DocumentChanged, random());
    audit.document = Some(early.id);
    let expires = DocumentChange::ExpiresAt(Some(now));
    let record = Record::from(audit);
    let store = &opened.stores.store;
    let changed = store
        .change(early.id, early.version, &expires, &record)
        .await;
    assert_eq!(changed.unwrap(), Change::Changed);
    opened.close().await;
    Old {
        document: id,
        object,
        serial: pair.serial.to_string(),
    }
}

fn expires_and_sweeps(parts: &Parts) {
    let mut scene = Scene::tell(parts);
    let ids =
        |of: &[DocumentId]| -> BTreeSet<String> { of.iter().map(ToString::to_string).collect() };
    let (old, early, neighbour) = (scene.old.document, scene.early, scene.neighbour);
    let tables = "pg_class WHERE relname LIKE 'documents%20010101'";
    let is_postgres = parts.postgres.is_some();
    assert!(scene.is_at("open", "active"), "{:#}", scene.partition());
    assert_eq!(
        scene.documents_with_objects(),
        ids(&[old, early, neighbour])
    );
    assert_eq!((scene.rows("documents"), scene.rows("entries")), (3, 5));
    if is_postgres {
        assert_eq!(scene.rows(tables), 1);
    }
    let before = scene.told();

    // Its period is over, and so is its documents' life: its key pair wraps nothing more, and nobody
    // is let in. Presigned URLs may be in use still, so its objects wait. The early document is gone.
    scene.run_until("closed and swept", |scene| {
        scene.is_at("closed", "deactivated")
            && scene.has_stepped(&["closed"])
            && scene.counts("documents_swept_total 1")
    });
    assert_eq!(scene.documents_with_objects(), ids(&[old, neighbour]));
    assert_eq!((scene.rows("documents"), scene.rows("entries")), (2, 3));

    // The URLs have expired: objects and rows go. The key pair rests for a day.
    scene.execute("UPDATE partitions SET closed_at = '2001-01-03 00:00:00' WHERE state = 'closed'");
    scene.run_until("dropped", |scene| {
        scene.is_at("dropped", "deactivated")
            && scene.has_stepped(&["emptying", "emptied", "dropped"])
            && scene.counts("expired_objects_deleted_total 1")
    });
    assert_eq!(scene.documents_with_objects(), ids(&[neighbour]));
    assert_eq!((scene.rows("documents"), scene.rows("entries")), (1, 2));
    if is_postgres {
        assert_eq!(scene.rows(tables), 0, "its table is there");
    }

    // It has rested: its destruction is scheduled, and that was all.
    let rested = "UPDATE key_pairs SET deactivated_at = '2001-01-03 00:00:00' \
                  WHERE state = 'deactivated'";
    scene.execute(rested);
    scene.run_until("expired", |scene| {
        scene.is_at("expired", "destroy-scheduled") && scene.has_stepped(&["expired"])
    });
    // Thirty days pass, and it is destroyed.
    let waited = "UPDATE key_pairs SET destroy_at = '2001-02-02 00:00:00' \
                  WHERE state = 'destroy-scheduled'";
    scene.execute(waited);
    scene.run_until("destroyed", |scene| {
        scene.is_at("expired", "destroyed") && scene.counts("key_destructions_total 1")
    });

    let mut expected = before;
    let serial = scene.old.serial.clone();
    expected.extend([
        format!("document.changed {early}"),
        format!("document.expired {early}"),
        format!("key_pair.changed {serial}"),
        format!("key_pair.destruction_scheduled {serial}"),
        format!("key_pair.destruction_begun {serial}"),
        format!("key_pair.destroyed {serial}"),
    ]);
    let steps = ["closed", "emptying", "emptied", "dropped", "expired"];
    expected.extend(steps.map(|step| format!("partition.{step}")));
    expected.sort();
    assert_eq!(scene.told(), expected);
    let of_it = format!("audit WHERE partition = '{PARTITION}'");
    assert_eq!(scene.rows(&of_it), 5, "steps of that partition");
    scene.server.start_again();
    assert!(scene.opens(neighbour));
    assert!(!scene.opens(early) && !scene.opens(old));
}

#[test]
fn the_job_removes_what_has_expired_from_sqlite_and_a_folder() {
    if let Some(parts) = Parts::find(Metadata::Sqlite, Blobs::Local) {
        expires_and_sweeps(&parts);
    }
}

#[test]
fn the_job_removes_what_has_expired_from_postgres_and_a_bucket() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) {
        expires_and_sweeps(&parts);
    }
}
