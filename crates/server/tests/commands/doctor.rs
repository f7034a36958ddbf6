//! `doctor`: every finding, provoked once.

use insta::assert_snapshot;
use serde_json::Value;

use crate::desk::Desk;

/// The findings of a check, as level and text; the exit code is checked against them.
fn findings(desk: &Desk, check: &str) -> Vec<(String, String)> {
    let ran = desk.run(&["doctor", "--json"]);
    let report = ran.json().remove(0);
    let all = report["findings"].as_array().unwrap();
    let has_error = all.iter().any(|one| one["level"] == "error");
    assert_eq!(ran.code, i32::from(has_error), "{report}");
    for finding in all {
        // What is not well comes with what to do.
        assert_eq!(
            finding["level"] == "ok",
            finding["fix"] == Value::Null,
            "{finding}"
        );
    }
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter()
        .filter(|finding| finding["check"] == check)
        .map(|finding| (text(&finding["level"]), text(&finding["message"])))
        .collect()
}

fn finding(desk: &Desk, check: &str) -> (String, String) {
    let mut found = findings(desk, check);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_service_that_runs_is_well_but_for_what_the_embedded_default_is() {
    let mut desk = Desk::set_up();
    let service = desk.serve();
    let transcript = desk
        .type_in(&["doctor"])
        .replace(&service.address.to_string(), "[address]");
    assert_snapshot!(transcript, @"
    $ crypt-keeper doctor
    ok  listen  plain HTTP on [address], this machine only
    warning  embedded default  master key, key store, database and objects lie together in ./crypt-keeper-data: fit for trying out, but whoever copies the folder has all
      fix: for documents that matter, make a master key elsewhere (`crypt-keeper master-key new FILE`), and see docs/deployment.md
    ok  master key  there is a master key
    warning  key backups  nobody has declared how long backups of the key store are kept: when a key pair that was destroyed is beyond recall cannot be said
      fix: set `keys.backup_retention` to the age of the oldest one that is kept, such as 35d
    ok  database  the metadata database answers, and its tables are this version's
    ok  key store  the key store answers, and its tables are this version's
    ok  database clock  the database's clock shows this machine's time
    ok  key pairs  the master key opens all private halves (4)
    ok  active key pair  key pair [serial] wraps for scope partition:0:[month]
    ok  objects  the object store answers
    ok  presigned urls  an object went to the store and came back by presigned URLs, and was deleted
    | 11 looked at: 2 with a warning, 0 with an error.
    ");
    // The object that was tried with is gone.
    let left: Vec<_> = walk(&desk.data("blobs"));
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn before_the_first_start_it_says_what_to_run() {
    let desk = Desk::bare();
    assert_snapshot!(desk.type_in(&["doctor"]), @r"
    $ crypt-keeper doctor
    ok  listen  plain HTTP on 127.0.0.1:8080, this machine only
    error  database  there is no database ./crypt-keeper-data/metadata.db: start the service once, or run `crypt-keeper setup`; `--data-dir` says where it is
      fix: run `crypt-keeper setup`; if it was run, is the database up, and its URL or folder right (`crypt-keeper config check`)?
    | 2 looked at: 0 with a warning, 1 with an error.
    exit code 1
    ");
    assert!(!desk.path("crypt-keeper-data").exists());
}

#[test]
fn without_a_service_no_url_can_be_tried() {
    let mut desk = Desk::set_up();
    drop(desk.serve());
    let (level, message) = finding(&desk, "presigned urls");
    assert_eq!(level, "warning");
    assert!(
        message.starts_with("no service answers at http://127.0.0.1:"),
        "{message}"
    );
    assert!(
        !message.contains("signature"),
        "a URL's query is a permission: {message}"
    );
    assert_eq!(finding(&desk, "objects").0, "ok");
}

#[test]
fn another_service_at_the_public_url_is_found_out() {
    let mut desk = Desk::set_up();
    let mut other = Desk::set_up();
    let other_service = other.serve();
    let url = format!("http://{}", other_service.address);
    desk.set("CRYPT_KEEPER__HTTP__PUBLIC_URL", url);
    let (level, message) = finding(&desk, "presigned urls");
    assert_eq!(level, "error");
    assert!(message.contains("403 Forbidden"), "{message}");
    assert!(!message.contains("signature="), "{message}");
}

#[test]
fn a_wrong_master_key_is_named() {
    let desk = Desk::set_up();
    let path = desk.data("master.key");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        desk.run(&["master-key", "new", path.to_str().unwrap()])
            .code,
        0
    );
    let (level, message) = finding(&desk, "key pairs");
    assert_eq!(level, "error");
    assert!(message.contains("does not open"), "{message}");
}

#[test]
fn a_master_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::set_up();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(desk.data("master.key"), open).unwrap();
    let (level, message) = finding(&desk, "master key");
    assert_eq!(level, "error");
    assert!(message.contains("chmod 600"), "{message}");
}

#[test]
fn a_folder_of_objects_that_cannot_be_used_is_found() {
    let desk = Desk::set_up();
    std::fs::remove_dir_all(desk.data("blobs")).unwrap();
    std::fs::write(desk.data("blobs"), "no folder").unwrap();
    assert_eq!(finding(&desk, "objects").0, "error");
}

#[test]
fn a_database_of_another_version_is_found() {
    let desk = Desk::set_up();
    desk.make_newer();
    let (level, message) = finding(&desk, "database");
    assert_eq!(level, "error");
    assert!(
        message.contains("newer than this crypt-keeper"),
        "{message}"
    );
    assert!(
        findings(&desk, "active key pair").is_empty(),
        "unknown tables are not read"
    );

    let desk = Desk::set_up();
    std::fs::write(desk.data("metadata.db"), "").unwrap();
    let (level, message) = finding(&desk, "database");
    assert_eq!(level, "error");
    assert!(message.contains("lacks the migrations"), "{message}");
}

#[test]
fn a_file_that_is_no_database_is_found() {
    let desk = Desk::set_up();
    std::fs::write(desk.data("metadata.db"), "x".repeat(8192)).unwrap();
    let (level, _) = finding(&desk, "database");
    assert_eq!(level, "error");
}

#[test]
fn a_key_store_that_was_lost_is_found() {
    let desk = Desk::set_up();
    std::fs::remove_file(desk.data("keys.db")).unwrap();
    assert_eq!(finding(&desk, "key store").0, "error");
    assert_eq!(desk.run(&["migrate"]).code, 0);
    let (level, message) = finding(&desk, "key pairs");
    assert_eq!(level, "error");
    assert!(
        message.contains("restore the key store from its backup"),
        "{message}"
    );
}

#[test]
fn no_active_pair_is_found() {
    let desk = Desk::bare();
    let setup = desk.run(&["setup"]);
    assert_eq!(setup.code, 0);
    std::fs::write(desk.data("metadata.db"), "").unwrap();
    assert_eq!(desk.run(&["migrate"]).code, 0);
    let (level, message) = finding(&desk, "active key pair");
    assert_eq!(level, "warning");
    assert!(
        message.ends_with(" yet: the first upload makes it"),
        "{message}"
    );
    let desk = desk.with("CRYPT_KEEPER__KEYS__SCOPE", "shared");
    assert_eq!(
        finding(&desk, "active key pair"),
        (
            "error".to_owned(),
            "there is no active key pair: uploads are refused".to_owned()
        )
    );
}

#[test]
fn keys_that_travel_in_clear_are_found() {
    let desk = Desk::set_up()
        .with("CRYPT_KEEPER__HTTP__LISTEN", "0.0.0.0:1")
        .with("CRYPT_KEEPER__HTTP__ALLOW_PLAIN", "true")
        .with("CRYPT_KEEPER__HTTP__PUBLIC_URL", "http://documents.invalid");
    assert_eq!(finding(&desk, "listen").0, "warning");
    assert_eq!(finding(&desk, "public url").0, "warning");
}

#[test]
fn a_certificate_that_cannot_be_used_is_found() {
    let desk = Desk::set_up();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(desk.path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(desk.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(desk.path("other.pem"), other.signing_key.serialize_pem()).unwrap();
    let desk = desk
        .with("CRYPT_KEEPER__HTTP__TLS__CERT_FILE", "cert.pem")
        .with("CRYPT_KEEPER__HTTP__TLS__KEY_FILE", "key.pem");
    assert_eq!(finding(&desk, "listen").0, "ok");
    let desk = desk.with("CRYPT_KEEPER__HTTP__TLS__KEY_FILE", "other.pem");
    assert_eq!(finding(&desk, "listen").0, "error");
    let desk = desk.with("CRYPT_KEEPER__HTTP__TLS__KEY_FILE", "missing.pem");
    let (level, message) = finding(&desk, "listen");
    assert_eq!(level, "error");
    assert!(message.contains("missing.pem"), "{message}");
}
