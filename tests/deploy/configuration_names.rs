//! No file of deployment sets a variable that the service does not know: it would be refused at start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{read, repository};

const PREFIX: &str = "CRYPT_KEEPER__";

/// The names of docs/configuration.md, without the prefix.
const KNOWN: &[&str] = &[
    "DATA_DIR",
    "HTTP__LISTEN",
    "HTTP__PUBLIC_URL",
    "HTTP__TLS__CERT_FILE",
    "HTTP__TLS__KEY_FILE",
    "HTTP__TRUSTED_PROXIES",
    "HTTP__ALLOW_PLAIN",
    "METADATA__BACKEND",
    "METADATA__POSTGRES__URL",
    "METADATA__POSTGRES__URL_FILE",
    "METADATA__POSTGRES__POOL_SIZE",
    "METADATA__MIGRATE_ON_START",
    "BLOBS__BACKEND",
    "BLOBS__S3__BUCKET",
    "BLOBS__S3__REGION",
    "BLOBS__S3__ENDPOINT",
    "BLOBS__S3__PUBLIC_ENDPOINT",
    "BLOBS__S3__PATH_STYLE",
    "KEYS__BACKEND",
    "KEYS__ALGORITHM",
    "KEYS__MASTER_KEY_FILE",
    "KEYS__MASTER_KEY_COMMAND",
    "KEYS__SEALED__URL",
    "KEYS__SEALED__URL_FILE",
    "V1__QUERY_AUTH",
    "LOG__FORMAT",
    "LOG__FILTER",
];

#[test]
fn every_name_in_the_files_of_deployment_is_one_that_the_service_knows() {
    let mut files = vec![
        repository("docker-compose.yml"),
        repository("Dockerfile"),
        repository("docs/deployment.md"),
    ];
    collect(&repository("deploy"), &mut files);
    let mut unknown = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        for name in names(&read(&file)) {
            if !KNOWN.contains(&name.as_str()) {
                unknown.push(format!("{}: {PREFIX}{name}", file.display()));
            }
            seen.insert(name);
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    // The search itself works: these are in more than one file.
    for name in [
        "HTTP__LISTEN",
        "KEYS__MASTER_KEY_FILE",
        "HTTP__TRUSTED_PROXIES",
    ] {
        assert!(seen.contains(name), "{name} was not found");
    }
}

/// The secrets of a developer's own init.sh are no files of deployment.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("compose/secrets") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn names(text: &str) -> impl Iterator<Item = String> {
    text.split(PREFIX).skip(1).map(|rest| {
        rest.chars()
            .take_while(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_'))
            .collect()
    })
}
