//! A master key that is itself sealed by Transit of HashiCorp Vault, or of OpenBao: the file alone
//! opens nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_test_services::{
    OpenBao, OpenBaoOptions, ProcessIdentity, Signal, VaultAccess, VaultSite, openbao,
    require_or_skip,
};
use crypt_keeper_tests::{Installation, Parts, Secrets, Server, content};
use serde_json::{Value, json};

const ROLES: [&str; 2] = ["master-key", "master-key-change"];

/// A Transit key, and an installation whose ring it seals.
struct Desk {
    site: VaultSite,
    key: String,
    installation: Installation,
}

impl Desk {
    /// Configured, without a ring.
    fn bare(access: &VaultAccess) -> Self {
        let site = VaultSite::create(access).unwrap();
        let key = site.create_master_key().unwrap();
        let mut installation = Installation::new(&Parts::embedded());
        let ring = installation.path("ring");
        installation.set("KEYS__MASTER_KEY_FILE", ring.to_str().unwrap());
        installation.set("KEYS__MASTER_KEY_TRANSIT", &key);
        installation.set("KEYS__VAULT__ADDRESS", access.address());
        let mut desk = Self {
            site,
            key,
            installation,
        };
        desk.hand_token(&ROLES);
        desk
    }

    /// With a ring, and set up.
    fn set_up(access: &VaultAccess) -> Self {
        let desk = Self::bare(access);
        let ring = desk.ring();
        let made = desk
            .installation
            .succeeds(&["master-key", "new", ring.to_str().unwrap()]);
        assert_eq!(made.trim(), ring.to_str().unwrap());
        desk.installation.succeeds(&["setup"]);
        desk
    }

    fn hand_token(&mut self, roles: &[&str]) {
        let token = self.site.token(roles, 3600).unwrap();
        let file = self.installation.path("vault-token");
        fs::write(&file, token).unwrap();
        self.installation
            .set("KEYS__VAULT__TOKEN_FILE", file.to_str().unwrap());
    }

    fn ring(&self) -> PathBuf {
        self.installation.path("ring")
    }

    fn serve(self) -> (Server, VaultSite) {
        (Server::start_installation(self.installation), self.site)
    }

    /// Tries to start; the one line that it says.
    fn refused(&self) -> String {
        let refused = self.installation.run(&["serve"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{said}");
        let own: Vec<_> = said
            .lines()
            .filter(|line| !line.contains(" WARN "))
            .collect();
        assert_eq!(own.len(), 1, "{said}");
        own[0].to_owned()
    }
}

/// Ids and ciphertexts of a ring file.
fn lines(ring: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(ring).unwrap();
    let lines = text.lines().map(|line| line.split_once(':').unwrap());
    lines
        .map(|(id, sealed)| (id.to_owned(), sealed.to_owned()))
        .collect()
}

/// What a line holds, asked of Transit by its administrator.
fn opened(site: &VaultSite, id: &str, sealed: &str) -> Vec<u8> {
    let id = hex::decode(id).unwrap();
    let context = [b"crypt-keeper/master-key/v1\0".as_slice(), &id].concat();
    let body = json!({ "ciphertext": sealed, "associated_data": STANDARD.encode(context) });
    let path = format!("{}/decrypt/master-key", site.transit());
    let answer = site.access().must("POST", &path, &body).unwrap();
    STANDARD
        .decode(answer["plaintext"].as_str().unwrap())
        .unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

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

/// The service itself may open, and cannot seal; its operator's token can do both, and no more.
#[test]
fn each_role_has_its_part() {
    let Some(access) = openbao() else { return };
    let mut desk = Desk::set_up(&access);
    desk.hand_token(&["master-key"]);
    let other = desk.installation.path("other");
    let refused = desk
        .installation
        .run(&["master-key", "new", other.to_str().unwrap()]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("deploy/vault/master-key-change.hcl"),
        "{said}"
    );
    assert!(!other.exists(), "nothing is made in clear instead");
    let ring = desk.ring();
    let before = fs::read(&ring).unwrap();
    let refused = desk.installation.run(&["master-key", "rotate"]);
    assert!(!refused.status.success());
    assert_eq!(fs::read(&ring).unwrap(), before);
    let key = desk.key.clone();
    let (server, site) = desk.serve();
    assert!(server.is_ready());

    let (mount, name) = key.split_once('/').unwrap();
    let ask = |roles: &[&str], method: &str, path: &str, body: &Value| {
        let token = site.token(roles, 60).unwrap();
        access.ask_as(&token, None, method, path, body).unwrap().0
    };
    let text = json!({ "plaintext": "AAAA" });
    for (roles, method, path, body, status) in [
        (
            ["master-key"],
            "POST",
            format!("{mount}/encrypt/{name}"),
            &text,
            403,
        ),
        (
            ["master-key"],
            "GET",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/encrypt/{name}"),
            &text,
            200,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/encrypt/another"),
            &text,
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/keys/{name}/rotate"),
            &json!({}),
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/keys/{name}/config"),
            &json!({ "deletion_allowed": true }),
            403,
        ),
        (
            ["master-key-change"],
            "DELETE",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["master-key-change"],
            "GET",
            format!("{mount}/export/encryption-key/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["destroy"],
            "DELETE",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["serve"],
            "POST",
            format!("{mount}/decrypt/{name}"),
            &json!({ "ciphertext": "vault:v1:AAAA" }),
            403,
        ),
    ] {
        assert_eq!(
            ask(&roles, method, &path, body),
            status,
            "{roles:?} {method} {path}"
        );
    }
}

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

/// A service that runs needs Vault no more, until its ring changes.
#[test]
fn a_running_service_outlives_vault_and_takes_up_a_change_when_it_is_back() {
    let bao = OpenBao::start(&OpenBaoOptions::default());
    let Some(mut bao) = require_or_skip("OpenBao", bao) else {
        return;
    };
    let (server, _site) = Desk::set_up(bao.access()).serve();
    let alice = server.ckc(&server.user("alice"));
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    server
        .installation
        .succeeds(&["master-key", "rotate", "--add-only"]);
    let new = lines(&server.installation.path("ring"))[0].0.clone();
    wait_until("it has the new key", || server.metrics().contains(&new));

    bao.seal().unwrap();
    alice.succeeds(&["download", &id, "-o", "one"]);
    alice.succeeds(&["-q", "upload", "report.pdf"]);
    assert!(server.is_ready());
    // A change that it cannot read: it says so, and goes on.
    let ring = server.installation.path("ring");
    let text = fs::read_to_string(&ring).unwrap();
    fs::write(&ring, format!("# touched\n{text}")).unwrap();
    wait_until("it says so", || {
        server.log().contains("the master keys in force stay")
    });
    assert!(server.log().contains("Vault is sealed"));
    alice.succeeds(&["download", &id, "-o", "two"]);
    let refused = server.installation.run(&["master-key", "status"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("Vault is sealed"),
        "{said}"
    );

    bao.stop().unwrap();
    bao.start_again().unwrap();
    let identity = ProcessIdentity::of(server.pid()).unwrap();
    wait_until("it reads the ring again", || {
        assert!(identity.signal(Signal::HUP));
        std::thread::sleep(Duration::from_millis(500));
        server.log().contains("read the master keys again")
    });
    server.installation.succeeds(&["master-key", "rotate"]);
    alice.succeeds(&["download", &id, "-o", "three"]);
    assert_eq!(alice.read("three"), b"of substance");
}
