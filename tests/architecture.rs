//! The dependency rules of docs/architecture.md, held against what cargo knows.

#![expect(clippy::expect_used, reason = "helpers of tests fail their test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// What each crate may depend on, of our own: in its normal and build dependencies, and, after
/// that, in its dev-dependencies.
const RULES: &[(&str, &[&str], &[&str])] = &[
    ("secret", &[], &[]),
    ("domain", &["secret"], &[]),
    ("crypto", &["secret"], &["test-services"]),
    ("api", &["secret"], &[]),
    ("conformance", &["domain", "secret"], &[]),
    (
        "store-sql",
        &["domain", "secret"],
        &["conformance", "test-services"],
    ),
    ("aws", &["domain"], &[]),
    (
        "store-dynamodb",
        &["domain", "aws"],
        &["conformance", "secret", "test-services"],
    ),
    ("keys", &["domain", "secret", "crypto"], &[]),
    (
        "keys-sealed",
        &["domain", "secret", "crypto", "keys"],
        &["conformance", "test-services"],
    ),
    (
        "keys-vault",
        &["domain", "secret", "crypto", "keys"],
        &["conformance", "test-services"],
    ),
    (
        "blobs-local",
        &["domain", "secret"],
        &["conformance", "test-services"],
    ),
    (
        "blobs-s3",
        &["domain", "secret", "aws"],
        &["conformance", "test-services"],
    ),
    (
        "server",
        &[
            "domain",
            "secret",
            "crypto",
            "api",
            "store-sql",
            "store-dynamodb",
            "keys-sealed",
            "keys-vault",
            "blobs-local",
            "blobs-s3",
        ],
        &["conformance", "test-services"],
    ),
    ("client", &["api", "crypto", "secret"], &["test-services"]),
    ("test-services", &[], &[]),
];

/// May depend on anything.
const FREE: &[&str] = &["tests", "xtask"];

/// What must not stand behind a crate, however deep, in its normal dependencies.
const BANNED_BEHIND: &[(&str, &[&str])] = &[
    (
        "domain",
        &[
            "actix-web",
            "diesel",
            "openssl",
            "openssl-sys",
            "reqwest",
            "serde_json",
            "tokio",
            "tokio-postgres",
            "libsqlite3-sys",
            "hyper",
            "aws-sdk-s3",
        ],
    ),
    ("secret", &["openssl", "openssl-sys", "tokio"]),
    ("api", &["openssl-sys", "tokio", "reqwest", "actix-web"]),
    ("crypto", &["tokio", "reqwest", "actix-web"]),
    ("client", &["diesel", "actix-web", "crypt-keeper-domain"]),
];

fn metadata() -> cargo_metadata::Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(
            ["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(str::to_owned),
        )
        .exec()
        .expect("cargo metadata")
}

fn short(name: &str) -> &str {
    name.strip_prefix("crypt-keeper-").unwrap_or(name)
}

fn own_dependencies<'a>(
    package: &'a Package,
    own: &BTreeSet<&str>,
    of: impl Fn(DependencyKind) -> bool,
) -> BTreeSet<&'a str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| of(dependency.kind) && own.contains(short(&dependency.name)))
        .map(|dependency| short(&dependency.name))
        .collect()
}

#[test]
fn crates_depend_only_on_what_the_architecture_allows() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let own: BTreeSet<&str> = packages
        .iter()
        .map(|package| short(&package.name))
        .collect();
    let mut broken = Vec::new();
    for package in &packages {
        let name = short(&package.name);
        if FREE.contains(&name) {
            continue;
        }
        let Some((_, normal, dev)) = RULES.iter().find(|(rule, ..)| *rule == name) else {
            broken.push(format!(
                "{name}: no rule in tests/architecture.rs says what it may use"
            ));
            continue;
        };
        let normally = own_dependencies(package, &own, |kind| kind != DependencyKind::Development);
        let in_tests = own_dependencies(package, &own, |kind| kind == DependencyKind::Development);
        for dependency in normally
            .iter()
            .filter(|dependency| !normal.contains(dependency))
        {
            broken.push(format!("{name} may not depend on {dependency}"));
        }
        for dependency in in_tests {
            if !normal.contains(&dependency) && !dev.contains(&dependency) {
                broken.push(format!(
                    "{name} may not use {dependency}, not even in tests"
                ));
            }
        }
    }
    for (rule, ..) in RULES {
        if !own.contains(rule) {
            broken.push(format!(
                "a rule speaks of {rule}, which is not in the workspace"
            ));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn nothing_heavy_stands_behind_the_light_crates() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let names: BTreeMap<_, _> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.as_str()))
        .collect();
    let mut broken = Vec::new();
    for (start, banned) in BANNED_BEHIND {
        let root = metadata
            .workspace_packages()
            .into_iter()
            .find(|package| short(&package.name) == *start)
            .expect("a crate of the workspace");
        let mut seen = BTreeSet::new();
        let mut todo = vec![&root.id];
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = resolve
                .nodes
                .iter()
                .find(|node| node.id == *id)
                .expect("a node");
            todo.extend(
                node.deps
                    .iter()
                    .filter(|dep| {
                        dep.dep_kinds
                            .iter()
                            .any(|of| of.kind == DependencyKind::Normal)
                    })
                    .map(|dep| &dep.pkg),
            );
        }
        for id in seen {
            if banned.contains(&names[id]) {
                broken.push(format!("{} stands behind {start}", names[id]));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Nothing but the server's wiring names adapters, or asks what is compiled in.
#[test]
fn only_the_wiring_names_adapters() {
    let sources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/server/src"));
    let (wiring, others): (Vec<_>, Vec<_>) = files_below(sources)
        .into_iter()
        .partition(|path| path.strip_prefix(sources).is_ok_and(is_wiring));
    let naming = |path: &PathBuf| -> Vec<String> {
        let text = fs::read_to_string(path).expect("a source file");
        let lines = text.lines().enumerate();
        lines
            .filter(|(_, line)| ADAPTERS.iter().any(|adapter| line.contains(adapter)))
            .map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1))
            .collect()
    };
    assert!(
        wiring.iter().map(naming).any(|lines| !lines.is_empty()),
        "the wiring names none: is it elsewhere?"
    );
    let named: Vec<String> = others.iter().flat_map(naming).collect();
    assert!(named.is_empty(), "{}", named.join("\n"));
}

const ADAPTERS: [&str; 7] = [
    "crypt_keeper_store_sql",
    "crypt_keeper_store_dynamodb",
    "crypt_keeper_keys_sealed",
    "crypt_keeper_keys_vault",
    "crypt_keeper_blobs_local",
    "crypt_keeper_blobs_s3",
    "cfg(feature",
];

fn is_wiring(path: &Path) -> bool {
    path == Path::new("wiring.rs") || path.starts_with("wiring")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    entries
        .flat_map(|entry| {
            let path = entry.expect("a folder of sources").path();
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
