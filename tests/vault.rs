//! The main job with private halves in HashiCorp Vault, or in OpenBao, which is what tests have; and
//! what becomes of it when Vault goes away.

use std::time::{Duration, Instant};

use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, VaultAccess, openbao, require_or_skip};
use crypt_keeper_tests::{Blobs, Engine, KeysInVault, Metadata, Parts, Server, content, http};
use serde_json::Value;

const NETWORK: i32 = 6;
const ENGINES: [Engine; 2] = [Engine::Kv, Engine::Transit];

fn start(engine: Engine, access: &VaultAccess, parts: &Parts) -> (Server, KeysInVault) {
    let keys = KeysInVault::create(engine, access);
    let installation = keys.set_up(parts);
    (Server::start_installation(installation), keys)
}

fn own_server() -> Option<OpenBao> {
    require_or_skip("OpenBao", OpenBao::start(&OpenBaoOptions::default()))
}

#[test]
fn documents_go_there_and_back_and_outlive_a_rotation() {
    let Some(access) = openbao() else { return };
    for engine in ENGINES {
        let (server, keys) = start(engine, &access, &Parts::embedded().with_shared_pairs());
        let (alice, bob) = (server.user("alice"), server.user("bob"));
        let (alice, bob) = (server.ckc(&alice), server.ckc(&bob));
        alice.write("report.pdf", content(2_097_081, 7));
        let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
        alice.succeeds(&["share", &id, "bob"]);
        bob.succeeds(&["download", &id, "-o", "from-alice"]);
        assert!(
            bob.read("from-alice") == alice.read("report.pdf"),
            "{engine:?}"
        );
        assert_eq!(keys.private_halves(), 1, "{engine:?}");

        server.installation.succeeds(&["keys", "rotate"]);
        assert_eq!(keys.private_halves(), 2, "{engine:?}");
        // The running service changes over within a second.
        std::thread::sleep(Duration::from_millis(1_200));
        let later = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
        for (number, id) in [&id, &later].into_iter().enumerate() {
            let copy = format!("copy-{number}");
            alice.succeeds(&["download", id, "-o", &copy]);
            assert!(alice.read(&copy) == alice.read("report.pdf"), "{engine:?}");
        }
        let listed = server.installation.succeeds(&["keys", "list", "--json"]);
        let algorithm = match engine {
            Engine::Kv => "CK-HPKE-XWING",
            Engine::Transit => "TRANSIT-RSA-OAEP-256",
        };
        assert_eq!(listed.matches(algorithm).count(), 2, "{listed}");
        let found = server.installation.run(&["doctor"]);
        let said = String::from_utf8_lossy(&found.stdout);
        assert!(
            said.contains("Vault has the private halves of all pairs (2)"),
            "{said}"
        );
        assert_eq!(server.installation.database().half_states(), [""; 0]);
    }
}

/// Nothing of a private half is in the service's own databases, and there is no master key.
#[test]
fn without_local_objects_there_is_no_master_key() {
    let Some(access) = openbao() else { return };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio).map(Parts::with_shared_pairs)
    else {
        return;
    };
    for engine in ENGINES {
        let (server, _keys) = start(engine, &access, &parts);
        let alice = server.ckc(&server.user("alice"));
        alice.write("report.pdf", content(100_000, 3));
        let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
        alice.succeeds(&["download", &id, "-o", "copy"]);
        assert!(alice.read("copy") == alice.read("report.pdf"));
        assert!(!server.installation.path("master.key").exists());
        let refused = server.installation.run(&["master-key", "status"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            said.contains("no private half is sealed under a master key"),
            "{said}"
        );
    }
}

#[test]
fn a_service_logs_in_by_approle() {
    let Some(access) = openbao() else { return };
    let keys = KeysInVault::create(Engine::Kv, &access);
    let mount = keys.site.kv().replace("kv-", "approle-");
    let must = |method: &str, path: &str, body: Value| access.must(method, path, &body).unwrap();
    must(
        "POST",
        &format!("sys/auth/{mount}"),
        serde_json::json!({ "type": "approle" }),
    );
    let policies: Vec<_> = ["serve", "rotate"]
        .map(|role| keys.site.policy(role))
        .into();
    let role = format!("auth/{mount}/role/service");
    must(
        "POST",
        &role,
        serde_json::json!({ "token_policies": policies, "token_ttl": "600s" }),
    );
    let found = must("GET", &format!("{role}/role-id"), Value::Null);
    let made = must("POST", &format!("{role}/secret-id"), serde_json::json!({}));

    let mut installation = keys.configure(&Parts::embedded().with_shared_pairs());
    installation.unset("KEYS__VAULT__TOKEN_FILE");
    let secret_id = installation.path("secret-id");
    std::fs::write(&secret_id, made["secret_id"].as_str().unwrap()).unwrap();
    for (name, value) in [
        ("AUTH", "approle"),
        ("AUTH_MOUNT", mount.as_str()),
        ("ROLE_ID", found["role_id"].as_str().unwrap()),
        ("SECRET_ID_FILE", secret_id.to_str().unwrap()),
    ] {
        installation.set(&format!("KEYS__VAULT__{name}"), value);
    }
    let file = installation.path("master.key");
    installation.succeeds(&["master-key", "new", file.to_str().unwrap()]);
    installation.set("KEYS__MASTER_KEY_FILE", file.to_str().unwrap());
    installation.succeeds(&["setup"]);
    let server = Server::start_installation(installation);
    let alice = server.ckc(&server.user("alice"));
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert_eq!(alice.read("copy"), b"of substance");
}

fn is_ready_within(server: &Server, limit: Duration) {
    let deadline = Instant::now() + limit;
    while !server.is_ready() {
        assert!(Instant::now() < deadline, "not ready within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn kv_serves_opened_keys_through_an_outage_and_starts_into_one() {
    let Some(mut bao) = own_server() else { return };
    let (mut server, _keys) = start(
        Engine::Kv,
        bao.access(),
        &Parts::embedded().with_shared_pairs(),
    );
    let account = server.user("alice");
    let alice = server.ckc(&account);
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    alice.succeeds(&["download", &id, "-o", "one"]);
    bao.seal().unwrap();
    alice.succeeds(&["download", &id, "-o", "two"]);
    let second = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    alice.succeeds(&["download", &second, "-o", "three"]);
    assert!(server.is_ready());
    bao.stop().unwrap();
    alice.succeeds(&["download", &id, "-o", "four"]);

    // A start without Vault has nothing opened: it accepts uploads, says so, and recovers.
    server.terminate();
    server.spawn();
    let deadline = Instant::now() + Duration::from_secs(30);
    let readiness = || http::request(server.address(), "GET", "/readyz", &[], &[]);
    let answer = loop {
        match readiness() {
            Ok(answer) => break answer,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(answer.status, 503, "{}", answer.text());
    alice.fails_with(NETWORK, &["download", &id, "-o", "five"]);
    let refused = server.api(&account).download_url(&id).unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    alice.succeeds(&["-q", "upload", "report.pdf"]);
    bao.start_again().unwrap();
    is_ready_within(&server, Duration::from_secs(10));
    alice.succeeds(&["download", &id, "-o", "five"]);
    assert_eq!(alice.read("five"), b"of substance");
    assert!(!server.log().contains("panicked"));
}

/// The soft and the hard TTL of the binary itself, its clock the real one.
#[test]
fn held_keys_serve_until_the_hard_ttl_and_all_is_well_within_ten_seconds_of_vaults_return() {
    const HARD_TTL: Duration = Duration::from_secs(8);
    let Some(mut bao) = own_server() else { return };
    let keys = KeysInVault::create(Engine::Kv, bao.access());
    let mut installation = keys.set_up(&Parts::embedded().with_shared_pairs());
    installation.set("KEYS__CACHE__SOFT_TTL", "1s");
    installation.set("KEYS__CACHE__HARD_TTL", "8s");
    let server = Server::start_installation(installation);
    let account = server.user("alice");
    let alice = server.ckc(&account);
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    let api = server.api(&account);
    let ask = |path: &str| http::request(server.address(), "GET", path, &[], &[]).unwrap();
    let counted = |name: &str| {
        let text = ask("/metrics").text();
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        let figure = found.unwrap_or_else(|| panic!("no {name} in {text}"));
        figure.trim().parse::<f64>().unwrap()
    };
    let download = || api.download_url(&id).unwrap();
    // It is read anew every second or so.
    let begin = Instant::now();
    while counted("crypt_keeper_key_cache_reads_total ") < 3.0 {
        assert_eq!(download().status, 200);
        assert!(begin.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ask("/readyz").json()["status"], "ready");

    bao.seal().unwrap();
    let away = Instant::now();
    let mut said = Vec::new();
    let refused = loop {
        let answer = download();
        if answer.status != 200 {
            break answer;
        }
        let readiness = ask("/readyz");
        if readiness.json()["status"] == "degraded" {
            assert_eq!(readiness.status, 200);
            if said.is_empty() {
                let checked = server.installation.succeeds(&["healthcheck"]);
                assert!(checked.starts_with("degraded; keys: "), "{checked}");
                assert!(checked.contains("cannot be read anew"), "{checked}");
            }
            said.push(readiness.text());
        }
        assert!(
            away.elapsed() < HARD_TTL + Duration::from_secs(2),
            "served for too long"
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    // It was read within the last second or so, and nothing was wrong until its time was up.
    let served = away.elapsed();
    assert!(served > HARD_TTL / 2, "served for {served:?} alone");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    let words = "cannot be read anew; the one in memory was read";
    assert!(said.iter().all(|text| text.contains(words)), "{said:?}");
    assert!(!said.is_empty());
    assert!(counted("crypt_keeper_key_cache_stale_hits_total ") > 0.0);
    assert!(counted("crypt_keeper_key_cache_refresh_failures_total ") > 0.0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask("/readyz").status != 503 {
        assert!(Instant::now() < deadline, "ready with nothing to open");
        std::thread::sleep(Duration::from_millis(50));
    }

    bao.stop().unwrap();
    bao.start_again().unwrap();
    let back = Instant::now();
    while download().status != 200 {
        assert!(
            back.elapsed() < Duration::from_secs(10),
            "not served 10 s after its return"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    is_ready_within(&server, Duration::from_secs(10));
    assert!((counted("crypt_keeper_key_cache_circuit{state=\"closed\"} ") - 1.0).abs() < 0.1);
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert_eq!(alice.read("copy"), b"of substance");
    assert!(!server.log().contains("panicked"));
}

#[test]
fn transit_answers_503_while_it_is_away_accepts_uploads_and_comes_back() {
    let Some(mut bao) = own_server() else { return };
    let (server, _keys) = start(
        Engine::Transit,
        bao.access(),
        &Parts::embedded().with_shared_pairs(),
    );
    let account = server.user("alice");
    let alice = server.ckc(&account);
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    bao.seal().unwrap();
    let refused = server.api(&account).download_url(&id).unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    for inside in ["vault", "sealed", "127.0.0.1", "transit"] {
        assert!(!refused.text().to_lowercase().contains(inside), "{inside}");
    }
    // Its readiness is looked at every few seconds.
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.is_ready() {
        assert!(Instant::now() < deadline, "ready without Vault");
        std::thread::sleep(Duration::from_millis(50));
    }
    let later = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    bao.stop().unwrap();
    alice.fails_with(NETWORK, &["download", &id, "-o", "copy"]);
    bao.start_again().unwrap();
    is_ready_within(&server, Duration::from_secs(10));
    for (number, id) in [id, later].into_iter().enumerate() {
        let copy = format!("copy-{number}");
        alice.succeeds(&["download", &id, "-o", &copy]);
        assert_eq!(alice.read(&copy), b"of substance");
    }
}

#[test]
fn what_cannot_work_is_refused_in_one_line() {
    let Some(access) = openbao() else { return };
    let keys = KeysInVault::create(Engine::Kv, &access);
    for (name, value, says) in [
        (
            "MOUNT",
            "nowhere",
            "nothing mounted at `nowhere` that this service may use",
        ),
        (
            "MOUNT",
            keys.site.transit(),
            "is Transit, not KV version 2: see `keys.vault.mount`",
        ),
        ("MOUNT", "a b", "`keys.vault.mount` = \"a b\" is not valid"),
        (
            "ADDRESS",
            "http://vault.example.com",
            "plain HTTP to another machine",
        ),
        (
            "CA_FILE",
            "/no/such.pem",
            "cannot read the certificate authorities in /no/such.pem",
        ),
    ] {
        let mut installation = keys.set_up(&Parts::embedded().with_shared_pairs());
        installation.set(&format!("KEYS__VAULT__{name}"), value);
        let refused = installation.run(&["serve"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success());
        assert!(said.contains(says), "{name}={value}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
}
