//! A whole installation moves: `crypt-keeper copy --to CONFIG`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

mod between_stores;
mod interrupted;
mod keys;
mod partitions;
mod story;
mod told;

use std::path::PathBuf;
use std::process::{Command, Output};

use crypt_keeper_tests::{Installation, Parts, Server};
use serde_json::Value;

use story::Story;

/// The installation of a server that is stopped.
fn take(server: &mut Server) -> Installation {
    let parts = Parts::embedded();
    std::mem::replace(&mut server.installation, Installation::new(&parts))
}

fn audit(of: &Installation) -> Vec<Value> {
    let listed = of.succeeds(&["audit", "list", "--json", "--limit", "1000"]);
    let lines = listed.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// How often the log says that a copy was completed.
fn completions(log: &[Value]) -> usize {
    let told = log
        .iter()
        .filter(|entry| entry["action"] == "installation.copied");
    told.count()
}

/// A target that was given a database, and a master key of its own, and nothing else.
fn target(parts: &Parts) -> Installation {
    let mut target = Installation::new(parts);
    if target.is_embedded() {
        return target;
    }
    let file = target.path("master.key");
    let file = file.to_str().unwrap().to_owned();
    target.succeeds(&["master-key", "new", &file]);
    target.set("KEYS__MASTER_KEY_FILE", &file);
    if parts.dynamodb.is_some() {
        target.separate_key_store();
    }
    target
}

fn copy_command(source: &Installation, target: &Installation, more: &[&str]) -> Command {
    let file: PathBuf = target.write_configuration();
    let mut words = vec!["copy", "--json", "--to", file.to_str().unwrap()];
    words.extend(more);
    let mut command = source.command(&words);
    // One process speaks to both.
    command.envs(target.variables());
    command
}

fn copied(source: &Installation, target: &Installation, more: &[&str]) -> Output {
    copy_command(source, target, more).output().unwrap()
}

/// The last line that it printed.
fn finished(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{}\n{text}{errors}", output.status))
}

/// Copies, and holds it to what it says.
fn copies(source: &Installation, target: &Installation) -> Value {
    let output = copied(source, target, &[]);
    let done = finished(&output);
    assert!(output.status.success() && done["whole"] == true, "{done:#}");
    for kind in done["kinds"].as_array().unwrap() {
        assert_eq!(kind["source"], kind["target"], "{kind}");
        assert_eq!(kind["source_sha256"], kind["target_sha256"], "{kind}");
    }
    done
}

fn kind<'a>(done: &'a Value, name: &str) -> &'a Value {
    let mut kinds = done["kinds"].as_array().unwrap().iter();
    kinds.find(|kind| kind["kind"] == name).unwrap()
}

/// From one to the other, and at work there.
fn moves(source: Installation, target: Installation) {
    let story = Story::tell(source, 8);
    let plan = copied(&story.installation, &target, &["--dry-run"]);
    assert!(plan.status.success());
    assert_eq!(kind(&finished(&plan), "documents")["source"], 8);
    assert_eq!(kind(&finished(&plan), "documents")["target"], 0);

    let done = copies(&story.installation, &target);
    assert_eq!(kind(&done, "documents")["copied"], 8);
    assert_eq!(
        kind(&done, "users")["copied"],
        kind(&done, "users")["source"]
    );
    // Once more: there is nothing left to do.
    let again = copies(&story.installation, &target);
    for kind in again["kinds"].as_array().unwrap() {
        assert_eq!(kind["copied"], 0, "{kind}");
    }
    let before = story.audit();
    let server = story.goes_on_in(target);
    // What was done before the move stands in the log after it.
    let after = audit(&server.installation);
    assert!(!before.is_empty());
    for entry in &before {
        assert!(after.contains(entry), "{entry}");
    }
    assert_eq!(completions(&after), 1);
    // The source was only read.
    assert_eq!(story.audit(), before);
}

/// Objects in the local folder need one.
fn give_master_key(installation: &mut Installation) {
    let file = installation.path("master.key");
    let file = file.to_str().unwrap().to_owned();
    installation.succeeds(&["master-key", "new", &file]);
    installation.set("KEYS__MASTER_KEY_FILE", &file);
}
