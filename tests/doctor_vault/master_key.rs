//! Master keys that Transit seals.

use crypt_keeper_test_services::openbao;
use crypt_keeper_tests::{Engine, Installation, KeysInVault, Parts};
use insta::assert_snapshot;

use crate::desk::of_vault;

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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
