//! What `crypt-keeper doctor` says of HashiCorp Vault, or of OpenBao, in good days and bad ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fs;

use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, VaultAccess, openbao, require_or_skip};
use crypt_keeper_tests::{Engine, Installation, KeysInVault, Parts};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// What belongs to a test's own site, in words that are always the same.
fn calmed(text: &str, keys: &KeysInVault, installation: &Installation) -> String {
    let folder = installation.path("x");
    let folder = folder.parent().unwrap().to_str().unwrap();
    let random = keys.site.kv().trim_start_matches("kv-");
    let text = text
        .replace(keys.site.access().address(), "ADDRESS")
        .replace(&installation.address().to_string(), "LISTEN")
        .replace(keys.site.transit(), "transit")
        .replace(keys.site.kv(), "kv")
        .replace(random, "NAME")
        .replace(folder, "~");
    // Seconds that are left, and the version, which is that of the installed OpenBao.
    let mut calm = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').map(calm_word).collect();
        calm.push(words.join(" ").replace("SECONDS s", "SECONDS"));
    }
    calm.join("\n")
}

fn calm_word(word: &str) -> String {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = word.matches('.').count() == 2
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match word {
        _ if word.contains("/blobs/doctor/") => "URL".to_owned(),
        _ if is_number && word.len() > 12 => "SERIAL".to_owned(),
        _ if is_number && word.len() > 2 => "SECONDS".to_owned(),
        _ if is_version => "VERSION".to_owned(),
        _ => word.to_owned(),
    }
}

/// All that it says, and its exit code.
fn transcript(keys: &KeysInVault, installation: &Installation) -> String {
    let ran = installation.run(&["doctor"]);
    let stdout = String::from_utf8(ran.stdout).unwrap();
    let mut said = calmed(&stdout, keys, installation);
    if let Some(code) = ran.status.code().filter(|code| *code != 0) {
        said.push_str(&format!("\nexit code {code}"));
    }
    said
}

/// The same without what has nothing to do with Vault.
fn of_vault(keys: &KeysInVault, installation: &Installation) -> String {
    let said = transcript(keys, installation);
    let mut kept = Vec::new();
    let mut is_kept = false;
    for line in said.lines() {
        if !line.starts_with(' ') {
            let checks = [
                "vault",
                "key pairs",
                "active key pair",
                "master key",
                "exit code",
            ];
            is_kept = checks.iter().any(|check| line.contains(check));
            is_kept &= !line.contains("key backups");
        }
        if is_kept {
            kept.push(line);
        }
    }
    let report = installation.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        // What is not well comes with what to do, for programs too.
        assert_eq!(
            finding["level"] == "ok",
            finding["fix"].is_null(),
            "{finding}"
        );
    }
    kept.join("\n")
}

/// A service with its keys in KV, set up.
fn in_kv(access: &VaultAccess) -> (KeysInVault, Installation) {
    let keys = KeysInVault::create(Engine::Kv, access);
    let installation = keys.set_up(&Parts::embedded());
    (keys, installation)
}

fn hand(installation: &mut Installation, token: &str) {
    let file = installation.path("vault-token");
    fs::write(&file, token).unwrap();
    installation.set("KEYS__VAULT__TOKEN_FILE", file.to_str().unwrap());
}

/// A token with one policy, written for this test.
fn token_of(access: &VaultAccess, name: &str, policy: &str) -> String {
    let path = format!("sys/policies/acl/{name}");
    access
        .must("PUT", &path, &json!({ "policy": policy }))
        .unwrap();
    let body = json!({ "policies": [name], "no_default_policy": true, "ttl": "3600s" });
    let (_, made) = access.ask("POST", "auth/token/create", &body).unwrap();
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

#[test]
fn all_is_well() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    installation.set("KEYS__BACKUP_RETENTION", "35d");
    assert_snapshot!(transcript(&keys, &installation), @r#"
    ok       listen           plain HTTP on LISTEN, this machine only
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: destroy-kv, rotate-kv, serve-kv)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       key backups      backups of Vault (its snapshots) are kept for 35d, as `keys.backup_retention` declares: so long after its destruction a key pair can come back with one, and not later
    ok       database         the metadata database answers, and its tables are this version's
    ok       key store        the key store answers, and its tables are this version's
    ok       database clock   the database's clock shows this machine's time
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    ok       vault policies   the token has what deploy/vault/rotate.hcl allows
    ok       vault policies   the token has what deploy/vault/destroy.hcl allows
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    ok       objects          the object store answers
    warning  presigned urls   no service answers at http://LISTEN, so no URL could be tried: PUT URL error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
                              fix: start the service and run doctor again; if it runs, `http.public_url` must lead to it
    "#);
    let keys = KeysInVault::create(Engine::Transit, &access);
    let installation = keys.set_up(&Parts::embedded());
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: destroy-kv, rotate-kv, serve-kv)
    ok       vault mount      Transit is mounted at `transit`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    ok       vault policies   the token has what deploy/vault/rotate.hcl allows
    ok       vault policies   the token has what deploy/vault/destroy.hcl allows
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
}

#[test]
fn a_service_that_only_serves_is_told_what_is_left_to_others() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    keys.hand_token(&mut installation, &["serve"]);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: serve-kv)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    warning  vault policies   the token lacks "create" on `kv/data/crypt-keeper/keys/*`: key pairs are not rotated by age, nor made for new customers; nor by commands with this configuration
                              fix: deploy/vault/rotate.hcl has the line: `path "kv/data/crypt-keeper/keys/*" { capabilities = [.., "create"] }`; write that policy to Vault anew (`vault policy write`), and attach it to the service's role
    ok       vault policies   the token has not all that deploy/vault/destroy.hcl allows: key pairs are destroyed with another configuration
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
    installation.set("KEYS__ROTATE_AFTER", "never");
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: serve-kv)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    ok       vault policies   the token has not all that deploy/vault/rotate.hcl allows: key pairs are made with another configuration
    ok       vault policies   the token has not all that deploy/vault/destroy.hcl allows: key pairs are destroyed with another configuration
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
}

#[test]
fn sealed() {
    let bao = OpenBao::start(&OpenBaoOptions::default());
    let Some(mut bao) = require_or_skip("OpenBao", bao) else {
        return;
    };
    let (keys, installation) = in_kv(bao.access());
    bao.seal().unwrap();
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    error    vault            Vault at ADDRESS is sealed, and answers nothing until it is unsealed
                              fix: run `vault operator unseal`; if it should unseal itself, its log says why it does not
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL has been active for 0 days
    exit code 1
    "#);
    bao.stop().unwrap();
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    error    vault            Vault at ADDRESS is not reached: Vault cannot be reached: is `keys.vault.address` right, and is it up?
                              fix: is it up, is `keys.vault.address` right, does a firewall lie between? If its certificate is not trusted: name the authority in `keys.vault.ca_file`
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL has been active for 0 days
    exit code 1
    "#);
}

#[test]
fn a_bad_token() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    hand(&mut installation, "s.hunter2hunter2hunter2");
    let said = of_vault(&keys, &installation);
    assert!(!said.contains("hunter2"), "{said}");
    assert_snapshot!(said, @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    error    vault token      no login: cannot log in to Vault: Vault refuses the login by token: is what it logs in with expired, used up or revoked?
                              fix: put a token that Vault knows into `keys.vault.token_file`: `vault token create -orphan -period=24h -policy=..`
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL has been active for 0 days
    exit code 1
    "#);
}

#[test]
fn a_policy_that_lacks_a_line() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    let own = "path \"auth/token/lookup-self\" { capabilities = [\"read\"] }\n\
               path \"sys/capabilities-self\" { capabilities = [\"update\"] }\n";
    let (kv, name) = (keys.site.kv(), keys.site.kv().replace("kv-", "lacking-"));
    let metadata =
        format!("path \"{kv}/metadata/crypt-keeper/keys/*\" {{ capabilities = [\"delete\"] }}\n");
    hand(
        &mut installation,
        &token_of(&access, &name, &format!("{own}{metadata}")),
    );
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: lacking-NAME)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    error    vault policies   the token lacks "read" on `kv/data/crypt-keeper/keys/*`: no document key is unwrapped: downloads are refused
                              fix: deploy/vault/serve.hcl has the line: `path "kv/data/crypt-keeper/keys/*" { capabilities = [.., "read"] }`; write that policy to Vault anew (`vault policy write`), and attach it to the service's role
    warning  vault policies   the token lacks "create", "read" on `kv/data/crypt-keeper/keys/*`: key pairs are not rotated by age, nor made for new customers; nor by commands with this configuration
                              fix: deploy/vault/rotate.hcl has the line: `path "kv/data/crypt-keeper/keys/*" { capabilities = [.., "create", "read"] }`; write that policy to Vault anew (`vault policy write`), and attach it to the service's role
    ok       vault policies   the token has what deploy/vault/destroy.hcl allows
    error    key pairs        the key vault failed: Vault does not let this service read private halves: attach the policy of deploy/vault/serve.hcl to its role
                              fix: give the service's role the policies of deploy/vault/, or restore Vault from its snapshot: until then no document under this pair can be read
    ok       active key pair  key pair SERIAL has been active for 0 days
    exit code 1
    "#);

    // And one that may not ask what it may do.
    let data = format!("path \"{kv}/data/crypt-keeper/keys/*\" {{ capabilities = [\"read\"] }}\n");
    let own = own.lines().next().unwrap();
    hand(
        &mut installation,
        &token_of(&access, &name, &format!("{own}\n{data}")),
    );
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: lacking-NAME)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    warning  vault policies   Vault does not say what the token may do: Vault does not let this service see what its own token may do: attach the policy of deploy/vault/serve.hcl to its role
                              fix: let it ask: `path "sys/capabilities-self" { capabilities = ["update"] }`, as all policies of deploy/vault/ have it
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
}

#[test]
fn more_than_it_should_have() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    let name = keys.site.kv().replace("kv-", "excess-");
    let all = "\"create\", \"read\", \"update\", \"delete\", \"list\"";
    let policy = format!(
        "path \"{}/*\" {{ capabilities = [{all}] }}\n\
         path \"auth/token/*\" {{ capabilities = [\"read\", \"update\"] }}\n\
         path \"sys/*\" {{ capabilities = [\"read\", \"update\"] }}\n",
        keys.site.kv()
    );
    hand(&mut installation, &token_of(&access, &name, &policy));
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: excess-NAME)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    ok       vault policies   the token has what deploy/vault/rotate.hcl allows
    ok       vault policies   the token has what deploy/vault/destroy.hcl allows
    warning  vault policies   the token has "update", "delete" on `kv/data/crypt-keeper/keys/*`, which it should not: it may overwrite or hide private halves that documents need
                              fix: take that out of the policies of the service's role: none of deploy/vault/ has it
    warning  vault policies   the token has "create", "update", "read", "list" on `kv/metadata/crypt-keeper/keys/*`, which it should not: it may list private halves, or have versions of them dropped
                              fix: take that out of the policies of the service's role: none of deploy/vault/ has it
    warning  vault policies   the token has "create", "update" on `kv/destroy/crypt-keeper/keys/*`, which it should not: it may erase private halves, beside what destruction does with its days of grace
                              fix: take that out of the policies of the service's role: none of deploy/vault/ has it
    warning  vault policies   the token has "update" on `sys/policies/acl/*`, which it should not: it may give itself any right there is
                              fix: take that out of the policies of the service's role: none of deploy/vault/ has it
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
    hand(&mut installation, access.root_token());
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    warning  vault token      the token never ends (its policies: root): whoever copies it has it for good
                              fix: give the service one that ends unless it is renewed: `vault token create -orphan -period=24h -policy=..`
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    warning  vault policies   the token may do everything there is in Vault: so may whoever breaks into the service
                              fix: give it one with the policies of deploy/vault/ and no other
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
}

#[test]
fn a_mount_that_is_missing_or_another() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    let engine = json!({ "type": "kv", "options": { "version": "1" } });
    let v1 = access.create_fresh_mount("old", &engine).unwrap();
    hand(&mut installation, access.root_token());
    let mounts = |said: String| {
        let lines: Vec<_> = said.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.contains("vault mount"))
            .unwrap();
        lines[at..at + 2].join("\n")
    };
    for (mount, shown) in [(v1.as_str(), "old"), ("nowhere", "nowhere")] {
        installation.set("KEYS__VAULT__MOUNT", mount);
        let said = mounts(of_vault(&keys, &installation)).replace(mount, shown);
        if mount == "nowhere" {
            assert_snapshot!(said, @r#"
            error    vault mount      Vault has nothing mounted at `nowhere` that this service may use: enable it, or see `keys.vault.mount` and the policies in deploy/vault/
                                      fix: give Crypt-Keeper a mount of its own (`vault secrets enable -path=crypt-keeper -version=2 kv`), name it in the configuration, and write its policies for it
            "#);
        } else {
            assert_snapshot!(said, @r#"
            error    vault mount      what Vault has mounted at `old` is KV version 1, not KV version 2: see `keys.vault.mount`
                                      fix: give Crypt-Keeper a mount of its own (`vault secrets enable -path=crypt-keeper -version=2 kv`), name it in the configuration, and write its policies for it
            "#);
        }
    }
    installation.set("KEYS__VAULT__MOUNT", keys.site.transit());
    assert_snapshot!(mounts(of_vault(&keys, &installation)), @r#"
    error    vault mount      what Vault has mounted at `transit` is Transit, not KV version 2: see `keys.vault.mount`
                              fix: give Crypt-Keeper a mount of its own (`vault secrets enable -path=crypt-keeper -version=2 kv`), name it in the configuration, and write its policies for it
    "#);
}

/// It opens once, for the service: a doctor leaves it closed.
#[test]
fn a_wrapped_secret_id_is_left_to_the_service() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv(&access);
    let mount = keys.site.kv().replace("kv-", "approle-");
    let must = |method: &str, path: &str, body: Value| access.must(method, path, &body).unwrap();
    must(
        "POST",
        &format!("sys/auth/{mount}"),
        json!({ "type": "approle" }),
    );
    let role = format!("auth/{mount}/role/service");
    must(
        "POST",
        &role,
        json!({ "token_policies": [keys.site.policy("serve")], "token_ttl": "600s" }),
    );
    let role_id = must("GET", &format!("{role}/role-id"), Value::Null);
    let secret_id = format!("{role}/secret-id");
    let wrapped = access.ask_wrapped("POST", &secret_id, &json!({})).unwrap();
    let wrapped = wrapped["wrap_info"]["token"].as_str().unwrap().to_owned();
    let file = installation.path("secret-id");
    fs::write(&file, &wrapped).unwrap();
    installation.unset("KEYS__VAULT__TOKEN_FILE");
    installation.set("KEYS__VAULT__AUTH", "approle");
    installation.set("KEYS__VAULT__AUTH_MOUNT", &mount);
    installation.set("KEYS__VAULT__ROLE_ID", role_id["role_id"].as_str().unwrap());
    installation.set("KEYS__VAULT__SECRET_ID_FILE", file.to_str().unwrap());
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    warning  vault token      the secret id is wrapped and opens once, for the service: it was not opened to look further
                              fix: to look further, run doctor with a secret id of its own: `--set keys.vault.secret_id_file=FILE`
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
    // It is unopened: whoever opens it now is the first.
    let (status, _) = access
        .ask_as(&wrapped, None, "POST", "sys/wrapping/unwrap", &json!({}))
        .unwrap();
    assert_eq!(status, 200);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    warning  vault token      the wrapped secret id has expired or was opened: well if it was by the service that runs now, but it does not start once more with it
                              fix: put a new one there before the next start; if the service has not opened it, find out who has; to look further, run doctor with a secret id of its own: `--set keys.vault.secret_id_file=FILE`
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);

    let plain = must("POST", &secret_id, json!({}));
    fs::write(&file, plain["secret_id"].as_str().unwrap()).unwrap();
    installation.set("KEYS__ROTATE_AFTER", "never");
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: default, serve-kv)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    ok       vault policies   the token has not all that deploy/vault/rotate.hcl allows: key pairs are made with another configuration
    ok       vault policies   the token has not all that deploy/vault/destroy.hcl allows: key pairs are destroyed with another configuration
    ok       key pairs        Vault has the private halves of all pairs (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
}

#[test]
fn a_ring_that_transit_seals() {
    let Some(access) = openbao() else { return };
    let keys = KeysInVault::create(Engine::Transit, &access);
    let key = keys.site.create_master_key().unwrap();
    let mut installation = Installation::new(&Parts::embedded());
    let ring = installation.path("ring");
    installation.set("KEYS__MASTER_KEY_FILE", ring.to_str().unwrap());
    installation.set("KEYS__MASTER_KEY_TRANSIT", &key);
    installation.set("KEYS__VAULT__ADDRESS", access.address());
    keys.hand_token(&mut installation, &["master-key", "master-key-change"]);
    installation.succeeds(&["master-key", "new", ring.to_str().unwrap()]);
    installation.succeeds(&["setup"]);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: master-key-change-kv, master-key-kv)
    ok       vault mount      Transit is mounted at `transit`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/master-key.hcl allows
    ok       vault policies   the token has what deploy/vault/master-key-change.hcl allows
    ok       key pairs        the master key opens all private halves (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
    // The service itself needs no more than this.
    keys.hand_token(&mut installation, &["master-key"]);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: master-key-kv)
    ok       vault mount      Transit is mounted at `transit`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/master-key.hcl allows
    ok       vault policies   the token has not all that deploy/vault/master-key-change.hcl allows: master keys are made and changed with another configuration
    ok       key pairs        the master key opens all private halves (1)
    ok       active key pair  key pair SERIAL has been active for 0 days
    "#);
    // A role that is to destroy key pairs must not reach it, even by its glob.
    keys.hand_token(&mut installation, &["destroy"]);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault           Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token     the token ends in SECONDS, and is renewed at two thirds of that (its policies: destroy-kv)
    ok       vault mount     Transit is mounted at `transit`
    error    master key      cannot open the master key: the master keys in ~/ring do not open: the Transit key `transit/master-key` cannot be used: Vault does not let this service open the master keys: attach the policy of deploy/vault/master-key.hcl to its role
                             fix: name the master key that the private halves were sealed under: `keys.master_key_file`, or `keys.master_key_command`
    error    vault policies  the token lacks "update" on `transit/decrypt/master-key`: the master keys do not open: the service does not start
                             fix: deploy/vault/master-key.hcl has the line: `path "transit/decrypt/master-key" { capabilities = [.., "update"] }`; write that policy to Vault anew (`vault policy write`), and attach it to the service's role
    ok       vault policies  the token has not all that deploy/vault/master-key-change.hcl allows: master keys are made and changed with another configuration
    exit code 1
    "#);
}
