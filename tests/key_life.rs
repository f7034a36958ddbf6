//! The life of key pairs on running services: destruction is for good, whatever backup of the
//! metadata is put back; rotation by age happens once, however many instances are at it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fs;
use std::time::{Duration, Instant};

use crypt_keeper_tests::{Ckc, Installation, Metadata, Parts, Server, content};

/// Two jobs look within five seconds of their start.
const SOON: Duration = Duration::from_secs(30);

fn wait_until(what: &str, server: &Server, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The state of a key pair, as the operator is shown it.
fn state(installation: &Installation, serial: &str) -> String {
    let shown = installation.succeeds(&["keys", "show", serial, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["state"].as_str().unwrap().to_owned()
}

fn active_serial(installation: &Installation) -> String {
    let listed = installation.succeeds(&["keys", "list", "--json"]);
    let pairs = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut active = pairs.filter(|pair: &serde_json::Value| pair["state"] == "active");
    let serial = active.next().unwrap()["serial"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(active.next().is_none());
    serial
}

fn opens(ckc: &Ckc, id: &str, expected: &[u8]) -> bool {
    let copy = format!("copy-{}", hex::encode(crypt_keeper_tests::random::<4>()));
    let ran = ckc.run(&["download", id, "-o", &copy]);
    if ran.code == Some(0) {
        assert!(ckc.read(&copy) == expected, "it opens to something else");
    }
    ran.code == Some(0)
}

/// Metadata come back from a backup that was made while the document was alive. The private half is
/// in a store of its own, with a backup of its own: once that is gone too, nothing opens the
/// document.
#[test]
fn a_restored_backup_opens_before_the_destruction_and_not_after() {
    let mut server = Server::start(&Parts::embedded().with_shared_pairs());
    let account = server.user("alice");
    let alice = server.ckc(&account);
    let text = content(100_000, 1);
    alice.write("secret.bin", &text);
    let id = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    let serial = active_serial(&server.installation);
    server.installation.succeeds(&["keys", "rotate"]);

    assert!(server.terminate().success());
    let data = server.installation.data();
    let backup = server.installation.path("backup");
    fs::create_dir(&backup).unwrap();
    for name in ["metadata.db", "keys.db"] {
        fs::copy(data.join(name), backup.join(name)).unwrap();
    }
    let restore = |name: &str| {
        for log in ["-wal", "-shm"] {
            let _ = fs::remove_file(data.join(format!("{name}{log}")));
        }
        fs::copy(backup.join(name), data.join(name)).unwrap();
    };

    // Deleted, and brought back by the backup: the pair is there.
    let deleted = "UPDATE documents SET state = 'deleted'";
    server.installation.database().execute(deleted);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "it is deleted");
    assert!(server.terminate().success());
    restore("metadata.db");
    server.start_again();
    assert!(
        opens(&alice, &id, &text),
        "the backup opens before the destruction"
    );

    // Time passes: a day of rest, and the wait.
    let database = server.installation.database();
    database.execute(deleted);
    database.execute(
        "UPDATE key_pairs SET deactivated_at = '2001-01-01 00:00:00' WHERE state = 'deactivated'",
    );
    let confirmed = ["keys", "destroy", &serial, "--confirm", &serial];
    server.installation.succeeds(&confirmed);
    assert_eq!(state(&server.installation, &serial), "destroy-scheduled");
    database.execute(
        "UPDATE key_pairs SET destroy_at = '2001-01-01 00:00:00' WHERE destroy_at IS NOT NULL",
    );
    // The job of the next start finds it due.
    assert!(server.terminate().success());
    server.start_again();
    wait_until("it is not destroyed", &server, || {
        state(&server.installation, &serial) == "destroyed"
    });
    assert!(server.log().contains("destroyed a key pair that was due"));
    wait_until("it is not counted", &server, || {
        server
            .metrics()
            .contains("crypt_keeper_key_destructions_total 1")
    });

    assert!(server.terminate().success());
    restore("metadata.db");
    server.start_again();
    assert_eq!(
        state(&server.installation, &serial),
        "deactivated",
        "so says the backup"
    );
    assert!(
        !opens(&alice, &id, &text),
        "a backup of the metadata opens nothing"
    );
    let other = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    assert!(opens(&alice, &other, &text), "the service goes on");

    // As long as the key store's own backup is kept, it does: that is the time that W names.
    assert!(server.terminate().success());
    restore("keys.db");
    server.start_again();
    assert!(opens(&alice, &id, &text), "both backups together open it");
}

/// New pairs are of another algorithm by configuration. The old one's active pair stays for a day,
/// for instances that have not heard of it; then the service rotates it out by itself, and its
/// documents and it go the way of any other.
#[test]
fn the_pair_of_an_old_algorithm_is_rotated_out_by_the_service() {
    let mut installation = Installation::new(&Parts::embedded().with_shared_pairs());
    installation.set("KEYS__ALGORITHM", "CK-RSA-OAEP-256");
    let mut server = Server::start_installation(installation);
    let account = server.user("alice");
    let alice = server.ckc(&account);
    alice.write("a.txt", b"before");
    let id = alice.succeeds(&["-q", "upload", "a.txt"]).line();
    let old = active_serial(&server.installation);

    assert!(server.terminate().success());
    server.installation.set("KEYS__ALGORITHM", "CK-HPKE-XWING");
    server.installation.succeeds(&["setup"]);
    server.start_again();
    let later = alice.succeeds(&["-q", "upload", "a.txt"]).line();
    let active = |server: &Server| {
        let active = "SELECT count(*) AS n FROM key_pairs WHERE state = 'active'";
        server.installation.database().count(active)
    };
    assert_eq!(active(&server), 2, "the old one has its day");
    assert!(server.terminate().success());
    server.installation.database().execute(
        "UPDATE key_pairs SET activated_at = datetime('now', '-2 days')
         WHERE algorithm = 'CK-HPKE-XWING'",
    );
    server.start_again();
    wait_until("it is not rotated out", &server, || {
        state(&server.installation, &old) == "deactivated"
    });
    assert_eq!(active(&server), 1);
    assert_ne!(active_serial(&server.installation), old);
    wait_until("it is not told", &server, || {
        server
            .log()
            .contains("rotated out a key pair of an algorithm")
    });
    for id in [&id, &later] {
        assert!(opens(&alice, id, b"before"));
    }

    // Empty, it may be destroyed like any other.
    server.installation.succeeds(&["keys", "rewrap", &old]);
    server.installation.database().execute(
        "UPDATE key_pairs SET deactivated_at = '2001-01-01 00:00:00' WHERE state = 'deactivated'",
    );
    let confirmed = ["keys", "destroy", &old, "--confirm", &old];
    server.installation.succeeds(&confirmed);
    assert_eq!(state(&server.installation, &old), "destroy-scheduled");
    for id in [&id, &later] {
        assert!(opens(&alice, id, b"before"));
    }
}

/// Two instances over one database, each with its job: of a pair that is due, one makes a
/// successor.
fn rotated_once(parts: &Parts) {
    let mut first = Server::start(parts);
    let account = first.user("alice");
    let old = active_serial(&first.installation);
    let alice = first.ckc(&account);
    alice.write("a.txt", b"before");
    let id = alice.succeeds(&["-q", "upload", "a.txt"]).line();
    assert!(first.terminate().success());
    let database = first.installation.database();
    database.execute("UPDATE key_pairs SET activated_at = '2001-01-01 00:00:00'");

    let mut second = Server::start_installation(first.installation.twin());
    first.start_again();
    wait_until("it is not rotated", &first, || {
        state(&first.installation, &old) == "deactivated"
    });
    // Both have looked by then.
    std::thread::sleep(Duration::from_secs(6));
    let new = active_serial(&first.installation);
    assert_ne!(new, old);
    let activated = "SELECT count(*) AS n FROM key_pairs WHERE activated_at IS NOT NULL";
    assert_eq!(database.count(activated), 2, "one successor");
    let rotations = |server: &Server| {
        let metrics = server.metrics();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("crypt_keeper_key_rotations_total "));
        line.unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(rotations(&first) + rotations(&second), 1);
    assert!(opens(&alice, &id, b"before"), "old documents stay readable");
    let through_second = second.ckc(&account);
    through_second.write("b.txt", b"after");
    let id = through_second.succeeds(&["-q", "upload", "b.txt"]).line();
    assert!(opens(&alice, &id, b"after"));
    assert!(second.terminate().success());
}

#[test]
fn instances_on_sqlite_rotate_once_by_age() {
    rotated_once(&Parts::embedded().with_shared_pairs());
}

#[test]
fn instances_on_postgresql_rotate_once_by_age() {
    if let Some(parts) = Parts::find(Metadata::Postgres, crypt_keeper_tests::Blobs::Local)
        .map(Parts::with_shared_pairs)
    {
        rotated_once(&parts);
    }
}
