//! What may be claimed of an expired partition: once its key pair is destroyed, and the backups of
//! private halves from before are gone, no copy of the database and of the bucket opens a document of
//! it. Before that, they do.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::AnyTime;
use crypt_keeper_domain::model::{DocumentId, Partition, PartitionState};
use crypt_keeper_domain::ports::Clock as _;
use crypt_keeper_server::clock::SystemClock;
use crypt_keeper_server::partition_upkeep::expire_partitions;
use crypt_keeper_tests::{
    BackedUp, Backups, Blobs, Ckc, Installation, Metadata, Opened, Parts, Server, StoredObjects,
    content, random, system_call,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn opens(ckc: &Ckc, id: &str, expected: &[u8]) -> bool {
    let copy = format!("copy-{}", hex::encode(random::<4>()));
    let ran = ckc.run(&["download", id, "-o", &copy]);
    if ran.code == Some(0) {
        assert!(ckc.read(&copy) == expected, "it opens to something else");
    }
    ran.code == Some(0)
}

/// What the job does in the weeks after the partition's period, with the service's own parts.
async fn weeks_pass(installation: &Installation, partition: Partition) {
    let opened = Opened::of(installation).await;
    let stores = &opened.stores;
    let mut expire = expire_partitions(&opened.ports, stores);
    expire.partitions = Arc::new(AnyTime(expire.partitions));
    let call = |days: u32| system_call(SystemClock.now().plus(DAY * days));
    for days in [2, 3, 5] {
        let outcome = expire.drop_now(&call(days), partition).await.unwrap();
        assert!(outcome.failures.is_empty(), "{outcome:?}");
    }
    let entry = stores.partitions.find_partition(partition).await.unwrap();
    assert_eq!(entry.unwrap().state, PartitionState::Expired);
    for pair in stores.registry.list_pairs().await.unwrap() {
        if pair.scope.to_string() == format!("partition:1:{}", partition.start().format("%Y%m%d")) {
            let step = expire.destroy.run(&call(60), pair.serial).await;
            assert!(step.unwrap().changed);
        }
    }
    opened.close().await;
}

/// The metadata, and the private halves, which are backed up on their own.
fn databases(installation: &Installation) -> (BackedUp, BackedUp) {
    if installation.is_embedded() {
        let file = |name| BackedUp::File(installation.data().join(name));
        return (file("metadata.db"), file("keys.db"));
    }
    let (postgres, metadata, halves) = installation.databases();
    let database = |name| BackedUp::Postgres(Box::new(Backups::of(postgres.clone())), name);
    (database(metadata), database(halves.unwrap()))
}

fn a_backup_opens_it_before_and_not_after(parts: &Parts) {
    let mut installation = Installation::new(parts);
    installation.set("RETENTION__CLASSES", "1:daily:1h");
    installation.set("RETENTION__DEFAULT", "daily");
    if parts.postgres.is_some() {
        installation.separate_key_store();
    }
    installation.set_up();
    let mut server = Server::start_installation(installation);
    let account = server.user("alice");
    let alice = server.ckc(&account);
    let text = content(100_000, 1);
    alice.write("secret.bin", &text);
    let id = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    let partition = DocumentId::parse(&id).unwrap().partition();
    assert_eq!(partition.class().number(), 1);
    assert!(server.terminate().success());

    let (mut metadata, mut halves) = databases(&server.installation);
    let objects = StoredObjects::of(&server.installation);
    let (metadata_then, objects_then) = (metadata.back_up(), objects.back_up());
    let halves_then = halves.back_up();
    assert_eq!(objects_then.len(), 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(weeks_pass(&server.installation, partition));
    runtime.shutdown_timeout(Duration::from_secs(10));
    let halves_since = halves.back_up();
    assert!(objects.keys().is_empty(), "{:?}", objects.keys());
    server.start_again();
    assert!(!opens(&alice, &id, &text), "it has expired");
    assert!(server.terminate().success());

    // Database and bucket come back from their backups: everything that there was of the document,
    // but for the private half.
    let database_and_bucket_come_back = || {
        metadata.restore(&metadata_then);
        objects.restore(&objects_then);
    };
    database_and_bucket_come_back();
    // The pair that the backup has as active wraps nothing that opens again: another takes over.
    server.installation.succeeds(&["keys", "rotate"]);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "its private half is erased");
    let later = alice.succeeds(&["-q", "upload", "secret.bin"]);
    assert!(!later.line().is_empty());
    assert!(server.terminate().success());

    // Within the time that backups of private halves are kept.
    halves.restore(&halves_then);
    database_and_bucket_come_back();
    server.start_again();
    assert!(opens(&alice, &id, &text), "all backups together open it");
    assert!(server.terminate().success());

    // After it: the oldest backup of them is from after the destruction.
    halves.restore(&halves_since);
    server.installation.succeeds(&["keys", "rotate"]);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "nothing opens it any more");
    assert!(server.terminate().success());
}

#[test]
fn a_backup_opens_an_expired_document_before_and_does_not_after() {
    if let Some(parts) = Parts::find(Metadata::Sqlite, Blobs::Local) {
        a_backup_opens_it_before_and_not_after(&parts);
    }
}

#[test]
fn backups_of_postgres_and_a_bucket_open_an_expired_document_before_and_do_not_after() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) {
        a_backup_opens_it_before_and_not_after(&parts);
    }
}
