//! What a copy refuses, and what it tells of and leaves alone.

use std::path::PathBuf;

use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts, Server};

use crate::story::Story;
use crate::{copied, copies, finished, kind, target};

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
