//! What does not open, and what nothing is sealed under.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_test_services::openbao;
use serde_json::json;

use crate::desk::{Desk, opened};

#[test]
fn what_does_not_open_refuses_to_start_in_one_line() {
    let Some(access) = openbao() else { return };
    let mut desk = Desk::set_up(&access);
    let ring = desk.ring();
    let good = fs::read_to_string(&ring).unwrap();
    let (id, sealed) = good.trim_end().split_once(':').unwrap();
    let mut altered = sealed.to_owned().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let in_clear = format!("{id}:{}\n", STANDARD.encode(opened(&desk.site, id, sealed)));
    for (text, says) in [
        (
            format!("{id}:{altered}\n"),
            "does not open it: it was sealed by another key",
        ),
        // The line of another id, under the same key.
        (
            format!("00112233445566aa:{sealed}\n"),
            "or for another place, or was altered since",
        ),
        (
            format!("{id}:vault:v9:{}\n", &sealed[9..]),
            "does not open it",
        ),
        (
            in_clear.clone(),
            "line 1 of the master key ring: the key is not sealed",
        ),
        (String::new(), "the master key ring is empty"),
    ] {
        fs::write(&ring, text).unwrap();
        let said = desk.refused();
        assert!(said.contains(says), "{said}");
        assert!(
            !said.contains(&sealed[9..30]) && !said.contains(&in_clear[17..40]),
            "{said}"
        );
    }
    fs::write(&ring, &good).unwrap();

    // Sealed by a key that is not the one configured, or by one that nobody has told of.
    let transit = desk.site.transit().to_owned();
    access
        .must("POST", &format!("{transit}/keys/other"), &json!({}))
        .unwrap();
    let address = access.address().to_owned();
    for (name, value, says) in [
        (
            "KEYS__MASTER_KEY_TRANSIT",
            format!("{transit}/other"),
            "deploy/vault/master-key.hcl",
        ),
        (
            "KEYS__MASTER_KEY_TRANSIT",
            "master-key".to_owned(),
            "is not valid: not the path of a Transit key",
        ),
        (
            "KEYS__MASTER_KEY_TRANSIT",
            format!("{transit}/crypt-keeper-1"),
            "names that begin with `crypt-keeper-`",
        ),
        (
            "KEYS__VAULT__ADDRESS",
            "http://127.0.0.1:1".to_owned(),
            "Vault cannot be reached",
        ),
        (
            "KEYS__VAULT__TOKEN_FILE",
            "/no/such/token".to_owned(),
            "cannot read /no/such/token",
        ),
    ] {
        let before = desk.installation.setting(name).to_owned();
        desk.installation.set(name, &value);
        let said = desk.refused();
        assert!(said.contains(says), "{name}={value}: {said}");
        desk.installation.set(name, &before);
    }
    let root = desk.installation.path("root-token");
    fs::write(&root, access.root_token()).unwrap();
    let token = desk
        .installation
        .setting("KEYS__VAULT__TOKEN_FILE")
        .to_owned();
    desk.installation
        .set("KEYS__VAULT__TOKEN_FILE", root.to_str().unwrap());
    for (name, says) in [
        ("other", "does not open it: it was sealed by another key"),
        ("nowhere", "has no Transit key"),
    ] {
        desk.installation
            .set("KEYS__MASTER_KEY_TRANSIT", &format!("{transit}/{name}"));
        let said = desk.refused();
        assert!(said.contains(says), "{said}");
    }
    // A key of a kind that binds nothing is not sealed under, and none is made by the way.
    let rsa = json!({ "type": "rsa-3072" });
    access
        .must("POST", &format!("{transit}/keys/rsa"), &rsa)
        .unwrap();
    let other = desk.installation.path("other-ring");
    for (name, says) in [
        ("rsa", "is of another kind"),
        ("nowhere", "has no Transit key"),
    ] {
        desk.installation
            .set("KEYS__MASTER_KEY_TRANSIT", &format!("{transit}/{name}"));
        let refused = desk
            .installation
            .run(&["master-key", "new", other.to_str().unwrap()]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(says), "{said}");
        assert!(!other.exists());
    }

    desk.installation.set("KEYS__VAULT__TOKEN_FILE", &token);
    desk.installation.unset("KEYS__MASTER_KEY_TRANSIT");
    let said = desk.refused();
    assert!(said.contains("`keys.vault.address` is of no use"), "{said}");
    desk.installation.unset("KEYS__VAULT__ADDRESS");
    desk.installation.unset("KEYS__VAULT__TOKEN_FILE");
    let said = desk.refused();
    assert!(
        said.contains("name its Transit key in `keys.master_key_transit`"),
        "{said}"
    );

    desk.installation.set("KEYS__VAULT__ADDRESS", &address);
    desk.installation.set("KEYS__VAULT__TOKEN_FILE", &token);
    let key = desk.key.clone();
    desk.installation.set("KEYS__MASTER_KEY_TRANSIT", &key);
    let (server, _site) = desk.serve();
    assert!(server.is_ready(), "and all was well but for that");
}
