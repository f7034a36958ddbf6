//! What a download does to the folder it lands in.

use crate::support::http::Response;
use crate::support::{Fault, Service, Session};
use insta::assert_snapshot;
use std::time::Duration;

const GCM: &str = "AES256_GCM_HKDF_1MB";
const SEGMENT: usize = 1 << 20;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

#[test]
fn every_name_arrives_under_a_safe_one() {
    for (stored, safe) in [
        ("../../x", "x"),
        ("/etc/passwd", "passwd"),
        (r"C:\Windows\win.ini", "win.ini"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("..", "document-0190a3c4-7c1e-7000-8a3b-000000000001"),
        ("", "document-0190a3c4-7c1e-7000-8a3b-000000000001"),
        ("a\u{1b}[2Jb\u{7}\n", "a_[2Jb__"),
        ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
        (".bashrc", "_bashrc"),
        ("-rf", "_rf"),
        ("~", "_"),
    ] {
        let service = Service::start();
        let alice = Session::alice(&service);
        let id = service.plant(stored, GCM, b"x");
        let output = alice.run(&["download", &id]);
        assert!(output.status.success(), "{stored:?}");
        assert_eq!(alice.files(), [safe], "{stored:?}");
        // Nothing beside it either: the home folder holds the working folder alone.
        assert_eq!(
            std::fs::read_dir(alice.home()).unwrap().count(),
            1,
            "{stored:?}"
        );
        for printed in [output.stdout, output.stderr] {
            let text = String::from_utf8(printed).unwrap();
            let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.contains(odd), "{text:?}");
        }
    }
}

#[test]
fn a_name_of_4096_bytes_of_unicode_arrives() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant(&format!("{}.pdf", "é".repeat(2046)), GCM, b"x");
    assert!(alice.run(&["download", &id]).status.success());
    let [name] = &alice.files()[..] else { panic!() };
    assert!(name.ends_with("éé.pdf") && name.len() <= 200);
}

#[test]
fn an_odd_name_is_told() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("../x\u{202e}", GCM, b"x");
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    Downloaded x_, 1 byte.
    ! It was stored as "../x\\u{202e}".
    "#);
}

#[test]
fn nothing_is_overwritten_unasked() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "mine");
    let id = service.plant("a.txt", GCM, b"theirs");
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: a.txt exists already
    !   hint: say --force to replace it, or -o NAME to choose another name
    exit 2
    "#);
    assert_eq!(alice.read("a.txt"), b"mine");
    // The object was not even asked for.
    assert!(service.requests("GET /objects").is_empty());
    let asked = service.requests("GET /api").len();
    assert_eq!(asked, 1);
    assert_snapshot!(alice.types(&format!("download {id} -o a.txt")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o a.txt
    ! error: a.txt exists already
    !   hint: say --force to replace it, or -o NAME to choose another name
    exit 2
    "#);
    // A key that is released is audited: for a name that was given, none is.
    assert_eq!(service.requests("GET /api").len(), asked);
    assert_snapshot!(alice.types(&format!("download {id} --force")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 --force
    Downloaded a.txt, 6 bytes.
    "#);
    assert_eq!(alice.read("a.txt"), b"theirs");
    assert_snapshot!(alice.types(&format!("download {id} -o /dev/null --force")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o /dev/null --force
    ! error: /dev/null is not a regular file
    !   hint: download to standard output instead: ckc download ID -o - > TARGET
    exit 2
    "#);
}

#[test]
fn an_altered_cut_extended_or_spliced_object_is_refused_and_leaves_nothing() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let plaintext = content(3 * SEGMENT);
    let good = service.plant("a.bin", GCM, &plaintext);
    let other = service.plant("b.bin", GCM, &plaintext);
    let (object, spliced) =
        service.with(|state| (state.objects[&good].clone(), state.objects[&other].clone()));
    let flip = |at: usize| {
        let mut altered = object.clone();
        altered[at] ^= 1;
        altered
    };
    let mut swapped = object.clone();
    swapped[SEGMENT..3 * SEGMENT].rotate_left(SEGMENT);
    let altered = [
        ("the header", flip(5)),
        ("the first segment", flip(100)),
        ("the last tag", flip(object.len() - 1)),
        ("a cut of one byte", object[..object.len() - 1].to_vec()),
        ("a cut between segments", object[..2 * SEGMENT].to_vec()),
        ("nothing left", vec![]),
        ("a byte more", [&object[..], &[0]].concat()),
        (
            "a segment of another encryption",
            [&object[..SEGMENT], &spliced[SEGMENT..]].concat(),
        ),
        ("another document", spliced.clone()),
        ("segments swapped", swapped),
    ];
    for (what, bytes) in altered {
        service.with(|state| state.objects.insert(good.clone(), bytes));
        let output = alice.run(&["download", &good, "-o", "out.bin"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(5), "{what}: {said}");
        assert!(said.contains("altered or is incomplete"), "{what}: {said}");
        assert!(output.stdout.is_empty());
        assert_eq!(alice.files(), [""; 0], "{what}");
    }
    service.with(|state| state.objects.insert(good.clone(), flip(2 * SEGMENT)));
    assert_snapshot!(alice.types(&format!("download {good}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the document was altered or is incomplete: segment 2 does not verify
    !   hint: nothing was kept; download it again, and if it fails again, ask the owner for a new upload
    exit 5
    "#);
    // To a stream, what was verified is out already; the exit code tells.
    let output = alice.run(&["download", &good, "-o", "-"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(plaintext.starts_with(&output.stdout) && output.stdout.len() < plaintext.len());
}

#[test]
fn a_length_other_than_was_announced_is_refused() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.txt", GCM, b"attack at dawn");
    service.with(|state| {
        state.documents.get_mut(&id).unwrap().metadata["content_length"] = 6.into();
    });
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the document was altered or is incomplete: it has 70 bytes instead of 62
    !   hint: nothing was kept; download it again, and if it fails again, ask the owner for a new upload
    exit 5
    "#);
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let plaintext = content(5 * SEGMENT / 2);
    let id = service.plant("a.bin", GCM, &plaintext);
    service.fault("GET /objects", Fault::CutAfter(700_000));
    service.fault("GET /objects", Fault::Close);
    service.fault("GET /objects", Fault::CutAfter(1_000_000));
    // The URL has expired meanwhile: a new one is asked for.
    let expired = Response::new(403, "<Error><Code>AccessDenied</Code></Error>");
    service.fault("GET /objects", Fault::Answer(expired));
    assert!(alice.run(&["download", &id]).status.success());
    assert!(alice.read("a.bin") == plaintext);
    let ranges: Vec<String> = service
        .requests("GET /objects")
        .iter()
        .map(|request| format!("{} {}", request.header("range"), request.header("if-match")))
        .collect();
    assert_eq!(ranges.len(), 5);
    assert_eq!(ranges[0], " ");
    assert_eq!(ranges[1], "bytes=700000- \"mark-1\"");
    assert_eq!(ranges[2], ranges[1]);
    assert_eq!(ranges[3], "bytes=1700000- \"mark-1\"");
    assert_eq!(ranges[4], ranges[3]);
    assert_eq!(service.requests("GET /api").len(), 2);
}

#[test]
fn an_object_that_was_replaced_meanwhile_is_not_appended() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.bin", GCM, &content(SEGMENT));
    service.fault("GET /objects", Fault::CutAfter(1000));
    service.fault("GET /objects", Fault::Answer(Response::new(412, "")));
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the document was altered or is incomplete: it was replaced while it was downloaded
    !   hint: nothing was kept; download it again, and if it fails again, ask the owner for a new upload
    exit 5
    "#);
    assert_eq!(alice.files(), [""; 0]);
}

#[test]
fn documents_of_every_size_come_back_byte_for_byte() {
    let service = Service::start();
    let alice = Session::alice(&service);
    for length in [0, 1, 1_048_520, 1_048_521, 2_097_080, 2_097_081] {
        for cipher in ["aes256-gcm-hkdf-1mb", "aes-cbc"] {
            alice.write("up", content(length));
            let up = alice.run(&["-q", "upload", "up", "--cipher", cipher]);
            let id = String::from_utf8(up.stdout).unwrap();
            let down = alice.run(&["download", id.trim(), "-o", "down", "--force", "--legacy"]);
            assert!(down.status.success(), "{length} {cipher}");
            assert!(alice.read("down") == content(length), "{length} {cipher}");
        }
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let service = Service::start();
        let alice = Session::alice(&service);
        let id = service.plant("a.bin", GCM, &content(3 * SEGMENT));
        service.fault(
            "GET /objects",
            Fault::SilenceAfter(2 * SEGMENT, Duration::from_secs(20)),
        );
        let mut child = alice.command(&["download", &id]).spawn().unwrap();
        let partial = |files: &[String]| files.iter().any(|name| name.starts_with(".ckc-"));
        for _ in 0..500 {
            if partial(&alice.files()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(partial(&alice.files()), "no temporary file appeared");
        let pid = child.id().to_string();
        let kill = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        assert_eq!(alice.files(), [""; 0], "{signal}");
    }
}
