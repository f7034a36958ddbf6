//! The real server lets each role of `deploy/vault/` do its part, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crypt_keeper_domain::model::{Algorithm, Scope};
use crypt_keeper_domain::ports::{KeyVault, WrapContext};
use crypt_keeper_keys::IngestVault;
use crypt_keeper_keys_vault::{Policy, VaultConfig, VaultSession};
use serde_json::{Value, json};

use crate::support::{Scene, Site, Wrapped, is_backend};

/// A site with a pair of each kind, a wrapped key under the Transit one, and the serials.
struct Made {
    site: Site,
    kv_entry: String,
    transit_key: String,
    ciphertext: String,
    fresh: String,
}

async fn made() -> Option<Made> {
    let site = Site::shared()?;
    let kv = Scene::kv(site.session(), site.kv_mount());
    let transit = Scene::transit(site.session(), site.transit_mount());
    let in_kv = kv.active_pair(Scope::Shared).await;
    let in_transit = transit.active_pair(Scope::Shared).await;
    let wrapped = transit.wrapped().await.wrapped.bytes;
    Some(Made {
        kv_entry: format!("crypt-keeper/keys/{}", in_kv.serial),
        transit_key: format!("crypt-keeper-{}", in_transit.serial),
        ciphertext: String::from_utf8(wrapped).unwrap(),
        fresh: transit.make.serial().to_string(),
        site,
    })
}

impl Made {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> u16 {
        let path = path
            .replace("KV", &self.site.kv)
            .replace("TRANSIT", &self.site.transit)
            .replace("ENTRY", &self.kv_entry)
            .replace("KEY", &self.transit_key)
            .replace("FRESH", &self.fresh);
        let answer = self.site.access.ask_as(token, None, method, &path, body);
        answer.unwrap().0
    }

    fn refuses(&self, role: &str, method: &str, path: &str, body: &Value) {
        let token = self.site.token(&[role]);
        let status = self.ask(&token, method, path, body);
        assert_eq!(status, 403, "{role} may not {method} {path}");
    }

    fn allows(&self, role: &str, method: &str, path: &str, body: &Value) {
        let token = self.site.token(&[role]);
        let status = self.ask(&token, method, path, body);
        assert!(
            (200..300).contains(&status),
            "{role} may {method} {path}: {status}"
        );
    }

    fn refuses_what_nobody_may(&self, role: &str) {
        let none = json!(null);
        for (method, path, body) in [
            ("GET", "KV/data/another/path", none.clone()),
            ("LIST", "KV/metadata/crypt-keeper/keys", none.clone()),
            ("GET", "KV/metadata/ENTRY", none.clone()),
            ("POST", "KV/undelete/ENTRY", json!({ "versions": [1] })),
            ("DELETE", "KV/data/ENTRY", none.clone()),
            (
                "POST",
                "KV/data/ENTRY",
                json!({ "data": {}, "options": { "cas": 1 } }),
            ),
            (
                "POST",
                "TRANSIT/keys/KEY/config",
                json!({ "exportable": true }),
            ),
            (
                "POST",
                "TRANSIT/keys/KEY/config",
                json!({ "min_decryption_version": 2 }),
            ),
            (
                "POST",
                "TRANSIT/keys/KEY/trim",
                json!({ "min_available_version": 1 }),
            ),
            (
                "POST",
                "TRANSIT/keys/another",
                json!({ "type": "rsa-3072" }),
            ),
            ("GET", "TRANSIT/export/encryption-key/KEY", none.clone()),
            ("GET", "TRANSIT/backup/KEY", none.clone()),
            ("LIST", "TRANSIT/keys", none.clone()),
            (
                "POST",
                "TRANSIT/encrypt/KEY",
                json!({ "plaintext": "AAAA" }),
            ),
            ("GET", "sys/mounts", none.clone()),
            ("GET", "sys/policies/acl", none.clone()),
            ("POST", "auth/token/create", json!({})),
        ] {
            self.refuses(role, method, path, &body);
        }
    }
}

/// Paths and capabilities of a policy file.
fn lines_of(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/vault");
    let text = std::fs::read_to_string(format!("{folder}/{name}.hcl")).unwrap();
    let quoted = |line: &str| -> Vec<String> {
        let parts = line.split('"').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let mut lines = BTreeMap::new();
    let mut path = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with("path ") {
            path = quoted(line).pop();
        } else if line.trim_start().starts_with("capabilities") {
            lines.insert(path.take().unwrap(), quoted(line).into_iter().collect());
        }
    }
    lines
}

/// A doctor compares tokens with the very policies that operators are given.
#[test]
fn the_table_of_policies_is_what_their_files_say() {
    for policy in Policy::ALL {
        let mut told = BTreeMap::new();
        for (path, capabilities) in policy.lines().iter().chain(Policy::own_token()) {
            let capabilities = capabilities.iter().map(ToString::to_string);
            told.insert((*path).to_owned(), capabilities.collect());
        }
        assert_eq!(told, lines_of(policy.name()), "{}", policy.name());
    }
    assert!(
        lines_of("ingest")
            .values()
            .any(|held| held.contains("deny"))
    );
}

fn new_entry() -> Value {
    json!({ "data": { "serial": "1" }, "options": { "cas": 0 } })
}

#[tokio::test]
async fn serve_unwraps_and_can_neither_make_nor_destroy() {
    let Some(made) = made().await else { return };
    let decrypt = json!({ "ciphertext": made.ciphertext });
    made.allows("serve", "GET", "KV/data/ENTRY", &json!(null));
    made.allows("serve", "POST", "TRANSIT/decrypt/KEY", &decrypt);
    for (method, path, body) in [
        ("POST", "KV/data/crypt-keeper/keys/FRESH", new_entry()),
        ("DELETE", "KV/metadata/ENTRY", json!(null)),
        (
            "POST",
            "TRANSIT/keys/crypt-keeper-FRESH",
            json!({ "type": "rsa-3072" }),
        ),
        (
            "POST",
            "TRANSIT/keys/KEY/config",
            json!({ "deletion_allowed": true }),
        ),
        ("DELETE", "TRANSIT/keys/KEY", json!(null)),
    ] {
        made.refuses("serve", method, path, &body);
    }
    made.refuses("serve", "POST", "TRANSIT/keys/KEY/rotate", &json!({}));
    made.refuses_what_nobody_may("serve");
}

#[tokio::test]
async fn rotate_makes_and_tests_and_can_neither_overwrite_nor_destroy() {
    let Some(made) = made().await else { return };
    let decrypt = json!({ "ciphertext": made.ciphertext });
    made.allows(
        "rotate",
        "POST",
        "KV/data/crypt-keeper/keys/FRESH",
        &new_entry(),
    );
    made.allows("rotate", "GET", "KV/data/ENTRY", &json!(null));
    let make = json!({ "type": "rsa-3072", "exportable": false, "allow_plaintext_backup": false });
    made.allows("rotate", "POST", "TRANSIT/keys/crypt-keeper-FRESH", &make);
    made.allows("rotate", "GET", "TRANSIT/keys/KEY", &json!(null));
    made.allows("rotate", "POST", "TRANSIT/decrypt/KEY", &decrypt);
    for (method, path, body) in [
        ("POST", "KV/data/ENTRY", json!({ "data": {} })),
        ("DELETE", "KV/metadata/ENTRY", json!(null)),
        (
            "POST",
            "TRANSIT/keys/crypt-keeper-17",
            json!({ "type": "aes256-gcm96" }),
        ),
        (
            "POST",
            "TRANSIT/keys/crypt-keeper-17",
            json!({ "type": "rsa-3072", "exportable": true }),
        ),
        (
            "POST",
            "TRANSIT/keys/KEY/config",
            json!({ "deletion_allowed": true }),
        ),
        ("DELETE", "TRANSIT/keys/KEY", json!(null)),
    ] {
        made.refuses("rotate", method, path, &body);
    }
    made.refuses_what_nobody_may("rotate");
}

#[tokio::test]
async fn destroy_destroys_and_cannot_read() {
    let Some(made) = made().await else { return };
    let decrypt = json!({ "ciphertext": made.ciphertext });
    for (method, path, body) in [
        ("GET", "KV/data/ENTRY", json!(null)),
        ("POST", "KV/data/crypt-keeper/keys/FRESH", new_entry()),
        ("POST", "TRANSIT/decrypt/KEY", decrypt),
        ("GET", "TRANSIT/keys/KEY", json!(null)),
        (
            "POST",
            "TRANSIT/keys/crypt-keeper-FRESH",
            json!({ "type": "rsa-3072" }),
        ),
        ("DELETE", "KV/metadata/another/path", json!(null)),
        ("DELETE", "TRANSIT/keys/another", json!(null)),
    ] {
        made.refuses("destroy", method, path, &body);
    }
    made.refuses_what_nobody_may("destroy");
    made.allows("destroy", "DELETE", "KV/metadata/ENTRY", &json!(null));
    let allow = json!({ "deletion_allowed": true });
    made.allows("destroy", "POST", "TRANSIT/keys/KEY/config", &allow);
    made.allows("destroy", "DELETE", "TRANSIT/keys/KEY", &json!(null));
}

/// Not even with the policy of another role beside its own.
#[tokio::test]
async fn ingest_opens_nothing() {
    let Some(made) = made().await else { return };
    let decrypt = json!({ "ciphertext": made.ciphertext });
    for roles in [&["ingest"][..], &["ingest", "serve", "rotate"]] {
        let token = made.site.token(roles);
        for (method, path, body) in [
            ("GET", "KV/data/ENTRY", json!(null)),
            ("POST", "TRANSIT/decrypt/KEY", decrypt.clone()),
            ("GET", "TRANSIT/export/encryption-key/KEY", json!(null)),
            ("GET", "TRANSIT/backup/KEY", json!(null)),
        ] {
            assert_eq!(
                made.ask(&token, method, path, &body),
                403,
                "{roles:?} {path}"
            );
        }
    }
    made.refuses_what_nobody_may("ingest");
    made.allows("ingest", "GET", "auth/token/lookup-self", &json!(null));
    made.allows("ingest", "POST", "auth/token/renew-self", &json!({}));

    // It wraps all the same: public halves come from the registry.
    let site = &made.site;
    let full = Scene::transit(site.session(), site.transit_mount());
    let pair = full.active_pair(Scope::Shared).await;
    let session = VaultSession::start(site.config(&site.token(&["ingest"]))).unwrap();
    let ingest = Scene::transit(session, site.transit_mount());
    ingest.enter(&pair).await;
    let wrapped = ingest.wrapped().await;
    is_backend(
        wrapped.release(&*ingest.vault).await,
        "deploy/vault/serve.hcl",
    );
    wrapped.is_released_by(&full).await;

    // And needs no session with Vault for it.
    let config = VaultConfig {
        algorithm: Algorithm::TransitRsaOaep256,
        ..VaultConfig::default()
    };
    let alone = IngestVault::new(ingest.registry.clone(), &config);
    let (id, key) = (full.document_id(), full.make.document_key());
    let context = WrapContext {
        document: id,
        scope: Scope::Shared,
        refused: None,
    };
    let wrapped = alone.wrap(&key, &context).await.unwrap();
    let wrapped = Wrapped { id, key, wrapped };
    is_backend(wrapped.release(&alone).await, "only wraps");
    wrapped.is_released_by(&full).await;
}

impl Wrapped {
    async fn is_released_by<V: KeyVault>(&self, scene: &Scene<V>) {
        self.is_released(&*scene.vault).await;
    }
}

/// What is lacking is named, with the policy that has it.
#[tokio::test]
async fn a_policy_that_lacks_a_path_is_named() {
    let Some(site) = Site::shared() else { return };
    let full = Scene::kv(site.session(), site.kv_mount());
    let pair = full.active_pair(Scope::Shared).await;
    let wrapped = full.wrapped().await;
    let session = |roles: &[&str]| VaultSession::start(site.config(&site.token(roles))).unwrap();

    let destroy = Scene::kv(session(&["destroy"]), site.kv_mount());
    destroy.enter(&pair).await;
    let released = wrapped.release(&*destroy.vault).await;
    is_backend(
        released,
        "read private halves: attach the policy of deploy/vault/serve.hcl",
    );
    let serve = Scene::kv(session(&["serve"]), site.kv_mount());
    let made = serve.try_active_pair(Scope::Hold).await;
    is_backend(made, "deploy/vault/rotate.hcl");
    let destroyed = serve.vault.destroy(pair.serial).await;
    is_backend(destroyed, "deploy/vault/destroy.hcl");

    let serve = Scene::transit(session(&["serve"]), site.transit_mount());
    let serial = serve.make.serial();
    let algorithm = Algorithm::TransitRsaOaep256;
    let made = serve.vault.create(serial, &Scope::Shared, algorithm).await;
    is_backend(made, "deploy/vault/rotate.hcl");
    let destroyed = serve.vault.destroy(serial).await;
    is_backend(destroyed, "deploy/vault/destroy.hcl");
    wrapped.is_released(&*full.vault).await;
}
