//! No file of deployment sets a variable that the service does not know: it would be refused at start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crypt_keeper_server::config::{ENV_PREFIX, KEYS, Key};

use crate::{read, repository};

#[test]
fn every_name_in_the_files_of_deployment_is_one_that_the_service_knows() {
    let mut files = vec![
        repository("docker-compose.yml"),
        repository("Dockerfile"),
        repository("docs/deployment.md"),
        repository("docs/operations.md"),
    ];
    collect(&repository("deploy"), &mut files);
    let known: BTreeSet<String> = KEYS.iter().map(Key::variable).collect();
    let mut unknown = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        for name in names(&read(&file)) {
            if !known.contains(&name) {
                unknown.push(format!("{}: {name}", file.display()));
            }
            seen.insert(name);
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    // The search itself works: these are in more than one file.
    for name in [
        "http.listen",
        "keys.master_key_file",
        "http.trusted_proxies",
    ] {
        let key = KEYS.iter().find(|key| key.name == name).unwrap();
        assert!(seen.contains(&key.variable()), "{name} was not found");
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
    let prefix = format!("{ENV_PREFIX}__");
    let starts: Vec<_> = text.match_indices(&prefix).map(|(at, _)| at).collect();
    starts.into_iter().map(|at| {
        text[at..]
            .chars()
            .take_while(|c| matches!(c, 'A'..='Z' | '0'..='9' | '_'))
            .collect()
    })
}
