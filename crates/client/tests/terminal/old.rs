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
    assert_snapshot!(alice.types("upload F"), @r#"
    $ ckc upload F
    Document ID: 0190a3c4-7c1e-7000-8a3b-000000000001
    "#);
    assert_snapshot!(alice.types(&format!("download -f NAME {ID}")), @r#"
    $ ckc download -f NAME 0190a3c4-7c1e-7000-8a3b-000000000001
    Successful downloaded file NAME.
    "#);
    assert_snapshot!(alice.types(&format!("share {ID}")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001
    Users ['alice'] have access to 0190a3c4-7c1e-7000-8a3b-000000000001.
    "#);
    assert_snapshot!(alice.types(&format!("share -a bob {ID}")), @r#"
    $ ckc share -a bob 0190a3c4-7c1e-7000-8a3b-000000000001
    Successfully added bob to 0190a3c4-7c1e-7000-8a3b-000000000001.
    "#);
    assert_snapshot!(alice.types(&format!("share {ID}")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001
    Users ['alice', 'bob'] have access to 0190a3c4-7c1e-7000-8a3b-000000000001.
    "#);
    assert_snapshot!(alice.types("--url http://localhost:1 write-config"), @r#"
    $ ckc --url http://localhost:1 write-config
    Successfully wrote config to file: ~/.ckc_config.json
    "#);
    assert_eq!(alice.read("NAME"), b"attack at dawn");
}

#[test]
fn every_row_of_the_old_json() {
    let service = Service::start();
    let alice = of_2017(&service);
    alice.write("F", "attack at dawn");
    assert_snapshot!(alice.types("-j upload F"), @r#"
    $ ckc -j upload F
    {"documentId": "0190a3c4-7c1e-7000-8a3b-000000000001"}
    "#);
    assert_snapshot!(alice.types(&format!("-j download -f NAME {ID}")), @r#"
    $ ckc -j download -f NAME 0190a3c4-7c1e-7000-8a3b-000000000001
    {"downloaded": true}
    "#);
    assert_snapshot!(alice.types(&format!("-j share -a bob {ID}")), @r#"
    $ ckc -j share -a bob 0190a3c4-7c1e-7000-8a3b-000000000001
    {"resource_url": "/api/v1/secure_document_service/share/0190a3c4-7c1e-7000-8a3b-000000000001/"}
    "#);
    assert_snapshot!(alice.types(&format!("-j share {ID}")), @r#"
    $ ckc -j share 0190a3c4-7c1e-7000-8a3b-000000000001
    {"document_id": "0190a3c4-7c1e-7000-8a3b-000000000001", "users": ["alice", "bob"]}
    "#);
    assert_snapshot!(alice.types("-j --url http://localhost:1 write-config"), @r#"
    $ ckc -j --url http://localhost:1 write-config
    {"success": true, "filename": "~/.ckc_config.json"}
    "#);
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
    assert_snapshot!(transcript("upload F"), @r#"
    $ ckc GLOBALS upload F
    Document ID: 0190a3c4-7c1e-7000-8a3b-000000000001
    ! warning: the API key is on the command line, where other users of this machine can see it: use `ckc login` or CKC_API_KEY
    "#);
    assert_snapshot!(transcript(&format!("share {ID}")), @r#"
    $ ckc GLOBALS share 0190a3c4-7c1e-7000-8a3b-000000000001
    Users ['alice'] have access to 0190a3c4-7c1e-7000-8a3b-000000000001.
    ! warning: the API key is on the command line, where other users of this machine can see it: use `ckc login` or CKC_API_KEY
    "#);
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
    assert_snapshot!(present.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: this document is encrypted as AES|CBC, which does not show alterations
    !   hint: say --legacy (or legacy = true in the profile) to read it all the same: nothing then proves that it is what was uploaded
    exit 2
    "#);
    assert_eq!(present.files(), [""; 0]);
    assert_snapshot!(present.types(&format!("download {id} --legacy")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 --legacy
    Downloaded old.txt, 14 bytes.
    ! warning: this document is AES|CBC: nothing proves that it is what was uploaded
    "#);
    assert_eq!(present.read("old.txt"), b"attack at dusk");
    assert_snapshot!(of_2017(&service).types(&format!("download -f NAME {id}")), @r#"
    $ ckc download -f NAME 0190a3c4-7c1e-7000-8a3b-000000000001
    Successful downloaded file NAME.
    ! warning: this document is AES|CBC: nothing proves that it is what was uploaded
    "#);
    // Whatever the verb's flags: the settings come from the old file.
    assert_snapshot!(of_2017(&service).types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    Successful downloaded file old.txt.
    ! warning: this document is AES|CBC: nothing proves that it is what was uploaded
    "#);
}

#[test]
fn objects_of_2017_that_are_longer_than_their_document_are_cut_and_shorter_ones_refused() {
    let service = Service::start();
    let id = service.plant("old.txt", "AES|CBC", b"attack at dusk");
    let present = Session::alice(&service);
    service.with(|state| {
        let object = state.objects.get_mut(&id).unwrap();
        let last = object[object.len() - 16..].to_vec();
        object.extend(last);
    });
    assert_snapshot!(present.types(&format!("download {id} --legacy")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 --legacy
    Downloaded old.txt, 14 bytes.
    ! warning: this document is AES|CBC: nothing proves that it is what was uploaded
    "#);
    assert_eq!(present.read("old.txt"), b"attack at dusk");
    service.with(|state| state.objects.get_mut(&id).unwrap().truncate(16));
    assert_snapshot!(present.types(&format!("download {id} --legacy --force")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 --legacy --force
    ! error: the document was altered or is incomplete: it has 16 bytes instead of 32
    !   hint: nothing was kept; download it again, and if it fails again, ask the owner for a new upload
    exit 5
    "#);
    assert_eq!(present.read("old.txt"), b"attack at dusk");
}

#[test]
fn a_folder_and_a_name_as_the_old_command_joined_them() {
    let service = Service::start();
    let alice = of_2017(&service);
    let id = service.plant("../stored.txt", "AES256_GCM_HKDF_1MB", b"new");
    fs::create_dir(alice.folder().join("DIR")).unwrap();
    alice.write("DIR/NAME", "old");
    // A file that was named is replaced, as ever; one that only the stored name names is not.
    assert_snapshot!(alice.types(&format!("download -f NAME -p DIR {id}")), @r#"
    $ ckc download -f NAME -p DIR 0190a3c4-7c1e-7000-8a3b-000000000001
    Successful downloaded file NAME.
    "#);
    assert_eq!(alice.read("DIR/NAME"), b"new");
    assert_snapshot!(alice.types(&format!("download -p DIR {id}")), @r#"
    $ ckc download -p DIR 0190a3c4-7c1e-7000-8a3b-000000000001
    Successful downloaded file DIR/stored.txt.
    "#);
    assert_snapshot!(alice.types(&format!("download -p DIR {id}")), @r#"
    $ ckc download -p DIR 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: DIR/stored.txt exists already
    !   hint: say --force to replace it, or -o NAME to choose another name
    exit 2
    "#);
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
    assert_snapshot!(alice.types("upload absent"), @r#"
    $ ckc upload absent
    ! error: cannot read absent
    !   because: No such file or directory (os error 2)
    exit 2
    "#);
    assert_snapshot!(alice.types(&format!("share {ID}")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-400
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    assert_snapshot!(alice.types(&format!("-j download -f G {ID}")), @r#"
    $ ckc -j download -f G 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-404
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    assert_snapshot!(alice.types("-a wrong upload F"), @r#"
    $ ckc -a wrong upload F
    ! warning: the API key is on the command line, where other users of this machine can see it: use `ckc login` or CKC_API_KEY
    ! error: the service refused: the user name or the API key is wrong
    !   request id: req-401
    !   hint: check both; `ckc login` asks for them and tries them; the service's operator makes new keys
    exit 3
    "#);
    service.fault("PUT", Fault::Close);
    assert_snapshot!(alice.types("-d --retries 0 upload F").replace(&service.url, "http://service"), @r#"
    $ ckc -d --retries 0 upload F
    ! DEBUG http://service/api/v1/secure_document_service/upload_url/ status=201
    ! error: the connection broke (http://service/objects/0190a3c4-7c1e-7000-8a3b-000000000001)
    !   because: connection closed before message completed
    !   hint: run the command again; --timeout SECONDS waits longer, --retries N tries more often
    exit 6
    "#);
    assert_snapshot!(Session::stranger(&service).types("write-config"), @r#"
    $ ckc write-config
    ! error: no address of the service was given
    !   hint: run `ckc login` once, or give --url or CKC_URL
    exit 2
    "#);
}

#[test]
fn write_config_keeps_what_it_is_not_told() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    let path = alice.home().join(".ckc_config.json");
    let written = || fs::read_to_string(&path).unwrap();
    alice.run(&["-u", "alice", "-a", "ck_1", "write-config"]);
    assert_eq!(written(), r#"{"user":"alice","api_key":"ck_1"}"#);
    alice.run(&["--url", "http://h", "-u", "bob", "write-config"]);
    assert_eq!(
        written(),
        r#"{"url":"http://h","user":"bob","api_key":"ck_1"}"#
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
    assert_snapshot!(alice.types("upload F"), @r#"
    $ ckc upload F
    Document ID: 0190a3c4-7c1e-7000-8a3b-000000000001
    ! warning: ~/.ckc_config.json holds an API key and others may read it (mode 0644): chmod 600 ~/.ckc_config.json
    "#);
}
