//! From a ring in clear to a sealed one.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_test_services::openbao;
use serde_json::json;

use crate::desk::{Desk, lines};

/// From a ring in clear to a sealed one, as docs/operations.md has it: the old key goes along, sealed,
/// until nothing needs it.
#[test]
fn a_ring_in_clear_moves_in() {
    let Some(access) = openbao() else { return };
    let mut desk = Desk::bare(&access);
    let (clear, ring) = (desk.installation.path("clear"), desk.ring());
    desk.installation.unset("KEYS__MASTER_KEY_TRANSIT");
    let address = desk.installation.setting("KEYS__VAULT__ADDRESS").to_owned();
    let token = desk
        .installation
        .setting("KEYS__VAULT__TOKEN_FILE")
        .to_owned();
    desk.installation.unset("KEYS__VAULT__ADDRESS");
    desk.installation.unset("KEYS__VAULT__TOKEN_FILE");
    let file = clear.to_str().unwrap();
    desk.installation.succeeds(&["master-key", "new", file]);
    desk.installation.set("KEYS__MASTER_KEY_FILE", file);
    desk.installation.succeeds(&["setup"]);
    let key = desk.key.clone();
    let (mut server, site) = desk.serve();
    let alice = server.ckc(&server.user("alice"));
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    assert!(server.terminate().success());

    let text = fs::read_to_string(&clear).unwrap();
    let (old, in_clear) = text.trim_end().split_once(':').unwrap();
    let context = [
        b"crypt-keeper/master-key/v1\0".as_slice(),
        &hex::decode(old).unwrap(),
    ]
    .concat();
    let body = json!({ "plaintext": in_clear, "associated_data": STANDARD.encode(context) });
    let path = format!("{}/encrypt/master-key", site.transit());
    let sealed = access.must("POST", &path, &body).unwrap();
    let sealed = sealed["ciphertext"].as_str().unwrap();
    let installation = &mut server.installation;
    installation.set("KEYS__VAULT__ADDRESS", &address);
    installation.set("KEYS__VAULT__TOKEN_FILE", &token);
    installation.set("KEYS__MASTER_KEY_TRANSIT", &key);
    installation.set("KEYS__MASTER_KEY_FILE", ring.to_str().unwrap());
    installation.succeeds(&["master-key", "new", ring.to_str().unwrap()]);
    let new = lines(&ring).remove(0).0;
    let both = fs::read_to_string(&ring).unwrap() + &format!("{old}:{sealed}\n");
    fs::write(&ring, both).unwrap();
    fs::remove_file(&clear).unwrap();
    server.start_again();
    alice.succeeds(&["download", &id, "-o", "one"]);
    server.installation.succeeds(&["master-key", "rotate"]);
    let pruned = server
        .installation
        .succeeds(&["master-key", "prune", "--now"]);
    assert!(pruned.contains(old), "{pruned}");
    assert_eq!(lines(&ring).len(), 1);
    assert_eq!(lines(&ring)[0].0, new);
    assert!(server.terminate().success());
    server.start_again();
    alice.succeeds(&["download", &id, "-o", "two"]);
    assert_eq!(alice.read("two"), b"of substance");
}
