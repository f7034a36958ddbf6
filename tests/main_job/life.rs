//! What becomes of documents and keys over rotations, restarts and crashes; and that everything is
//! where the cell says.

use crypt_keeper_tests::{Blobs, Ckc, Installation, KeysInVault, Server};
use serde_json::Value;

use crate::cell::{Cell, Keys};
use crate::suite::{Done, Sent};
use crate::wire::Bare;

/// Sizes of what is uploaded after a rotation, and after a crash.
const LATE: [usize; 2] = [1_048_522, 3_000_000];

/// Rotates the key pair, stops and starts the service, and kills and starts it: documents of before
/// and after come back.
pub(crate) fn documents_outlive_rotation_and_crash(
    server: &mut Server,
    early: &Sent,
    alice: &Ckc,
) -> Done {
    server.installation.succeeds(&["keys", "rotate"]);
    early.comes_back_to(alice);
    assert!(server.terminate().success());
    server.start_again();
    let rotated = Sent::by(alice, LATE[0]);
    server.kill();
    server.start_again();
    let killed = Sent::by(alice, LATE[1]);
    for sent in [early, &rotated, &killed] {
        sent.comes_back_to(alice);
    }
    Done {
        documents: LATE.len(),
        bytes: LATE.iter().sum(),
    }
}

/// URLs lead to what the cell says has the objects.
pub(crate) fn objects_are_where_they_belong(cell: Cell, server: &Server, bare: &Bare) {
    let place = match cell.blobs {
        Blobs::Local => server.url(),
        Blobs::Minio | Blobs::Versitygw => {
            let of = |name| server.installation.setting(name).to_owned();
            format!("{}/{}", of("BLOBS__S3__ENDPOINT"), of("BLOBS__S3__BUCKET"))
        }
    };
    for url in [&bare.put, &bare.get] {
        assert!(url.starts_with(&format!("{place}/")), "not of {place}");
    }
}

/// Each pair's private half is in what the cell says, and in nothing else.
pub(crate) fn private_halves_are_where_they_belong(
    cell: Cell,
    server: &Server,
    keys: Option<&KeysInVault>,
) {
    let operator = &server.installation;
    let pairs = operator.succeeds(&["keys", "list", "--json"]);
    let pairs = pairs.lines().count() as u64;
    assert!(
        pairs >= 2,
        "it was rotated once, and there are {pairs} pairs"
    );
    let in_vault = keys.map_or(0, |keys| keys.private_halves() as u64);
    let expected = match cell.keys {
        Keys::Sealed => (pairs, 0),
        Keys::VaultKv | Keys::VaultTransit => (0, pairs),
    };
    assert_eq!(
        (sealed_private_halves(operator), in_vault),
        expected,
        "private halves sealed, and in a Vault"
    );
}

/// How many there are under master keys. One that signs the URLs of a folder seals none.
fn sealed_private_halves(operator: &Installation) -> u64 {
    let status = operator.run(&["master-key", "status", "--json"]);
    if status.stdout.is_empty() {
        let refused = String::from_utf8_lossy(&status.stderr);
        assert!(
            refused.contains("no private half is sealed under a master key"),
            "{refused}"
        );
        return 0;
    }
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let keys = status["master_keys"].as_array().unwrap().iter();
    keys.map(|key| key["private_halves"].as_u64().unwrap())
        .sum()
}
