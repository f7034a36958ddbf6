//! The command of 2017 beside ours: documents go from one to the other, and scripts read the same of
//! both. That it works at all is tried on every backend, by the main job.

use crypt_keeper_tests::{Ckc, OldCommand, Parts, Ran, Server, content};

/// Around every boundary of its format: blocks of 16 bytes.
const SIZES: [usize; 6] = [0, 1, 15, 16, 17, 100_000];

/// The flags that every script of 2017 without a file had to give.
fn typed_as_in_2017(ckc: &Ckc, globals: &[String], arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = globals
        .iter()
        .map(String::as_str)
        .chain(arguments.iter().copied())
        .collect();
    ckc.succeeds(&arguments)
}

#[test]
fn documents_go_from_the_old_command_to_ours_and_back() {
    let server = Server::start(&Parts::embedded());
    let alice = server.user("alice");
    let Some(old) = OldCommand::of(&server, &alice) else {
        return;
    };
    let ckc = server.ckc(&alice);
    for size in SIZES {
        let sent = content(size, 2 + size as u64);
        let id = old.upload("a.bin", &sent);

        // Nobody is downgraded unseen.
        let refused = ckc.fails_with(2, &["download", &id, "-o", "unseen"]);
        assert!(
            refused.errors().contains("--legacy"),
            "{}",
            refused.errors()
        );
        assert!(!ckc.folder().join("unseen").exists());

        ckc.succeeds(&["download", &id, "--legacy", "--force", "-o", "told"]);
        assert!(ckc.read("told") == sent, "{size}");

        let typed = typed_as_in_2017(&ckc, old.globals(), &["download", "-f", "typed", &id]);
        assert_eq!(typed.text(), "Successful downloaded file typed.\n");
        assert!(ckc.read("typed") == sent, "{size}");

        // The other way round: written for readers of 2017, when told to.
        ckc.write("b.bin", &sent);
        let id = ckc
            .succeeds(&["-q", "upload", "--cipher", "aes-cbc", "b.bin"])
            .line();
        old.prints(&["download", "-f", "ours", &id]);
        assert!(old.read("ours") == sent, "{size}");
    }
}

#[test]
fn both_commands_print_the_same_to_scripts() {
    let server = Server::start(&Parts::embedded());
    let (alice, _bob) = (server.user("alice"), server.user("bob"));
    let Some(old) = OldCommand::of(&server, &alice) else {
        return;
    };
    let ckc = server.ckc(&alice);
    let id = old.upload("a.bin", b"x");
    for arguments in [
        ["share", "-a", "bob", &id].as_slice(),
        &["share", &id],
        &["download", "-f", "copy", &id],
        &["-j", "share", "-a", "bob", &id],
        &["-j", "share", &id],
        &["-j", "download", "-f", "copy", &id],
    ] {
        let ours = typed_as_in_2017(&ckc, old.globals(), arguments);
        assert_eq!(ours.text(), format!("{}\n", old.prints(arguments)));
    }
}

#[test]
fn scripts_with_pipes_go_on_working() {
    let server = Server::start(&Parts::embedded());
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let ckc = server.ckc(&alice);
    ckc.write("F", b"attack at dawn");
    let piped = ckc.shell_succeeds("ckc -j upload F | ckc -j download -f G -");
    assert_eq!(piped.text(), "{\"downloaded\": true}\n");
    assert_eq!(ckc.read("G"), b"attack at dawn");

    let piped = ckc.shell_succeeds("ckc -j upload F | tee id | ckc -j share -a bob -");
    assert!(
        piped.text().starts_with("{\"resource_url\": \"/api/v1/"),
        "{}",
        piped.text()
    );
    let uploaded: serde_json::Value = serde_json::from_slice(&ckc.read("id")).unwrap();
    let of_bob = server.ckc(&bob);
    of_bob.succeeds(&["download", uploaded["documentId"].as_str().unwrap()]);
    assert_eq!(of_bob.read("F"), b"attack at dawn");

    // A failure prints nothing on stdout, so that the next command of the pipe fails as well.
    let failed = ckc.shell("ckc -j upload missing | ckc -j download -f H -");
    let failed = { failed }.output().unwrap();
    assert!(!failed.status.success());
    assert_eq!(failed.stdout, b"");
    assert!(!ckc.folder().join("H").exists());
}
