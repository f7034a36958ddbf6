//! The present command line, when all goes well.

use crate::support::{Service, Session};
use insta::assert_snapshot;

const ID: &str = "0190a3c4-7c1e-7000-8a3b-000000000001";

#[test]
fn a_document_goes_up_is_shared_and_comes_down() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("report.pdf", "attack at dawn");
    assert_snapshot!(alice.types("upload report.pdf"), @"");
    assert_snapshot!(alice.types(&format!("share {ID} bob")), @"");
    assert_snapshot!(alice.types(&format!("shares {ID}")), @"");
    assert_snapshot!(alice.types(&format!("download {ID} -o copy.pdf")), @"");
    assert_eq!(alice.read("copy.pdf"), b"attack at dawn");

    let bob = Session::bob(&service);
    assert_snapshot!(bob.types(&format!("download {ID}")), @"");
    assert_eq!(bob.read("report.pdf"), b"attack at dawn");
    assert_eq!(bob.files(), ["report.pdf"]);
    // What came by the wire was announced as it is and encrypted as the format says.
    assert_eq!(service.content(ID), b"attack at dawn");
    assert_snapshot!(service.with(|state| state.documents[ID].metadata.to_string()), @"");
}

#[test]
fn quiet_prints_the_bare_result() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("-q upload a.txt"), @"");
    assert_snapshot!(alice.types(&format!("share -q {ID} bob")), @"");
    assert_snapshot!(alice.types(&format!("download {ID} -qo b.txt")), @"");
}

#[test]
fn json_is_for_scripts() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --json"), @"");
    assert_snapshot!(alice.types(&format!("share {ID} bob --json")), @"");
    assert_snapshot!(alice.types(&format!("shares {ID} --json")), @"");
    assert_snapshot!(alice.types(&format!("download {ID} -o b.txt --json")), @"");
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
    assert_snapshot!(service.with(|s| s.documents.values().map(|d| d.metadata.to_string()).collect::<Vec<_>>().join("\n")), @"");
    assert_snapshot!(alice.types("upload a.txt --cipher aes-cbc -q"), @"");
}

#[test]
fn folders_and_a_trailing_slash_take_the_stored_name() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.txt", "AES256_GCM_HKDF_1MB", b"x");
    std::fs::create_dir(alice.folder().join("sub")).unwrap();
    assert_snapshot!(alice.types(&format!("download {id} -o sub")), @"");
    assert_snapshot!(alice.types(&format!("download {id} -o sub/ --force")), @"");
}

#[test]
fn login_tries_the_credentials_and_keeps_them() {
    let service = Service::start();
    let alice = Session::stranger(&service);
    let login = "login --url SERVICE --user alice".replace("SERVICE", &service.url);
    assert_snapshot!(alice.types_with_input(&login, "wrong\n"), @"");
    assert_snapshot!(alice.types_with_input(&login, &format!("{}\n", crate::support::ALICE_KEY)), @"");
    assert_snapshot!(alice.types("shares 0190a3c4-7c1e-7000-8a3b-0000000000ff"), @"");
    let profile = alice.home().join(".config/crypt-keeper/ckc.toml");
    let mode = std::os::unix::fs::PermissionsExt::mode(&profile.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    alice.write("key", crate::support::BOB_KEY);
    let login = "login --profile bob --url SERVICE --user bob --api-key-file key --json";
    assert_snapshot!(alice.types(&login.replace("SERVICE", &service.url)), @"");
    let text = std::fs::read_to_string(profile).unwrap();
    assert_snapshot!(text.replace(&service.url, "http://service"), @"");
    let mine = service.plant("a.txt", "AES256_GCM_HKDF_1MB", b"x");
    assert_snapshot!(alice.types(&format!("shares {mine} --profile default")), @"");
    assert_snapshot!(alice.types(&format!("shares {mine} --profile bob")), @"");
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
    assert_snapshot!(alice.types("upload a.txt"), @"");
    assert_snapshot!(alice.types("-q upload a.txt --config ckc.toml"), @"");
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
