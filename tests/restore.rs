//! Backups of the metadata and of the private halves, put back before and after a destruction: a
//! document opens with both, and not when the backup of its private half is gone.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, require_or_skip};
use crypt_keeper_tests::{
    Backups, Blobs, Ckc, Engine, Installation, KeysInVault, Metadata, Parts, Server, content,
    random,
};

/// The job that destroys looks within five seconds of its start.
const SOON: Duration = Duration::from_secs(30);

fn serial_of(installation: &Installation, state: &str) -> String {
    let listed = installation.succeeds(&["keys", "list", "--json"]);
    let pairs = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut found = pairs.filter(|pair: &serde_json::Value| pair["state"] == state);
    let serial = found.next().expect(state)["serial"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(found.next().is_none(), "{listed}");
    serial
}

fn state(installation: &Installation, serial: &str) -> String {
    let shown = installation.succeeds(&["keys", "show", serial, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["state"].as_str().unwrap().to_owned()
}

fn opens(ckc: &Ckc, id: &str, expected: &[u8]) -> bool {
    let copy = format!("copy-{}", hex::encode(random::<4>()));
    let ran = ckc.run(&["download", id, "-o", &copy]);
    if ran.code == Some(0) {
        assert!(ckc.read(&copy) == expected, "it opens to something else");
    }
    ran.code == Some(0)
}

/// A day of rest and the days of grace pass, and the job destroys the pair.
fn destroy(server: &mut Server, serial: &str) {
    let installation = &server.installation;
    let database = installation.database();
    database.execute("UPDATE documents SET state = 'deleted'");
    database.execute(
        "UPDATE key_pairs SET deactivated_at = '2001-01-01 00:00:00' WHERE state = 'deactivated'",
    );
    installation.succeeds(&["keys", "destroy", serial, "--confirm", serial]);
    assert_eq!(state(installation, serial), "destroy-scheduled");
    database.execute(
        "UPDATE key_pairs SET destroy_at = '2001-01-01 00:00:00' WHERE destroy_at IS NOT NULL",
    );
    assert!(server.terminate().success());
    server.start_again();
    let deadline = Instant::now() + SOON;
    while state(&server.installation, serial) != "destroyed" {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Something that holds private halves, is backed up as a whole, and is put back as a whole. The
/// service is stopped meanwhile.
trait PrivateHalves {
    type Backup;
    fn back_up(&mut self) -> Self::Backup;
    fn restore(&mut self, backup: &Self::Backup);
}

struct KeyStore {
    backups: Backups,
    database: String,
}

impl PrivateHalves for KeyStore {
    type Backup = String;

    fn back_up(&mut self) -> String {
        let database = self.database.clone();
        self.backups.make(&database)
    }

    fn restore(&mut self, backup: &String) {
        self.backups.restore(&self.database, backup);
    }
}

struct Vault {
    server: OpenBao,
    folder: tempfile::TempDir,
}

impl PrivateHalves for Vault {
    type Backup = PathBuf;

    fn back_up(&mut self) -> PathBuf {
        let to = self.folder.path().join(hex::encode(random::<4>()));
        self.server.stop().unwrap();
        self.server.back_up(&to).unwrap();
        self.server.start_again().unwrap();
        to
    }

    fn restore(&mut self, backup: &PathBuf) {
        self.server.stop().unwrap();
        self.server.restore(backup).unwrap();
        self.server.start_again().unwrap();
    }
}

fn is_gone_with_the_last_backup(mut server: Server, mut halves: impl PrivateHalves) {
    let (postgres, metadata, _) = server.installation.databases();
    let mut backups = Backups::of(postgres);
    let account = server.user("alice");
    let alice = server.ckc(&account);
    let text = content(100_000, 1);
    alice.write("secret.bin", &text);
    let id = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    let serial = serial_of(&server.installation, "active");
    server.installation.succeeds(&["keys", "rotate"]);

    assert!(server.terminate().success());
    let metadata_then = backups.make(&metadata);
    let halves_then = halves.back_up();
    server.start_again();
    // Deleted, and brought back by the backup of the metadata: its private half is still there.
    server
        .installation
        .database()
        .execute("UPDATE documents SET state = 'deleted'");
    assert!(!opens(&alice, &id, &text), "it is deleted");
    assert!(server.terminate().success());
    backups.restore(&metadata, &metadata_then);
    server.start_again();
    assert!(opens(&alice, &id, &text), "before the destruction it opens");

    destroy(&mut server, &serial);
    assert!(server.terminate().success());
    let halves_since = halves.back_up();
    backups.restore(&metadata, &metadata_then);
    server.start_again();
    let says = state(&server.installation, &serial);
    assert_eq!(says, "deactivated", "so says the backup");
    assert!(!opens(&alice, &id, &text), "the private half is erased");
    let found = server.installation.run(&["doctor"]);
    let found = String::from_utf8_lossy(&found.stdout);
    assert!(
        found.contains(&serial) && found.contains("has no private half"),
        "{found}"
    );
    let later = alice.succeeds(&["-q", "upload", "secret.bin"]).line();
    assert!(opens(&alice, &later, &text), "the service goes on");

    // Within W: the private halves, too, come back from a backup of before.
    assert!(server.terminate().success());
    halves.restore(&halves_then);
    server.start_again();
    assert!(opens(&alice, &id, &text), "both backups together open it");

    // After W: the oldest backup there is of them is from after the destruction.
    assert!(server.terminate().success());
    halves.restore(&halves_since);
    backups.restore(&metadata, &metadata_then);
    server.start_again();
    assert!(!opens(&alice, &id, &text), "nothing opens it any more");
    assert!(server.terminate().success());
}

#[test]
fn of_a_key_store_of_its_own() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local).map(Parts::with_shared_pairs)
    else {
        return;
    };
    let mut installation = Installation::new(&parts);
    installation.separate_key_store();
    installation.set_up();
    let (postgres, _, key_store) = installation.databases();
    let halves = KeyStore {
        backups: Backups::of(postgres),
        database: key_store.unwrap(),
    };
    is_gone_with_the_last_backup(Server::start_installation(installation), halves);
}

#[test]
fn of_vault() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local).map(Parts::with_shared_pairs)
    else {
        return;
    };
    let bao = OpenBao::start(&OpenBaoOptions::default());
    let Some(bao) = require_or_skip("OpenBao", bao) else {
        return;
    };
    let keys = KeysInVault::create(Engine::Kv, bao.access());
    let server = Server::start_installation(keys.set_up(&parts));
    let halves = Vault {
        server: bao,
        folder: tempfile::tempdir().unwrap(),
    };
    is_gone_with_the_last_backup(server, halves);
}
