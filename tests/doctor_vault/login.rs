//! What the service logs in with.

use std::fs;

use crypt_keeper_test_services::openbao;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::desk::{hand, in_kv, in_kv_with_shared_pairs, of_vault};

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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
    exit code 1
    "#);
}

/// It opens once, for the service: a doctor leaves it closed.
#[test]
fn a_wrapped_secret_id_is_left_to_the_service() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv_with_shared_pairs(&access);
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
