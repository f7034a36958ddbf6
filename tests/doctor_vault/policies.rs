//! What its token may do: too little, too much, and what is left to others.

use crypt_keeper_test_services::{VaultAccess, openbao};
use insta::assert_snapshot;
use serde_json::json;

use crate::desk::{hand, in_kv, in_kv_with_shared_pairs, of_vault};

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
fn a_service_that_only_serves_is_told_what_is_left_to_others() {
    let Some(access) = openbao() else { return };
    let (keys, mut installation) = in_kv_with_shared_pairs(&access);
    keys.hand_token(&mut installation, &["serve"]);
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    ok       vault            Vault at ADDRESS answers, unsealed, in version VERSION
    ok       vault token      the token ends in SECONDS, and is renewed at two thirds of that (its policies: serve-kv)
    ok       vault mount      KV version 2 is mounted at `kv`
    ok       master key       there is a master key
    ok       vault policies   the token has what deploy/vault/serve.hcl allows
    warning  vault policies   the token lacks "create" on `kv/data/crypt-keeper/keys/*`: key pairs are not rotated by age, nor made for new partitions or customers; nor by commands with this configuration
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
    warning  vault policies   the token lacks "create", "read" on `kv/data/crypt-keeper/keys/*`: key pairs are not rotated by age, nor made for new partitions or customers; nor by commands with this configuration
                              fix: deploy/vault/rotate.hcl has the line: `path "kv/data/crypt-keeper/keys/*" { capabilities = [.., "create", "read"] }`; write that policy to Vault anew (`vault policy write`), and attach it to the service's role
    ok       vault policies   the token has what deploy/vault/destroy.hcl allows
    error    key pairs        the key vault failed: Vault does not let this service read private halves: attach the policy of deploy/vault/serve.hcl to its role
                              fix: give the service's role the policies of deploy/vault/, or restore Vault from its snapshot: until then no document under this pair can be read
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
    "#);
}
