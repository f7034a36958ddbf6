//! What may be claimed of an expired partition: once its key pair is destroyed, and the backups of
//! private halves from before are gone, no copy of the database and of the bucket opens a document of
//! it. Before that, they do.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{CallContext, Caller, Partition, PartitionState, RequestId};
use crypt_keeper_domain::ports::Clock as _;
use crypt_keeper_server::clock::SystemClock;
use crypt_keeper_server::config::{Environment, PublicUrl, load};
use crypt_keeper_server::entropy::SystemEntropy;
use crypt_keeper_server::partition_upkeep::expire_partitions;
use crypt_keeper_server::wiring::{self, Missing, Stores, Vault};
use crypt_keeper_tests::{Blobs, Ckc, Installation, Metadata, Parts, Server, content, random};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What a backup of the database and one of the bucket hold.
const DATABASE_AND_BUCKET: [&str; 2] = ["metadata.db", "blobs"];
/// What a backup of the private halves holds.
const PRIVATE_HALVES: [&str; 1] = ["keys.db"];

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        std::fs::remove_file(path).unwrap();
    }
}

/// Copies parts of a data folder into the place of those of another; the service is stopped.
fn put_back(parts: &[&str], from: &Path, to: &Path) {
    for part in parts {
        for name in [
            (*part).to_owned(),
            format!("{part}-wal"),
            format!("{part}-shm"),
        ] {
            remove(&to.join(&name));
            if from.join(&name).exists() {
                copy(&from.join(&name), &to.join(&name));
            }
        }
    }
}

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
    let file = installation.write_configuration();
    let environment: Environment = std::iter::empty().collect();
    let settings = load(Some(&file), &environment, &[]).unwrap().settings;
    let runtime = tokio::runtime::Handle::current();
    let stores = Stores::open(&settings, Missing::Refuse, &runtime).await;
    let stores = stores.unwrap();
    let ring = wiring::read_master_keys(&settings).await.unwrap();
    let vault = Vault::open(&settings, &stores, ring.as_ref()).unwrap();
    let url = PublicUrl::of(installation.address(), false);
    let clock = Arc::new(SystemClock);
    let objects = wiring::open_blobs(&settings, &url, ring.as_ref(), clock.clone(), &runtime);
    let objects = objects.await.unwrap();
    let entropy = Arc::new(SystemEntropy);
    let ports = wiring::ports(&stores, &vault, &objects, clock, entropy);
    let expire = expire_partitions(&ports, &stores);
    let call = |days: u32| CallContext {
        caller: Caller::system(),
        at: SystemClock.now().plus(DAY * days),
        request_id: RequestId::from_random(random()),
        address: None,
    };
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
    stores.shutdown().await;
}

#[test]
fn a_backup_opens_an_expired_document_before_and_does_not_after() {
    let Some(parts) = Parts::find(Metadata::Sqlite, Blobs::Local) else {
        return;
    };
    let mut installation = Installation::new(&parts);
    installation.set("RETENTION__CLASSES", "1:daily:1h");
    installation.set("RETENTION__DEFAULT", "daily");
    installation.set_up();
    let mut server = Server::start_installation(installation);
    let account = server.user("alice");
    let alice = server.ckc(&account);
    let text = content(100_000, 1);
    alice.write("secret.bin", &text);
    let id = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    let document: crypt_keeper_domain::model::DocumentId =
        crypt_keeper_domain::model::DocumentId::parse(&id).unwrap();
    let partition = document.partition();
    assert_eq!(partition.class().number(), 1);
    assert!(server.terminate().success());

    let data = server.installation.data();
    let (then, since) = (
        server.installation.path("then"),
        server.installation.path("since"),
    );
    copy(&data, &then);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(weeks_pass(&server.installation, partition));
    runtime.shutdown_timeout(Duration::from_secs(10));
    copy(&data, &since);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "it has expired");
    assert!(server.terminate().success());

    // Database and bucket come back from their backups: everything that there was of the document,
    // but for the private half.
    put_back(&DATABASE_AND_BUCKET, &then, &data);
    // The pair that the backup has as active wraps nothing that opens again: another takes over.
    server.installation.succeeds(&["keys", "rotate"]);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "its private half is erased");
    let later = alice.succeeds(&["-q", "upload", "secret.bin"]);
    assert!(!later.line().is_empty());
    assert!(server.terminate().success());

    // Within the time that backups of private halves are kept.
    put_back(&PRIVATE_HALVES, &then, &data);
    put_back(&DATABASE_AND_BUCKET, &then, &data);
    server.start_again();
    assert!(opens(&alice, &id, &text), "all backups together open it");
    assert!(server.terminate().success());

    // After it: the oldest backup of them is from after the destruction.
    put_back(&PRIVATE_HALVES, &since, &data);
    server.installation.succeeds(&["keys", "rotate"]);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "nothing opens it any more");
    assert!(server.terminate().success());
}
