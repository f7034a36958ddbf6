//! Whatever lies in a bucket: deleting by prefix reaches all that is under the prefix, and nothing
//! else.

use std::collections::BTreeSet;

use aws_sdk_s3::primitives::ByteStream;
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::BlobStore;
use crypt_keeper_test_services as services;
use crypt_keeper_test_services::S3Access;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::support::{Bucket, words};

const PREFIX: &str = "0/20260301";

/// Names that look like the partition's, or that another party may take for it.
const HOSTILE: [&str; 24] = [
    "0/2026",
    "0/20260301",
    "0/202603011",
    "0/20260301.",
    "0/20260301 /a",
    "0/20260301%2Fa",
    "0/20260301+/a",
    "0/2026030/1/a",
    "0/20260302/a",
    "0/20260228/a",
    "00/20260301/a",
    "10/20260301/a",
    "0//20260301/a",
    "/0/20260301/a",
    "./0/20260301/a",
    "1/../0/20260301/a",
    "0/20260301/../20260401/a",
    "hold/0/20260301/a",
    "hold/0/20260301",
    "०/20260301/a",
    "0/２0260301/a",
    "0\u{200b}/20260301/a",
    "0\\20260301\\a",
    "0/20260301\u{0}/a",
];

/// What the names under the prefix, and those beside it, are made of.
fn tail() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z0-9]{1,6}",
        1 => "[ -~&&[^/]]{1,6}",
        1 => "[äß€𝄞é\u{301} +%&<>\"'=?#*~]{1,6}",
        1 => "[\r\n\t\u{1}\u{7f}\u{85}\u{2028}a]{1,3}",
        1 => Just("..".to_owned()),
        1 => Just("20260301".to_owned()),
    ];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn names() -> impl Strategy<Value = BTreeSet<String>> {
    let name = prop_oneof![
        4 => tail().prop_map(|tail| format!("{PREFIX}/{tail}")),
        2 => tail().prop_map(|tail| format!("{PREFIX}{tail}")),
        1 => tail().prop_map(|tail| format!("0/{tail}")),
        2 => tail(),
        4 => prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned),
    ];
    prop::collection::btree_set(name, 1..16)
}

/// Puts them, as far as the server takes them; none takes all.
async fn fill(bucket: &Bucket, names: impl Iterator<Item = &String>) {
    for name in names {
        let put = bucket.admin.put_object().bucket(&bucket.name).key(name);
        let _ = put.body(ByteStream::from_static(b"x")).send().await;
    }
}

/// What is there, by the names that the server tells: some take `a/../b` for `b`, and `/a` for `a`.
async fn listed(bucket: &Bucket) -> BTreeSet<String> {
    let listed = bucket.admin.list_object_versions().bucket(&bucket.name);
    let listed = listed.send().await.unwrap();
    let names = listed.versions().iter().map(|it| it.key().unwrap());
    names.map(str::to_owned).collect()
}

/// Whether the server can list an object of this name beside the others.
fn is_listed(server: &str, name: &str, names: &BTreeSet<String>) -> bool {
    if server == "minio" {
        // An object hides what lies under its name; within the prefix it is deleted first.
        let below = format!("{name}/");
        return !PREFIX.starts_with(name) || !names.iter().any(|other| other.starts_with(&below));
    }
    // versitygw writes a replacement character for what XML cannot say.
    !name.chars().any(|it| it < ' ' && !"\r\n\t".contains(it))
}

async fn nothing_else_is_reached(access: &S3Access, names: &BTreeSet<String>) {
    let bucket = Bucket::new(access).await;
    let put = names.iter();
    let put = put.filter(|name| is_listed(access.server, name, names));
    fill(&bucket, put).await;
    let there = listed(&bucket).await;
    let prefix = ObjectPrefix::parse(PREFIX).unwrap();
    let deleted = bucket.blobs.delete_prefix(&prefix).await.unwrap();
    let (doomed, spared): (BTreeSet<_>, BTreeSet<_>) = there
        .into_iter()
        .partition(|name| name.starts_with("0/20260301/"));
    assert!(deleted >= doomed.len() as u64, "{deleted} of {doomed:?}");
    assert_eq!(listed(&bucket).await, spared, "{doomed:?}");
    bucket.remove().await;
}

fn on(access: Option<S3Access>) {
    let Some(access) = access else { return };
    let runtime = Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 24,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    });
    let all = HOSTILE.map(str::to_owned).into_iter();
    let all = all.chain(["a/b", "a", "é +%2F\r/b", "\u{1}"].map(|tail| format!("{PREFIX}/{tail}")));
    runtime.block_on(nothing_else_is_reached(&access, &all.collect()));
    runner
        .run(&names(), |names| {
            runtime.block_on(nothing_else_is_reached(&access, &names));
            Ok(())
        })
        .unwrap();
}

#[test]
fn nothing_outside_of_the_prefix_is_reached_on_minio() {
    on(services::minio());
}

#[test]
fn nothing_outside_of_the_prefix_is_reached_on_versitygw() {
    on(services::versitygw());
}

/// The server lists another name than the object's, so it cannot be deleted, and that is no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_server_does_not_tell_is_an_error() {
    let Some(access) = services::versitygw() else {
        return;
    };
    let bucket = Bucket::new(&access).await;
    bucket.put("0/20260301/a\u{1}", b"x").await;
    let prefix = ObjectPrefix::parse(PREFIX).unwrap();
    let error = bucket.blobs.delete_prefix(&prefix).await.unwrap_err();
    let words = words(&error);
    assert!(words.contains("listed again and again"), "{words}");
    let delete = bucket.admin.delete_object().bucket(&bucket.name);
    delete.key("0/20260301/a\u{1}").send().await.unwrap();
    bucket.remove().await;
}
