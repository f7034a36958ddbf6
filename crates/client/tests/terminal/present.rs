//! The present command line, when all goes well.

use crate::support::{Service, Session};
use insta::assert_snapshot;
use serde_json::json;
use std::fs;

const ID: &str = "0190a3c4-7c1e-7000-8a3b-000000000001";

#[test]
fn a_document_goes_up_is_shared_and_comes_down() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("report.pdf", "attack at dawn");
    assert_snapshot!(alice.types("upload report.pdf"), @r#"
    $ ckc upload report.pdf
    Document ID: 0190a3c4-7c1e-7000-8a3b-000000000001
    ! Uploaded report.pdf, 14 bytes, encrypted. What comes next:
    !   ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    !   ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 USER
    "#);
    assert_snapshot!(alice.types(&format!("share {ID} bob")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 bob
    Shared 0190a3c4-7c1e-7000-8a3b-000000000001 with bob.
    "#);
    assert_snapshot!(alice.types(&format!("shares {ID}")), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-000000000001
    alice
    bob
    "#);
    assert_snapshot!(alice.types(&format!("download {ID} -o copy.pdf")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o copy.pdf
    Downloaded copy.pdf, 14 bytes.
    "#);
    assert_eq!(alice.read("copy.pdf"), b"attack at dawn");

    let bob = Session::bob(&service);
    assert_snapshot!(bob.types(&format!("download {ID}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    Downloaded report.pdf, 14 bytes.
    "#);
    assert_eq!(bob.read("report.pdf"), b"attack at dawn");
    assert_eq!(bob.files(), ["report.pdf"]);
    // What came by the wire was announced as it is and encrypted as the format says.
    assert_eq!(service.content(ID), b"attack at dawn");
    let announced = json!({
        "name": "report.pdf", "content_length": 14, "content_type": "application/pdf",
        "compressed": false, "encryption_type": "AES256_GCM_HKDF_1MB",
    });
    assert_eq!(
        service.with(|state| state.documents[ID].metadata.clone()),
        announced
    );
}

#[test]
fn quiet_prints_the_bare_result() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("-q upload a.txt"), @r#"
    $ ckc -q upload a.txt
    0190a3c4-7c1e-7000-8a3b-000000000001
    "#);
    assert_snapshot!(alice.types(&format!("share -q {ID} bob")), @r#"
    $ ckc share -q 0190a3c4-7c1e-7000-8a3b-000000000001 bob
    0190a3c4-7c1e-7000-8a3b-000000000001
    "#);
    assert_snapshot!(alice.types(&format!("download {ID} -qo b.txt")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -qo b.txt
    b.txt
    "#);
}

#[test]
fn json_is_for_scripts() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --json"), @r#"
    $ ckc upload a.txt --json
    {"document_id":"0190a3c4-7c1e-7000-8a3b-000000000001","name":"a.txt","content_length":1,"content_type":"text/plain","encryption_type":"AES256_GCM_HKDF_1MB"}
    "#);
    assert_snapshot!(alice.types(&format!("share {ID} bob --json")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 bob --json
    {"document_id":"0190a3c4-7c1e-7000-8a3b-000000000001","shared_with":["bob"]}
    "#);
    assert_snapshot!(alice.types(&format!("shares {ID} --json")), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-000000000001 --json
    {"document_id":"0190a3c4-7c1e-7000-8a3b-000000000001","users":["alice","bob"]}
    "#);
    assert_snapshot!(alice.types(&format!("download {ID} -o b.txt --json")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o b.txt --json
    {"document_id":"0190a3c4-7c1e-7000-8a3b-000000000001","path":"b.txt","name":"a.txt","content_length":1,"content_type":"text/plain","encryption_type":"AES256_GCM_HKDF_1MB"}
    "#);
}

#[test]
fn a_stream_goes_up_and_comes_down() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let content = (0..3_000_000_u32)
        .map(|i| (i % 251) as u8)
        .collect::<Vec<_>>();
    let up = alice.run_with_input(&["-q", "upload", "--name", "folder.tar.gz", "-"], &content);
    assert_eq!(String::from_utf8_lossy(&up.stdout).trim_end(), ID);
    assert!(service.content(ID) == content);
    let metadata = service.with(|state| state.documents[ID].metadata.clone());
    assert_eq!(
        (&metadata["name"], &metadata["content_length"]),
        (&"folder.tar.gz".into(), &3_000_000.into())
    );
    let down = alice.run(&["download", ID, "-o", "-"]);
    assert!(down.stdout == content && down.stderr.is_empty() && down.status.success());
    // Not even the spool is left.
    assert_eq!(std::fs::read_dir(alice.home()).unwrap().count(), 1);
}

#[test]
fn what_upload_printed_can_be_piped_on() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    for flags in [
        &["upload", "a.txt"][..],
        &["-q", "upload", "a.txt"],
        &["--json", "upload", "a.txt"],
    ] {
        let printed = alice.run(flags).stdout;
        let shared = alice.run_with_input(&["share", "-", "bob"], &printed);
        assert!(
            shared.status.success(),
            "{}",
            String::from_utf8_lossy(&printed)
        );
    }
}

#[test]
fn content_type_name_and_cipher_are_as_told() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    alice.run(&["upload", "a.txt", "-c", "text/x-mine", "--name", "b/ü.bin"]);
    alice.run(&["upload", "a.txt"]);
    let stored = |nth: usize, field: &str| {
        service.with(|s| s.documents.values().nth(nth).unwrap().metadata[field].clone())
    };
    assert_eq!(
        (stored(0, "content_type"), stored(0, "name")),
        ("text/x-mine".into(), "b/ü.bin".into())
    );
    assert_eq!(
        (stored(1, "content_type"), stored(1, "name")),
        ("text/plain".into(), "a.txt".into())
    );
    // AES|CBC is written only when told to.
    assert_snapshot!(alice.types("upload a.txt --cipher aes-cbc -q"), @r#"
    $ ckc upload a.txt --cipher aes-cbc -q
    0190a3c4-7c1e-7000-8a3b-000000000003
    ! warning: AES|CBC shows no alteration: whoever can write the object can change it
    "#);
}

#[test]
fn folders_and_a_trailing_slash_take_the_stored_name() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.txt", "AES256_GCM_HKDF_1MB", b"x");
    std::fs::create_dir(alice.folder().join("sub")).unwrap();
    assert_snapshot!(alice.types(&format!("download {id} -o sub")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o sub
    Downloaded sub/a.txt, 1 byte.
    "#);
    assert_snapshot!(alice.types(&format!("download {id} -o sub/ --force")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o sub/ --force
    Downloaded sub/a.txt, 1 byte.
    "#);
}

#[test]
fn login_tries_the_credentials_and_keeps_them() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    let login = "login --url SERVICE --user alice".replace("SERVICE", &service.url);
    assert_snapshot!(alice.types_with_input(&login, "wrong\n"), @r#"
    $ ckc login --url http://service --user alice
    ! error: the service refused: the user name or the API key is wrong
    !   request id: req-401
    !   hint: check both; `ckc login` asks for them and tries them; the service's operator makes new keys
    exit 3
    "#);
    assert_snapshot!(alice.types_with_input(&login, &format!("{}\n", crate::support::ALICE_KEY)), @r#"
    $ ckc login --url http://service --user alice
    Logged in to http://service as alice: profile default in ~/.config/crypt-keeper/ckc.toml.
    "#);
    assert_snapshot!(alice.types("shares 0190a3c4-7c1e-7000-8a3b-0000000000ff"), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-0000000000ff
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-0000000000ff
    !   request id: req-400
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    let profile = alice.home().join(".config/crypt-keeper/ckc.toml");
    let mode = std::os::unix::fs::PermissionsExt::mode(&profile.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    alice.write("key", crate::support::BOB_KEY);
    let login = "login --profile bob --url SERVICE --user bob --api-key-file key --json";
    assert_snapshot!(alice.types(&login.replace("SERVICE", &service.url)), @r#"
    $ ckc login --profile bob --url http://service --user bob --api-key-file key --json
    {"profile":"bob","path":"~/.config/crypt-keeper/ckc.toml","url":"http://service","user":"bob"}
    "#);
    let text = std::fs::read_to_string(profile).unwrap();
    assert_snapshot!(text.replace(&service.url, "http://service"), @r#"
    # Profiles of ckc. This file holds API keys: keep its mode at 0600.

    [profiles.default]
    url = "http://service"
    user = "alice"
    api_key = "ck_aaaaaaaaaaaa_alicealicealicealicealicealicealicealicealice"

    [profiles.bob]
    url = "http://service"
    user = "bob"
    api_key = "ck_bbbbbbbbbbbb_bobbobbobbobbobbobbobbobbobbobbobbobbobbobbobb"
    "#);
    let mine = service.plant("a.txt", "AES256_GCM_HKDF_1MB", b"x");
    assert_snapshot!(alice.types(&format!("shares {mine} --profile default")), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-000000000001 --profile default
    alice
    "#);
    assert_snapshot!(alice.types(&format!("shares {mine} --profile bob")), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-000000000001 --profile bob
    ! error: the service refused: the credentials are wrong, or this user does not own document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-401
    !   hint: `ckc login` tries the credentials; only the owner can share or see who has access
    exit 3
    "#);
}

#[test]
fn an_empty_variable_says_nothing() {
    let service = Service::start();
    let mut alice = Session::alice(&service);
    for variable in [
        "CKC_API_KEY_FILE",
        "CKC_PROFILE",
        "CKC_CONFIG",
        "CKC_CA_FILE",
        "CKC_ALLOW_PLAIN_HTTP",
        "CKC_QUIET",
        "CKC_JSON",
        "CKC_VERBOSE",
        "CKC_TIMEOUT",
        "CKC_RETRIES",
        "CKC_NAME",
        "CKC_CONTENT_TYPE",
        "CKC_CIPHER",
        "CKC_OUTPUT",
        "CKC_FORCE",
        "CKC_LEGACY",
    ] {
        alice = alice.with(variable, "");
    }
    alice.write("a.txt", "x");
    let uploaded = alice.run(&["upload", "a.txt"]);
    assert!(uploaded.status.success(), "{uploaded:?}");
    let id = String::from_utf8(uploaded.stdout).unwrap();
    let id = id.trim().strip_prefix("Document ID: ").unwrap();
    fs::remove_file(alice.folder().join("a.txt")).unwrap();
    let downloaded = alice.run(&["download", id]);
    assert!(downloaded.status.success(), "{downloaded:?}");
    assert_eq!(alice.read("a.txt"), b"x");
}

#[test]
fn a_profile_of_the_current_folder_is_used_only_when_named() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    let key = crate::support::ALICE_KEY;
    let text = format!(
        "[profiles.x]\nurl = \"{}\"\nuser = \"alice\"\napi_key = \"{key}\"\n",
        service.url
    );
    for name in ["ckc.toml", ".ckc_config.json"] {
        let path = alice.write(name, &text);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: no address of the service was given
    !   hint: run `ckc login` once, or give --url or CKC_URL
    exit 2
    "#);
    assert_snapshot!(alice.types("-q upload a.txt --config ckc.toml"), @r#"
    $ ckc -q upload a.txt --config ckc.toml
    0190a3c4-7c1e-7000-8a3b-000000000001
    "#);
}

#[test]
fn completions_and_manual_are_made_from_the_command_line_itself() {
    let service = Service::start();
    let anyone = Session::stranger(&service);
    for shell in ["bash", "zsh", "fish"] {
        let script = anyone.run(&["completions", shell]);
        let text = String::from_utf8(script.stdout).unwrap();
        assert!(script.status.success() && text.contains("download") && text.contains("aes-cbc"));
    }
    let page = String::from_utf8(anyone.run(&["man"]).stdout).unwrap();
    for part in [
        ".TH ckc 1",
        "CKC UPLOAD",
        "Exit codes",
        "Old command line",
        "CKC_URL",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
}
