//! A program that was built without a backend says so, and how to build one with it. Which one it is
//! depends on how these tests are built: `cargo xtask test` builds them for each small server.

#![cfg(not(all(
    feature = "postgres",
    feature = "sqlite",
    feature = "s3",
    feature = "vault",
    feature = "dynamo"
)))]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::process::Command;

/// A metadata database that this program has.
#[cfg(not(all(feature = "s3", feature = "vault")))]
fn metadata() -> Vec<(&'static str, &'static str)> {
    if cfg!(feature = "sqlite") {
        Vec::new()
    } else {
        vec![
            ("METADATA__BACKEND", "postgres"),
            ("METADATA__POSTGRES__URL", "postgres://nobody@db.invalid/ck"),
        ]
    }
}

/// Holds what is said when a backend is configured by these variables, and that nothing is made.
fn refused(variables: &[(&str, &str)], key: &str, backend: &str, feature: &str) {
    let folder = tempfile::tempdir().unwrap();
    let master_key = folder.path().join("master.key");
    let run = |arguments: &[&str]| {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("CRYPT_KEEPER__{name}"), value));
        let command = Command::new(env!("CARGO_BIN_EXE_crypt-keeper"))
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("CRYPT_KEEPER__HTTP__LISTEN", "127.0.0.1:0")
            .env("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", &master_key)
            .envs(variables)
            .output()
            .unwrap();
        (
            command.status.success(),
            String::from_utf8(command.stderr).unwrap(),
        )
    };
    let (made, said) = run(&["master-key", "new", master_key.to_str().unwrap()]);
    assert!(made, "{said}");
    let expected = format!(
        "crypt-keeper: `{key}` = \"{backend}\", but this crypt-keeper was built without it: build \
         it with `--features {feature}`\n"
    );
    for arguments in [&["setup"][..], &["serve"], &["config", "check"]] {
        let (succeeded, said) = run(arguments);
        assert!(!succeeded && said == expected, "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("crypt-keeper-data").exists());
}

#[cfg(not(feature = "vault"))]
#[test]
fn without_vault_it_names_the_cargo_feature() {
    for backend in ["vault-kv", "vault-transit"] {
        let mut variables = metadata();
        variables.extend([
            ("KEYS__BACKEND", backend),
            ("KEYS__VAULT__ADDRESS", "https://vault.invalid"),
            ("KEYS__VAULT__TOKEN_FILE", "token"),
        ]);
        refused(&variables, "keys.backend", backend, "vault");
    }
}

/// A key that should be sealed is not made in clear instead.
#[cfg(not(feature = "vault"))]
#[test]
fn without_vault_no_master_key_is_sealed_nor_made() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    for arguments in [&["master-key", "new", "ring"][..], &["config", "check"]] {
        let ran = Command::new(env!("CARGO_BIN_EXE_crypt-keeper"))
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .envs(
                metadata()
                    .into_iter()
                    .map(|(name, value)| (format!("CRYPT_KEEPER__{name}"), value)),
            )
            .env("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", &ring)
            .env(
                "CRYPT_KEEPER__KEYS__MASTER_KEY_TRANSIT",
                "transit/master-key",
            )
            .env(
                "CRYPT_KEEPER__KEYS__VAULT__ADDRESS",
                "https://vault.invalid",
            )
            .env("CRYPT_KEEPER__KEYS__VAULT__TOKEN_FILE", "token")
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(!ran.status.success(), "{said}");
        assert!(said.contains("`keys.master_key_transit`"), "{said}");
        assert!(said.contains("`--features vault`"), "{said}");
    }
    assert!(!ring.exists());
}

#[cfg(not(feature = "s3"))]
#[test]
fn without_s3_it_names_the_cargo_feature() {
    let mut variables = metadata();
    variables.extend([("BLOBS__BACKEND", "s3"), ("BLOBS__S3__BUCKET", "documents")]);
    refused(&variables, "blobs.backend", "s3", "s3");
}

#[cfg(not(feature = "postgres"))]
#[test]
fn without_postgres_it_names_the_cargo_feature() {
    let variables = [
        ("METADATA__BACKEND", "postgres"),
        ("METADATA__POSTGRES__URL", "postgres://nobody@db.invalid/ck"),
    ];
    refused(&variables, "metadata.backend", "postgres", "postgres");
}

#[cfg(not(feature = "dynamo"))]
#[test]
fn without_dynamo_it_names_the_cargo_feature() {
    let variables = [
        ("METADATA__BACKEND", "dynamodb"),
        ("KEYS__SEALED__URL", "postgres://nobody@db.invalid/ck"),
    ];
    refused(&variables, "metadata.backend", "dynamodb", "dynamo");
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn without_sqlite_it_names_the_cargo_feature() {
    refused(&[], "metadata.backend", "sqlite", "sqlite");
}
