//! The dependency rules of docs/architecture.md, held against what cargo knows.

#![expect(clippy::expect_used, reason = "helpers of tests fail their test")]

use std::collections::{BTreeMap, BTreeSet};

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
        &["domain", "secret"],
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
            "aws-sdk-s3",
        ],
    ),
    ("secret", &["openssl", "openssl-sys", "tokio"]),
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
