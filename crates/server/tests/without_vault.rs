//! A program that was built without HashiCorp Vault says so, and how to build one with it.

#![cfg(not(feature = "vault"))]

use std::process::Command;

#[test]
fn it_names_the_cargo_feature() {
    for backend in ["vault-kv", "vault-transit"] {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("master.key");
        let run = |arguments: &[&str]| {
            let command = Command::new(env!("CARGO_BIN_EXE_crypt-keeper"))
                .args(arguments)
                .current_dir(folder.path())
                .env_clear()
                .env("CRYPT_KEEPER__HTTP__LISTEN", "127.0.0.1:0")
                .env("CRYPT_KEEPER__KEYS__BACKEND", backend)
                .env(
                    "CRYPT_KEEPER__KEYS__VAULT__ADDRESS",
                    "https://vault.invalid",
                )
                .env("CRYPT_KEEPER__KEYS__VAULT__TOKEN_FILE", "token")
                .env("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", &key)
                .output()
                .unwrap();
            (
                command.status.success(),
                String::from_utf8(command.stderr).unwrap(),
            )
        };
        assert!(run(&["master-key", "new", key.to_str().unwrap()]).0);
        for arguments in [&["setup"][..], &["serve"]] {
            let (succeeded, said) = run(arguments);
            assert!(!succeeded);
            let expected = format!(
                "`keys.backend` = \"{backend}\", but this crypt-keeper was built without it: build \
                 it with `--features vault`"
            );
            assert!(said.contains(&expected), "{said}");
        }
    }
}
