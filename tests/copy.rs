//! A whole installation moves: `crypt-keeper copy --to CONFIG`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crypt_keeper_test_services::{cycles, openbao};
use crypt_keeper_tests::{
    Account, Blobs, Engine, Installation, KeysInVault, Metadata, Parts, Server, announce, content,
    random_below,
};
use serde_json::Value;

/// An installation at rest that was at work: its people, and their documents.
struct Story {
    installation: Installation,
    alice: Account,
    bob: Account,
    /// Id and content; Bob has a share of every second one.
    documents: Vec<(String, Vec<u8>)>,
}

impl Story {
    /// Documents under two key pairs, one of them rotated out; shares, one of them taken back; a
    /// disabled user, a revoked API key.
    fn tell(installation: Installation, documents: usize) -> Self {
        let mut server = Server::start_installation(installation);
        let (alice, bob) = (server.user("alice"), server.user("bob"));
        let _ = server.user("zoë");
        server.installation.succeeds(&["user", "disable", "zoë"]);
        let ckc = server.ckc(&alice);
        let mut told = Vec::new();
        for number in 0..documents {
            if number == documents / 2 {
                server.installation.succeeds(&["keys", "rotate"]);
            }
            let length = [0, 1, 300_000, 2_500_000][number % 4];
            let text = content(length, number as u64 + 1);
            ckc.write("größe 客.bin", &text);
            let id = ckc.succeeds(&["-q", "upload", "größe 客.bin"]).line();
            if number % 2 == 0 {
                ckc.succeeds(&["share", &id, "bob"]);
            }
            told.push((id, text));
        }
        assert!(server.terminate().success());
        Self {
            installation: take(&mut server),
            alice,
            bob,
            documents: told,
        }
    }

    /// Everything opens on the copy, by the old credentials, and nothing more than before.
    fn goes_on_in(&self, target: Installation) -> Server {
        let server = Server::start_installation(target);
        let (alice, bob) = (server.ckc(&self.alice), server.ckc(&self.bob));
        for (number, (id, text)) in self.documents.iter().enumerate() {
            alice.succeeds(&["-q", "download", id, "-o", "back.bin", "--force"]);
            assert!(alice.read("back.bin") == *text, "document {number}");
            let download = ["-q", "download", id, "-o", "back.bin", "--force"];
            if number % 2 == 0 {
                bob.succeeds(&download);
                assert!(bob.read("back.bin") == *text, "document {number}");
            } else {
                assert_ne!(bob.run(&download).code, Some(0), "not shared: {number}");
            }
        }
        // New documents, too.
        alice.write("new.txt", b"after the move");
        let id = alice.succeeds(&["-q", "upload", "new.txt"]).line();
        alice.succeeds(&["share", &id, "bob"]);
        bob.succeeds(&["-q", "download", &id, "-o", "new.txt"]);
        assert_eq!(bob.read("new.txt"), b"after the move");
        server
    }

    fn audit(&self) -> Vec<Value> {
        audit(&self.installation)
    }
}

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
    // The source was only read.
    assert_eq!(story.audit(), before);
}

#[test]
fn an_installation_moves_from_sqlite_to_postgres_and_a_bucket() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    moves(Installation::new(&Parts::embedded()), target(&parts));
}

#[test]
fn an_installation_moves_from_sqlite_to_dynamodb() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    moves(Installation::new(&Parts::embedded()), target(&parts));
}

#[test]
fn an_installation_moves_from_dynamodb_and_a_bucket_to_sqlite() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Versitygw) else {
        return;
    };
    let mut source = Installation::new(&parts);
    source.set_up();
    moves(source, Installation::new(&Parts::embedded()));
}

#[test]
fn an_installation_moves_from_postgres_to_dynamodb_and_keeps_its_bucket() {
    let (Some(from), Some(to)) = (
        Parts::find(Metadata::Postgres, Blobs::Minio),
        Parts::find(Metadata::DynamoDb, Blobs::Minio),
    ) else {
        return;
    };
    let mut source = Installation::new(&from);
    source.set_up();
    let mut target = target(&to);
    let bucket = source.setting("BLOBS__S3__BUCKET").to_owned();
    target.set("BLOBS__S3__BUCKET", &bucket);
    moves(source, target);
}

#[test]
fn private_halves_move_into_vault_and_out_of_it() {
    let Some(access) = openbao() else {
        return;
    };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let vault = KeysInVault::create(Engine::Kv, &access);
    let mut into = vault.configure(&parts);
    give_master_key(&mut into);
    moves(Installation::new(&Parts::embedded()), into);

    let vault = KeysInVault::create(Engine::Kv, &access);
    moves(vault.set_up(&parts), Installation::new(&Parts::embedded()));
}

#[test]
fn document_keys_are_wrapped_anew_where_private_halves_cannot_move() {
    let Some(access) = openbao() else {
        return;
    };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let vault = KeysInVault::create(Engine::Transit, &access);
    let mut into = vault.configure(&parts);
    give_master_key(&mut into);
    moves(Installation::new(&Parts::embedded()), into);

    let vault = KeysInVault::create(Engine::Transit, &access);
    moves(vault.set_up(&parts), Installation::new(&Parts::embedded()));
}

#[test]
fn keys_stay_in_the_transit_that_both_use() {
    let Some(access) = openbao() else {
        return;
    };
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let vault = KeysInVault::create(Engine::Transit, &access);
    let mut into = vault.configure(&parts);
    give_master_key(&mut into);
    moves(vault.set_up(&Parts::embedded()), into);
}

/// Objects in the local folder need one.
fn give_master_key(installation: &mut Installation) {
    let file = installation.path("master.key");
    let file = file.to_str().unwrap().to_owned();
    installation.succeeds(&["master-key", "new", &file]);
    installation.set("KEYS__MASTER_KEY_FILE", &file);
}

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was_in_all_cycles() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let story = Story::tell(Installation::new(&Parts::embedded()), 24);
    let whole = target(&parts);
    let uninterrupted = copies(&story.installation, &whole);
    let mut killed = 0;
    for _ in 0..cycles(3) {
        let target = target(&parts);
        // Until one comes to its end, each is killed a little later.
        for attempt in 1_u64.. {
            let mut child = copy_command(&story.installation, &target, &[])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let pause = 40 * attempt + random_below(40);
            std::thread::sleep(Duration::from_millis(pause));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "after {attempt} attempts: {status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        let done = copies(&story.installation, &target);
        for kind in done["kinds"].as_array().unwrap() {
            let name = kind["kind"].as_str().unwrap();
            let other = &self::kind(&uninterrupted, name)["target_sha256"];
            assert_eq!(&kind["target_sha256"], other, "{name}");
            assert_eq!(kind["copied"], 0, "{kind}");
        }
        let _ = story.goes_on_in(target);
    }
    announce(&format!("copies killed: {killed}, and each went on"));
    assert!(killed > 0, "none was killed: nothing was tried");
}

#[test]
fn what_differs_in_the_target_is_told_and_left_as_it_is() {
    let story = Story::tell(Installation::new(&Parts::embedded()), 4);
    let target = target(&Parts::embedded());
    copies(&story.installation, &target);
    // Meanwhile somebody has worked on the copy.
    target.succeeds(&["user", "enable", "zoë"]);
    target.succeeds(&["user", "add", "mallory"]);
    let pairs = |of: &Installation| of.succeeds(&["user", "list", "--json"]);
    let before = pairs(&target);
    let output = copied(&story.installation, &target, &[]);
    let done = finished(&output);
    assert_eq!(output.status.code(), Some(1), "{done:#}");
    assert_eq!(done["whole"], false);
    assert_eq!(done["not_copied"], 1);
    let users = kind(&done, "users");
    assert_eq!(
        (&users["equal"], &users["others"]),
        (&false.into(), &1.into())
    );
    assert_ne!(users["source_sha256"], users["target_sha256"]);
    let first = users["first_difference"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("user {first}")));
    assert_eq!(kind(&done, "documents")["equal"], true);
    assert_eq!(pairs(&target), before);

    // An object that is another one, too.
    let blobs = walk(&target.data().join("blobs"));
    let largest = blobs
        .iter()
        .max_by_key(|path| path.metadata().unwrap().len());
    let mut bytes = std::fs::read(largest.unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(largest.unwrap(), &bytes).unwrap();
    let output = copied(&story.installation, &target, &[]);
    assert_eq!(finished(&output)["objects"]["failed"], 1);
    assert_eq!(std::fs::read(largest.unwrap()).unwrap(), bytes);
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_copy_into_itself_or_of_a_running_service_is_refused() {
    let mut server = Server::start(&Parts::embedded());
    let _ = server.user("alice");
    let refused = |source: &Installation, target: &Installation, code: i32, words: &str| {
        let output = copied(source, target, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    };
    let fresh = Installation::new(&Parts::embedded());
    refused(
        &server.installation,
        &fresh,
        1,
        "service of the source is running",
    );
    assert!(!fresh.data().exists(), "nothing was made");
    assert!(server.terminate().success());

    // The same folder by another name.
    let mut other = Installation::new(&Parts::embedded());
    let link = other.path("link");
    std::os::unix::fs::symlink(server.installation.data(), &link).unwrap();
    other.set("DATA_DIR", link.to_str().unwrap());
    refused(&server.installation, &other, 2, "one and the same database");
    other.set("ROLE", "ingest");
    let output = copied(&server.installation, &other, &[]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_target_that_was_set_up_already_is_told_which_pair_stands_in_the_way() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let story = Story::tell(Installation::new(&Parts::embedded()), 2);
    let target = target(&parts);
    target.succeeds(&["setup"]);
    let output = copied(&story.installation, &target, &[]);
    let done = finished(&output);
    assert_eq!(output.status.code(), Some(1), "{done:#}");
    assert_eq!(kind(&done, "key pairs")["equal"], false);
    assert_eq!(
        (&done["blocked"], &done["not_copied"]),
        (&true.into(), &1.into())
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("was `setup` run there?"), "{said}");
    // The same place under another name of its server is refused all the same.
    let mut again = Installation::new(&Parts::embedded());
    let url = target.setting("METADATA__POSTGRES__URL");
    let other_name = if url.contains("127.0.0.1") {
        url.replace("127.0.0.1", "localhost")
    } else {
        format!("{url}&application_name=another")
    };
    again.set("METADATA__BACKEND", "postgres");
    again.set("METADATA__POSTGRES__URL", &other_name);
    let key = target.setting("KEYS__MASTER_KEY_FILE").to_owned();
    again.set("KEYS__MASTER_KEY_FILE", &key);
    let output = copied(&again, &target, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("one and the same database"), "{said}");
}
