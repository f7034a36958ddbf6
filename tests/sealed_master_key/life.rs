//! A service lives with it: up and down, rotations of both keys, and never a key in clear.

use std::fs;
use std::path::{Path, PathBuf};

use crypt_keeper_test_services::openbao;
use crypt_keeper_tests::{Secrets, content};
use serde_json::{Value, json};

use crate::desk::{Desk, lines, opened, wait_until};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Up and down, restarts, a rotation of the Transit key, a change of master key; and the key in clear
/// is nowhere but in Vault and in processes.
#[test]
fn a_service_lives_with_it_and_the_key_in_clear_is_nowhere() {
    let Some(access) = openbao() else { return };
    let mut desk = Desk::set_up(&access);
    desk.installation.set("LOG__FILTER", "trace");
    let ring = desk.ring();
    let first = lines(&ring);
    assert_eq!(first.len(), 1);
    assert!(first[0].1.starts_with("vault:v1:"), "{first:?}");

    let (mut server, site) = desk.serve();
    let alice = server.ckc(&server.user("alice"));
    alice.write("report.pdf", content(300_000, 5));
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    let is_there = |copy: &str| {
        alice.succeeds(&["download", &id, "-o", copy]);
        assert!(alice.read(copy) == alice.read("report.pdf"));
    };
    is_there("one");
    assert!(server.terminate().success());
    server.start_again();
    is_there("two");

    // Another version of the Transit key: what the old one has sealed still opens.
    let transit = format!("{}/keys/master-key", site.transit());
    access
        .must("POST", &format!("{transit}/rotate"), &json!({}))
        .unwrap();
    assert!(server.terminate().success());
    server.start_again();
    is_there("three");

    // A new master key, sealed under the new version, under the running service.
    server.installation.succeeds(&["master-key", "rotate"]);
    let both = lines(&ring);
    assert_eq!(both.len(), 2);
    assert!(both[0].1.starts_with("vault:v2:"), "{both:?}");
    assert_eq!(both[1], first[0]);
    let status = server
        .installation
        .succeeds(&["master-key", "status", "--json"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["source"], &status["service"]),
        (&json!("sealed file"), &json!("current"))
    );
    is_there("four");
    server
        .installation
        .succeeds(&["master-key", "prune", "--now"]);
    assert_eq!(lines(&ring), both[..1]);
    let keys: Vec<_> = both
        .iter()
        .map(|(id, sealed)| opened(&site, id, sealed))
        .collect();
    // Nothing needs the first version any more.
    let config = json!({ "min_decryption_version": 2 });
    access
        .must("POST", &format!("{transit}/config"), &config)
        .unwrap();
    wait_until("the service has forgotten the old key", || {
        !server.metrics().contains(&first[0].0)
    });
    assert!(server.terminate().success());
    server.start_again();
    is_there("five");

    let audit = server
        .installation
        .succeeds(&["audit", "list", "--all", "--json"]);
    let mut events: Vec<_> = audit
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|entry| !entry["master_key"].is_null())
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap().to_owned();
            assert_eq!(word("actor"), "operator");
            (word("action"), word("master_key"))
        })
        .collect();
    let event = |action: &str, id: &str| (format!("master_key.{action}"), id.to_owned());
    events.sort();
    assert_eq!(
        events,
        [
            event("added", &both[0].0),
            event("removed", &both[1].0),
            event("resealing_begun", &both[0].0),
            event("resealing_done", &both[0].0),
        ]
    );

    let mut secrets = Secrets::default();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(key.len(), 32);
        secrets.add(&format!("master key {number}"), key);
    }
    let token = fs::read(server.installation.path("vault-token")).unwrap();
    secrets.add("token", &token);
    assert!(server.terminate().success());
    for path in files(server.installation.path("ring").parent().unwrap()) {
        if path.ends_with("vault-token") {
            continue;
        }
        let found = secrets.find(&path.display().to_string(), &fs::read(&path).unwrap());
        assert_eq!(found, []);
    }
    assert!(server.log().contains("crypt_keeper"), "there is a log");
}
