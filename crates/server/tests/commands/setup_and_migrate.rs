//! `setup` and `migrate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::desk::{Desk, mode};

#[test]
fn setup_makes_what_lacks_and_says_so() {
    let desk = Desk::bare();
    assert_snapshot!(desk.type_in(&["setup", "setup", "setup --json", "user list"]), @r#"
    $ crypt-keeper setup
    master key: made ./crypt-keeper-data/master.key
    metadata database: applied [migration metadata]
    metadata database: applied [migration key_exposed]
    metadata database: applied [migration ingest_functions]
    metadata database: applied [migration audit_master_key]
    metadata database: applied [migration expiry]
    metadata database: applied [migration first_ranges]
    metadata database: applied [migration first_ranges_checked]
    metadata database: applied [migration time_partitions]
    metadata database: applied [migration holds]
    metadata database: applied [migration user_retention]
    key store: applied [migration private_keys]
    key pair: made [serial]
    partition: made 0/[month]
    partition: made 0/[month]
    partition: made 0/[month]
    partition: made 0/[month]
    $ crypt-keeper setup
    Everything was there already.
    $ crypt-keeper setup --json
    {"dry_run":false,"master_key":null,"migrations":[{"database":"metadata database","applied":[]},{"database":"key store","applied":[]}],"bucket":null,"bucket_rules":null,"key_pair":null,"partitions":[]}
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    "#);
    for file in ["master.key", "metadata.db", "keys.db"] {
        assert_eq!(mode(&desk.data(file)), 0o600, "{file}");
    }
}

#[test]
fn setup_says_the_same_in_json() {
    let desk = Desk::bare();
    let done = desk.run(&["setup", "--json"]).json().remove(0);
    assert!(
        done["master_key"].as_str().unwrap().ends_with("master.key"),
        "{done}"
    );
    assert!(done["key_pair"].is_string(), "{done}");
    assert_eq!(done["bucket"], serde_json::Value::Null);
    for database in done["migrations"].as_array().unwrap() {
        assert_ne!(database["applied"].as_array().unwrap().len(), 0, "{done}");
    }
    let again = desk.run(&["setup", "--json"]).json().remove(0);
    assert_eq!(again["master_key"], serde_json::Value::Null);
    assert_eq!(again["key_pair"], serde_json::Value::Null);
}

/// Every file, and what is in it.
fn files(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
            into.insert(path, Vec::new());
        } else {
            let bytes = std::fs::read(&path).unwrap();
            into.insert(path, bytes);
        }
    }
}

#[test]
fn a_dry_run_says_what_setup_would_do_and_does_nothing() {
    let desk = Desk::bare();
    let snapshot = || {
        let mut found = BTreeMap::new();
        files(&desk.path(""), &mut found);
        found
    };
    assert_snapshot!(desk.type_in(&["setup --dry-run", "setup --dry-run --json"]), @r#"
    $ crypt-keeper setup --dry-run
    master key: would make ./crypt-keeper-data/master.key
    data folder: would make ./crypt-keeper-data/metadata.db
    data folder: would make ./crypt-keeper-data/keys.db
    data folder: would make ./crypt-keeper-data/blobs
    key pair: would make one by CK-HPKE-XWING
    partition: would make 0/[month]
    partition: would make 0/[month]
    partition: would make 0/[month]
    partition: would make 0/[month]
    $ crypt-keeper setup --dry-run --json
    {"dry_run":true,"would_make":["./crypt-keeper-data/metadata.db","./crypt-keeper-data/keys.db","./crypt-keeper-data/blobs"],"master_key":"./crypt-keeper-data/master.key","migrations":[],"bucket":null,"bucket_rules":null,"key_pair":"CK-HPKE-XWING","partitions":["0/[month]","0/[month]","0/[month]","0/[month]"]}
    "#);
    assert_eq!(snapshot(), BTreeMap::new());

    // Empty files are databases that were never opened.
    std::fs::create_dir(desk.path("crypt-keeper-data")).unwrap();
    for file in ["metadata.db", "keys.db"] {
        std::fs::write(desk.data(file), "").unwrap();
    }
    let would = desk.run(&["setup", "--dry-run", "--json"]).json().remove(0);
    assert_eq!(would["would_make"].as_array().unwrap().len(), 3, "{would}");
    for file in ["metadata.db", "keys.db"] {
        assert_eq!(std::fs::read(desk.data(file)).unwrap(), b"", "{file}");
        std::fs::remove_file(desk.data(file)).unwrap();
    }

    assert_eq!(desk.run(&["setup"]).code, 0);
    let before = snapshot();
    assert_snapshot!(desk.type_in(&["setup --dry-run", "setup --dry-run --json"]), @r#"
    $ crypt-keeper setup --dry-run
    Everything is there already.
    $ crypt-keeper setup --dry-run --json
    {"dry_run":true,"master_key":null,"migrations":[{"database":"metadata database","applied":[]},{"database":"key store","applied":[]}],"bucket":null,"bucket_rules":null,"key_pair":null,"partitions":[]}
    "#);
    assert_eq!(snapshot(), before);
}

#[test]
fn a_service_starts_from_what_setup_made() {
    let mut desk = Desk::set_up().with("CRYPT_KEEPER__JOBS__ENABLED", "false");
    let pairs = desk.run(&["keys", "list", "--json"]).stdout;
    let _service = desk.serve();
    assert_eq!(desk.run(&["keys", "list", "--json"]).stdout, pairs);
    assert_eq!(
        desk.run(&["user", "list", "--json"]).json().len(),
        1,
        "the first user"
    );
    assert!(desk.data("ckc.toml").exists());
}

#[test]
fn setup_never_makes_a_second_master_key() {
    let desk = Desk::set_up();
    // A first start that is over: the service has made the first user.
    std::fs::remove_file(desk.data(".first-start")).unwrap();
    std::fs::remove_file(desk.data("master.key")).unwrap();
    assert_snapshot!(desk.type_in(&["setup"]), @"
    $ crypt-keeper setup
    | crypt-keeper: the master key ./crypt-keeper-data/master.key is gone, and nothing else opens the key store: put it back from your copy
    exit code 1
    ");
    assert!(!desk.data("master.key").exists());
}

#[test]
fn only_the_embedded_default_is_given_a_master_key() {
    let mut desk = Desk::bare();
    desk.set("CRYPT_KEEPER__BLOBS__BACKEND", "s3");
    desk.set("CRYPT_KEEPER__BLOBS__S3__BUCKET", "documents");
    assert_snapshot!(desk.type_in(&["setup"]), @r#"
    $ crypt-keeper setup
    | crypt-keeper: there is no master key: make one with `crypt-keeper master-key new FILE`, keep a copy apart from the database's backups, and set `keys.master_key_file` = "FILE"
    exit code 2
    "#);
    assert!(!desk.path("crypt-keeper-data").exists());
}

#[test]
fn migrations_are_shown_before_they_are_applied() {
    let desk = Desk::bare();
    std::fs::create_dir(desk.path("crypt-keeper-data")).unwrap();
    // An empty file is an empty database.
    std::fs::write(desk.data("metadata.db"), "").unwrap();
    assert_snapshot!(desk.type_in(&[
        "user list",
        "migrate --dry-run",
        "migrate --dry-run --json",
        "migrate",
        "migrate",
        "migrate --dry-run",
        "user list",
    ]), @r#"
    $ crypt-keeper user list
    | crypt-keeper: the metadata database lacks the migrations [migration metadata], [migration key_exposed], [migration ingest_functions], [migration audit_master_key], [migration expiry], [migration first_ranges], [migration first_ranges_checked], [migration time_partitions], [migration holds], [migration user_retention]: run `crypt-keeper migrate`, or set `metadata.migrate_on_start = true`
    exit code 1
    $ crypt-keeper migrate --dry-run
    metadata database: pending [migration metadata]
    metadata database: pending [migration key_exposed]
    metadata database: pending [migration ingest_functions]
    metadata database: pending [migration audit_master_key]
    metadata database: pending [migration expiry]
    metadata database: pending [migration first_ranges]
    metadata database: pending [migration first_ranges_checked]
    metadata database: pending [migration time_partitions]
    metadata database: pending [migration holds]
    metadata database: pending [migration user_retention]
    key store: pending [migration private_keys]
    $ crypt-keeper migrate --dry-run --json
    {"database":"metadata database","pending":["[migration metadata]","[migration key_exposed]","[migration ingest_functions]","[migration audit_master_key]","[migration expiry]","[migration first_ranges]","[migration first_ranges_checked]","[migration time_partitions]","[migration holds]","[migration user_retention]"]}
    {"database":"key store","pending":["[migration private_keys]"]}
    $ crypt-keeper migrate
    metadata database: applied [migration metadata]
    metadata database: applied [migration key_exposed]
    metadata database: applied [migration ingest_functions]
    metadata database: applied [migration audit_master_key]
    metadata database: applied [migration expiry]
    metadata database: applied [migration first_ranges]
    metadata database: applied [migration first_ranges_checked]
    metadata database: applied [migration time_partitions]
    metadata database: applied [migration holds]
    metadata database: applied [migration user_retention]
    key store: applied [migration private_keys]
    $ crypt-keeper migrate
    metadata database: up to date
    key store: up to date
    $ crypt-keeper migrate --dry-run
    metadata database: up to date
    key store: up to date
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    "#);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let desk = Desk::set_up();
    desk.make_newer();
    assert_snapshot!(desk.type_in(&["migrate", "migrate --dry-run", "user list"]), @r"
    $ crypt-keeper migrate
    | crypt-keeper: cannot open the metadata database: the database is newer than this program: it has migration 99991231000000, which this program does not know. Run the version that migrated it, or a later one
    exit code 1
    $ crypt-keeper migrate --dry-run
    | crypt-keeper: cannot open the metadata database: the database is newer than this program: it has migration 99991231000000, which this program does not know. Run the version that migrated it, or a later one
    exit code 1
    $ crypt-keeper user list
    | crypt-keeper: cannot open the metadata database: the database is newer than this program: it has migration 99991231000000, which this program does not know. Run the version that migrated it, or a later one
    exit code 1
    ");
}
