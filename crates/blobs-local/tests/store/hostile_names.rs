//! Whatever lies in the folder: deleting by prefix reaches all that is under the prefix, and nothing
//! else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::{BlobError, BlobStore};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::Store;

const PREFIX: &str = "0/20260301";

/// Names that look like the partition's, or that a careless program may take for it.
const HOSTILE: [&str; 18] = [
    "0/2026",
    "0/20260301",
    "0/202603011/a",
    "0/20260301 /a",
    "0/20260301\n/a",
    "0/20260301./a",
    "0/20260301../a",
    "0/20260302/a",
    "00/20260301/a",
    "1/20260301/a",
    "hold/0/20260301/a",
    "hold/0/20260301",
    "0/.../20260301/a",
    "*/20260301/a",
    "०/20260301/a",
    "0/２0260301/a",
    "0\\20260301\\a",
    "-rf/20260301/a",
];

#[derive(Clone, Debug)]
enum Thing {
    File(String),
    /// A link, and where it leads to, seen from the folder of objects.
    Link(String, String),
}

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-c0-2]{1,3}",
        1 => "[^/\u{0}]{1,4}".prop_filter("a name", |part| part != "." && part != ".."),
        1 => Just("20260301".to_owned()),
    ];
    let tail = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let tail = tail.boxed();
    prop_oneof![
        4 => tail.clone().prop_map(|tail| format!("{PREFIX}/{tail}")),
        2 => tail.clone().prop_map(|tail| format!("{PREFIX}{tail}")),
        1 => tail.clone().prop_map(|tail| format!("0/{tail}")),
        1 => tail,
        4 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
    ]
}

fn target() -> impl Strategy<Value = String> {
    let outside = [
        "../../outside",
        "..",
        ".",
        "0",
        "1/20260301",
        "hold/0/20260301",
        "nowhere",
    ];
    prop_oneof![
        prop::sample::select(outside.to_vec()).prop_map(str::to_owned),
        name(),
    ]
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => name().prop_map(Thing::File),
        1 => (name(), target()).prop_map(|(name, target)| Thing::Link(name, target)),
        1 => target().prop_map(|target| Thing::Link(PREFIX.to_owned(), target)),
    ]
}

/// Makes it, as far as what is there allows.
fn make(objects: &Path, thing: &Thing) {
    let (Thing::File(name) | Thing::Link(name, _)) = thing;
    let path = objects.join(name);
    if fs::create_dir_all(path.parent().unwrap()).is_err() || path.symlink_metadata().is_ok() {
        return;
    }
    let _ = match thing {
        Thing::File(_) => fs::write(path, name),
        Thing::Link(_, target) => symlink(objects.join(target), path),
    };
}

/// Every file, with what is in it, and every link, with where it leads to.
fn tree(folder: &Path, into: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            tree(&path, into);
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            into.insert(path, format!("-> {}", target.display()));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            into.insert(path, text);
        }
    }
}

async fn nothing_else_is_reached(things: &[Thing]) {
    let store = Store::new();
    let root = store.root();
    let outside = root.parent().unwrap().join("outside");
    fs::create_dir_all(outside.join("20260301/a")).unwrap();
    fs::write(outside.join("20260301/a/b"), "kept").unwrap();
    fs::write(outside.join("c"), "kept").unwrap();
    let objects = root.join("objects");
    for thing in things {
        make(&objects, thing);
    }
    let mut before = BTreeMap::new();
    tree(root.parent().unwrap(), &mut before);

    let prefix = ObjectPrefix::parse(PREFIX).unwrap();
    let deleted = store.blobs.delete_prefix(&prefix).await;
    let mut after = BTreeMap::new();
    tree(root.parent().unwrap(), &mut after);

    let partition = objects.join(PREFIX);
    let on_the_way = [objects.join("0"), partition.clone()];
    if on_the_way.iter().any(|path| path.is_symlink()) {
        assert!(matches!(deleted, Err(BlobError::Backend(_))), "{deleted:?}");
        assert_eq!(after, before);
        return;
    }
    let is_spared = |path: &Path| path == partition || !path.starts_with(&partition);
    let found = before.len();
    before.retain(|path, _| is_spared(path));
    assert_eq!(deleted.unwrap(), (found - before.len()) as u64);
    assert_eq!(after, before);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_outside_of_the_prefix_is_reached(things in prop::collection::vec(thing(), 1..24)) {
        Runtime::new().unwrap().block_on(nothing_else_is_reached(&things));
    }
}

#[tokio::test]
async fn the_known_hostile_names_are_spared() {
    let inside = ["a/b", "é/b", "..a/b"].map(|tail| format!("{PREFIX}/{tail}"));
    let names = HOSTILE.iter().map(ToString::to_string);
    // The object whose name is the prefix comes first, or last: only one of both can be.
    let files: Vec<_> = inside.into_iter().chain(names).map(Thing::File).collect();
    nothing_else_is_reached(&files).await;
    let mut reversed = files;
    reversed.reverse();
    nothing_else_is_reached(&reversed).await;
}

#[tokio::test]
async fn a_partition_that_is_a_link_is_refused_with_what_to_do() {
    for link in ["0", PREFIX] {
        let things = [
            Thing::File("1/20260301/a".to_owned()),
            Thing::Link(link.to_owned(), "1".to_owned()),
        ];
        nothing_else_is_reached(&things).await;
    }
}
