//! Vault itself: well, sealed, away, or with something else at the mount.

use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, openbao, require_or_skip};
use crypt_keeper_tests::{Engine, KeysInVault, Parts};
use insta::assert_snapshot;
use serde_json::json;

use crate::desk::{hand, in_kv, of_vault, transcript};

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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
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
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
    exit code 1
    "#);
    bao.stop().unwrap();
    assert_snapshot!(of_vault(&keys, &installation), @r#"
    error    vault            Vault at ADDRESS is not reached: Vault cannot be reached: is `keys.vault.address` right, and is it up?
                              fix: is it up, is `keys.vault.address` right, does a firewall lie between? If its certificate is not trusted: name the authority in `keys.vault.ca_file`
    ok       master key       there is a master key
    ok       active key pair  key pair SERIAL wraps for scope partition:0:MONTH
    exit code 1
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
