//! What a program must not contain, by `cargo tree`, which knows it without building.

#![expect(clippy::panic, reason = "helpers of tests fail their test")]

use std::collections::BTreeSet;
use std::process::Command;

use crypt_keeper_test_services as services;

const SERVER: &str = "crypt-keeper-server";

/// The names of all crates behind a package that is built with these arguments.
fn behind(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let mut tree = Command::new("cargo");
    tree.args(["tree", "--quiet", "--locked"])
        .args(["--edges", "normal", "--prefix", "none"])
        .args(["--package", package])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let tree = services::run(&mut tree).unwrap_or_else(|error| panic!("{error}"));
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

fn server(features: &[&str]) -> BTreeSet<String> {
    let features = features.join(",");
    behind(SERVER, &["--no-default-features", "--features", &features])
}

#[track_caller]
fn lacks(what: &str, crates: &BTreeSet<String>, absent: &[&str]) {
    // A tree that could not be read lacks everything.
    assert!(crates.len() > 5, "{crates:?}");
    for name in absent {
        assert!(!crates.contains(*name), "{what} must not contain {name}");
    }
}

/// What each cargo feature of the server brings.
const BROUGHT: [(&str, &[&str]); 5] = [
    ("sqlite", &["libsqlite3-sys"]),
    ("postgres", &["tokio-postgres", "postgres-openssl"]),
    ("s3", &["aws-sdk-s3", "crypt-keeper-blobs-s3"]),
    (
        "dynamo",
        &["aws-sdk-dynamodb", "crypt-keeper-store-dynamodb"],
    ),
    ("vault", &["vaultrs", "rustify", "crypt-keeper-keys-vault"]),
];

#[test]
fn a_server_without_a_feature_holds_nothing_of_its_backend() {
    for (feature, brought) in BROUGHT {
        let others: Vec<&str> = BROUGHT
            .iter()
            .map(|(other, _)| *other)
            .filter(|other| *other != feature)
            .collect();
        lacks(
            &format!("a server without {feature}"),
            &server(&others),
            brought,
        );
        let with = server(&[feature]);
        for name in brought {
            assert!(with.contains(*name), "{feature} does not bring {name}");
        }
    }
}

#[test]
fn the_usual_server_has_no_vault_no_other_tls_and_nothing_of_tests() {
    let absent = [
        "vaultrs",
        "rustify",
        "crypt-keeper-keys-vault",
        "aws-sdk-dynamodb",
        "crypt-keeper-store-dynamodb",
        "ring",
        "crypt-keeper-test-services",
        "crypt-keeper-conformance",
    ];
    lacks("the usual server", &behind(SERVER, &[]), &absent);
}

#[test]
fn the_client_has_no_server_and_the_domain_no_framework() {
    let absent = ["actix-web", "diesel", "aws-sdk-s3", "ring"];
    lacks("ckc", &behind("crypt-keeper-client", &[]), &absent);
    let absent = [
        "serde_json",
        "openssl",
        "actix-web",
        "diesel",
        "aws-sdk-s3",
        "reqwest",
    ];
    lacks("the domain", &behind("crypt-keeper-domain", &[]), &absent);
}
