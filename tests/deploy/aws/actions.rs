//! The rights in deploy/aws/roles.yaml are those that the adapters' source needs: each call of AWS's
//! SDK is found in the source, by the names that the SDK itself has for its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;

use super::evaluation::Site;
use super::roles::Role;
use crate::{read, repository};

/// Who needs a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// The service, its setup and its operators.
    Full,
    /// These, and a server that only accepts uploads.
    FullAndIngest,
    /// Only setup and operators.
    Setup,
    /// Nobody: the template makes it.
    Nobody,
}
use Needs::{Full, FullAndIngest, Nobody, Setup};

/// A call as the source makes it, and what AWS wants the caller to be allowed.
type Row = (&'static str, &'static [(&'static str, Needs)]);

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>
const DYNAMODB: &[Row] = &[
    (
        "batch_get_item",
        &[("dynamodb:BatchGetItem", FullAndIngest)],
    ),
    ("create_table", &[("dynamodb:CreateTable", Full)]),
    (
        "describe_table",
        &[("dynamodb:DescribeTable", FullAndIngest)],
    ),
    ("delete_item", &[("dynamodb:DeleteItem", Full)]),
    ("delete_table", &[("dynamodb:DeleteTable", Full)]),
    ("get_item", &[("dynamodb:GetItem", FullAndIngest)]),
    ("put_item", &[("dynamodb:PutItem", FullAndIngest)]),
    ("query", &[("dynamodb:Query", Full)]),
    ("scan", &[("dynamodb:Scan", Full)]),
    ("update_item", &[("dynamodb:UpdateItem", Full)]),
    // A transaction needs what its parts need.
    ("transact_write_items", &[]),
    ("Put::builder", &[("dynamodb:PutItem", FullAndIngest)]),
    ("Update::builder", &[("dynamodb:UpdateItem", Full)]),
    ("Delete::builder", &[("dynamodb:DeleteItem", Full)]),
    (
        "ConditionCheck::builder",
        &[("dynamodb:ConditionCheckItem", Full)],
    ),
];

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>, and the
/// page of each call: names of calls and of actions differ.
const S3: &[Row] = &[
    (
        "abort_multipart_upload",
        &[("s3:AbortMultipartUpload", Full)],
    ),
    ("complete_multipart_upload", &[("s3:PutObject", Full)]),
    // Objects here have no tags, whose copying would need more.
    (
        "copy_object",
        &[("s3:GetObject", Full), ("s3:PutObject", Full)],
    ),
    ("create_bucket", &[("s3:CreateBucket", Nobody)]),
    ("create_multipart_upload", &[("s3:PutObject", Full)]),
    ("delete_bucket_cors", &[("s3:PutBucketCORS", Setup)]),
    (
        "delete_bucket_lifecycle",
        &[("s3:PutLifecycleConfiguration", Setup)],
    ),
    ("delete_object", &[("s3:DeleteObject", Full)]),
    (
        "delete_objects",
        &[("s3:DeleteObject", Full), ("s3:DeleteObjectVersion", Full)],
    ),
    ("get_object", &[("s3:GetObject", Full)]),
    // The second is what turns 403 into 404 where there is none.
    (
        "head_object",
        &[("s3:GetObject", Full), ("s3:ListBucket", Full)],
    ),
    ("head_bucket", &[("s3:ListBucket", Full)]),
    (
        "list_multipart_uploads",
        &[("s3:ListBucketMultipartUploads", Full)],
    ),
    ("list_object_versions", &[("s3:ListBucketVersions", Full)]),
    ("put_object", &[("s3:PutObject", FullAndIngest)]),
    (
        "upload_part_copy",
        &[("s3:GetObject", Full), ("s3:PutObject", Full)],
    ),
    // What `setup` writes, and compares with what is there.
    ("get_bucket_cors", &[("s3:GetBucketCORS", Setup)]),
    (
        "get_bucket_lifecycle_configuration",
        &[("s3:GetLifecycleConfiguration", Setup)],
    ),
    (
        "get_bucket_versioning",
        &[("s3:GetBucketVersioning", Setup)],
    ),
    (
        "get_public_access_block",
        &[("s3:GetBucketPublicAccessBlock", Setup)],
    ),
    ("put_bucket_cors", &[("s3:PutBucketCORS", Setup)]),
    (
        "put_bucket_lifecycle_configuration",
        &[("s3:PutLifecycleConfiguration", Setup)],
    ),
    (
        "put_bucket_versioning",
        &[("s3:PutBucketVersioning", Setup)],
    ),
    (
        "put_public_access_block",
        &[("s3:PutBucketPublicAccessBlock", Setup)],
    ),
];

/// Parts of transactions have no call of their own.
const PARTS: [&str; 4] = [
    "Put::builder",
    "Update::builder",
    "Delete::builder",
    "ConditionCheck::builder",
];

struct Service {
    prefix: &'static str,
    adapter: &'static str,
    sdk: &'static str,
    rows: &'static [Row],
    parts: &'static [&'static str],
}

const SERVICES: [Service; 2] = [
    Service {
        prefix: "dynamodb",
        adapter: "crates/store-dynamodb/src",
        sdk: "aws-sdk-dynamodb",
        rows: DYNAMODB,
        parts: &PARTS,
    },
    Service {
        prefix: "s3",
        adapter: "crates/blobs-s3/src",
        sdk: "aws-sdk-s3",
        rows: S3,
        parts: &[],
    },
];

#[test]
fn rights_and_calls_agree() {
    let Some(site) = Site::of("full") else {
        return;
    };
    let mut wrong = Vec::new();
    for service in SERVICES {
        let calls = calls(&service);
        let rows: BTreeMap<_, _> = service.rows.iter().copied().collect();
        for (call, place) in &calls {
            if !rows.contains_key(call.as_str()) {
                wrong.push(format!(
                    "{place}: `{call}` has no row in tests/deploy/aws/actions.rs: which rights \
                     does it need, and whose?"
                ));
            }
        }
        for (role, has) in [
            ("ServerRole", &[Full, FullAndIngest][..]),
            ("SetupRole", &[Full, FullAndIngest, Setup]),
            ("IngestRole", &[FullAndIngest]),
        ] {
            let found = calls.keys().filter_map(|call| rows.get(call.as_str()));
            let needed: BTreeSet<&str> = found
                .flat_map(|actions| actions.iter())
                .filter(|(_, needs)| has.contains(needs))
                .map(|(action, _)| *action)
                .collect();
            let granted = Role::of(&site, "roles", role);
            let granted: BTreeSet<&str> = granted.actions(service.prefix).into_iter().collect();
            for lacking in needed.difference(&granted) {
                wrong.push(format!("deploy/aws/roles.yaml: {role} lacks {lacking}"));
            }
            for superfluous in granted.difference(&needed) {
                wrong.push(format!(
                    "deploy/aws/roles.yaml: {role} has {superfluous}, and no call needs it"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The search finds calls, and no words that only sound like one.
#[test]
fn calls_are_found_in_the_source() {
    let operations = BTreeSet::from(["get_item".to_owned(), "scan".to_owned()]);
    let source = "let a = client\n    .get_item()\n    .table_name(t);\nrows.scan(0, |a, b| a);\n\
                  // .scan() in words\nPut::builder(); TransactPut::builder()";
    let found = in_source(source, &operations, &PARTS);
    assert_eq!(found, BTreeSet::from(["get_item", "Put::builder"]));

    for (service, some) in SERVICES.iter().zip([
        &["transact_write_items", "create_table", "Delete::builder"][..],
        &["head_bucket", "put_object", "list_object_versions"],
    ]) {
        let calls = calls(service);
        for call in some {
            assert!(calls.contains_key(*call), "{call}: {calls:?}");
        }
    }
}

/// The calls in an adapter's source, and where one of them is.
fn calls(service: &Service) -> BTreeMap<String, String> {
    let operations = operations(service.sdk);
    let mut calls = BTreeMap::new();
    for file in sources(&repository(service.adapter)) {
        for call in in_source(&read(&file), &operations, service.parts) {
            calls.insert(call.to_owned(), file.display().to_string());
        }
    }
    calls
}

fn in_source<'a>(
    source: &str,
    operations: &'a BTreeSet<String>,
    parts: &'a [&'a str],
) -> BTreeSet<&'a str> {
    let code: Vec<&str> = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .collect();
    let code = code.join("\n");
    let calls = operations.iter().map(String::as_str);
    let calls = calls.filter(|call| code.contains(&format!(".{call}()")));
    let is_made = |part: &str| {
        let whole = format!("{part}(");
        let mut places = code.match_indices(&whole);
        places.any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric()))
    };
    let parts = parts.iter().copied().filter(|part| is_made(part));
    calls.chain(parts).collect()
}

/// What the SDK can call: it has a file for each.
fn operations(sdk: &str) -> BTreeSet<String> {
    let metadata = MetadataCommand::new()
        .manifest_path(repository("Cargo.toml"))
        .other_options(["--locked", "--offline"].map(str::to_owned))
        .exec()
        .unwrap();
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == sdk)
        .unwrap();
    let folder = package.manifest_path.parent().unwrap().join("src/client");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let names: BTreeSet<String> = names.filter(|name| name != "customize").collect();
    assert!(names.len() > 50, "{sdk}: {names:?}");
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
