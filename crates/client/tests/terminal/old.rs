//! The command line of 2017, its words, its file.

use crate::support::{ALICE_KEY, Fault, Service, Session};
use insta::assert_snapshot;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const ID: &str = "0190a3c4-7c1e-7000-8a3b-000000000001";

/// Somebody who uses `ckc` as in 2017: everything is in `~/.ckc_config.json`.
fn of_2017(service: &Service) -> Session {
    let session = Session::stranger(service);
    // The address held the path of the API then.
    let url = format!("{}/api/v1/secure_document_service", service.url);
    let text = format!(r#"{{"url": "{url}", "user": "alice", "api_key": "{ALICE_KEY}"}}"#);
    let path = session.home().join(".ckc_config.json");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    session
}

#[test]
fn every_row_of_the_old_words() {
    let service = Service::start();
    let alice = of_2017(&service);
    alice.write("F", "attack at dawn");
    assert_snapshot!(alice.types("upload F"), @"");
    assert_snapshot!(alice.types(&format!("download -f NAME {ID}")), @"");
    assert_snapshot!(alice.types(&format!("share {ID}")), @"");
    assert_snapshot!(alice.types(&format!("share -a bob {ID}")), @"");
    assert_snapshot!(alice.types(&format!("share {ID}")), @"");
    assert_snapshot!(alice.types("--url http://localhost:1 write-config"), @"");
    assert_eq!(alice.read("NAME"), b"attack at dawn");
}

#[test]
fn every_row_of_the_old_json() {
    let service = Service::start();
    let alice = of_2017(&service);
    alice.write("F", "attack at dawn");
    assert_snapshot!(alice.types("-j upload F"), @"");
    assert_snapshot!(alice.types(&format!("-j download -f NAME {ID}")), @"");
    assert_snapshot!(alice.types(&format!("-j share -a bob {ID}")), @"");
    assert_snapshot!(alice.types(&format!("-j share {ID}")), @"");
    assert_snapshot!(alice.types("-j --url http://localhost:1 write-config"), @"");
}

#[test]
fn the_old_pipes_work() {
    let service = Service::start();
    let alice = of_2017(&service);
    alice.write("F", "attack at dawn");
    let printed = alice.run(&["-j", "upload", "F"]).stdout;
    let down = alice.run_with_input(&["-j", "download", "-f", "G", "-"], &printed);
    assert_eq!(
        String::from_utf8_lossy(&down.stdout),
        "{\"downloaded\": true}\n"
    );
    assert_eq!(alice.read("G"), b"attack at dawn");
    let shared = alice.run_with_input(&["-j", "share", "-a", "bob", "-"], &printed);
    assert_eq!(
        String::from_utf8_lossy(&shared.stdout),
        format!("{{\"resource_url\": \"/api/v1/secure_document_service/share/{ID}/\"}}\n")
    );
}

#[test]
fn the_old_flags_need_no_file_and_a_typed_key_is_warned_about_once() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    alice.write("F", "x");
    let globals = format!(
        "-u alice --url {} -a {ALICE_KEY} -c text/x-old",
        service.url
    );
    let transcript = |line: &str| {
        alice
            .types(&format!("{globals} {line}"))
            .replace(&globals.replace(&service.url, "http://service"), "GLOBALS")
    };
    assert_snapshot!(transcript("upload F"), @"");
    assert_snapshot!(transcript(&format!("share {ID}")), @"");
    let metadata = service.with(|state| state.documents[ID].metadata.clone());
    assert_eq!(metadata["content_type"], "text/x-old");
    // New uploads are of the present format, whoever asks.
    assert_eq!(metadata["encryption_type"], "AES256_GCM_HKDF_1MB");
}

#[test]
fn documents_of_2017_are_read_by_its_command_line_and_when_told() {
    let service = Service::start();
    let id = service.plant("old.txt", "AES|CBC", b"attack at dusk");
    let present = Session::alice(&service);
    assert_snapshot!(present.types(&format!("download {id}")), @"");
    assert_eq!(present.files(), [""; 0]);
    assert_snapshot!(present.types(&format!("download {id} --legacy")), @"");
    assert_eq!(present.read("old.txt"), b"attack at dusk");
    assert_snapshot!(of_2017(&service).types(&format!("download -f NAME {id}")), @"");
    // Whatever the verb's flags: the settings come from the old file.
    assert_snapshot!(of_2017(&service).types(&format!("download {id}")), @"");
}

#[test]
fn a_folder_and_a_name_as_the_old_command_joined_them() {
    let service = Service::start();
    let alice = of_2017(&service);
    let id = service.plant("../stored.txt", "AES256_GCM_HKDF_1MB", b"new");
    fs::create_dir(alice.folder().join("DIR")).unwrap();
    alice.write("DIR/NAME", "old");
    // A file that was named is replaced, as ever; one that only the stored name names is not.
    assert_snapshot!(alice.types(&format!("download -f NAME -p DIR {id}")), @"");
    assert_eq!(alice.read("DIR/NAME"), b"new");
    assert_snapshot!(alice.types(&format!("download -p DIR {id}")), @"");
    assert_snapshot!(alice.types(&format!("download -p DIR {id}")), @"");
    let absolute = alice.home().join("elsewhere");
    alice.run(&[
        "download",
        "-p",
        "DIR",
        "-f",
        absolute.to_str().unwrap(),
        &id,
    ]);
    assert_eq!(fs::read(absolute).unwrap(), b"new");
}

#[test]
fn a_failure_prints_nothing_on_stdout_and_has_its_exit_code() {
    let service = Service::start();
    let alice = of_2017(&service);
    alice.write("F", "x");
    assert_snapshot!(alice.types("upload absent"), @"");
    assert_snapshot!(alice.types(&format!("share {ID}")), @"");
    assert_snapshot!(alice.types(&format!("-j download -f G {ID}")), @"");
    assert_snapshot!(alice.types("-a wrong upload F"), @"");
    service.fault("PUT", Fault::Close);
    assert_snapshot!(alice.types("-d --retries 0 upload F").replace(&service.url, "http://service"), @"");
    assert_snapshot!(Session::stranger(&service).types("write-config"), @"");
}

#[test]
fn write_config_keeps_what_it_is_not_told() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    let path = alice.home().join(".ckc_config.json");
    let written = || fs::read_to_string(&path).unwrap();
    alice.run(&["-u", "alice", "-a", "ck_1", "write-config"]);
    assert_eq!(written(), r#"{"api_key":"ck_1","user":"alice"}"#);
    alice.run(&["--url", "http://h", "-u", "bob", "write-config"]);
    assert_eq!(
        written(),
        r#"{"api_key":"ck_1","url":"http://h","user":"bob"}"#
    );
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_wide_old_file_is_warned_about_and_used() {
    let service = Service::start();
    let alice = of_2017(&service);
    let path = alice.home().join(".ckc_config.json");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    alice.write("F", "x");
    assert_snapshot!(alice.types("upload F"), @"");
}
