//! Clients of 2017 against the service of today, and their documents between the old command and
//! ours.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use crypt_keeper_test_services as services;
use crypt_keeper_tests::{Account, Blobs, Ckc, Metadata, Parts, Ran, Server, content};

/// Around every boundary of its format: blocks of 16 bytes.
const SIZES: [usize; 6] = [0, 1, 15, 16, 17, 100_000];

/// Somebody who types the old command.
struct OldCommand {
    python: PathBuf,
    folder: tempfile::TempDir,
    globals: Vec<String>,
}

impl OldCommand {
    fn of(server: &Server, account: &Account) -> Option<Self> {
        let requirements = repository("tests/judges/requirements.txt");
        let found = services::python_interpreter(&requirements);
        let python = services::require_or_skip("Python's cryptography", found)?;
        let url = server.url();
        let globals = ["-u", &account.name, "--url", &url, "-a", &account.key];
        Some(Self {
            python,
            folder: tempfile::tempdir().unwrap(),
            globals: globals.map(str::to_owned).to_vec(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg(repository("tests/old_client/ckc_2017.py"))
            .args(&self.globals)
            .args(arguments)
            .current_dir(self.folder.path());
        command
    }

    /// What it prints, without the end of the line.
    fn prints(&self, arguments: &[&str]) -> String {
        let printed = services::run(&mut self.command(arguments));
        let printed = printed.unwrap_or_else(|error| panic!("{error}"));
        printed.trim_end_matches('\n').to_owned()
    }

    fn upload(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).unwrap();
        let printed = self.prints(&["upload", name]);
        printed.strip_prefix("Document ID: ").unwrap().to_owned()
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The flags that every script of 2017 without a file had to give.
fn typed_as_in_2017(ckc: &Ckc, globals: &[String], arguments: &[&str]) -> Ran {
    let arguments: Vec<&str> = globals
        .iter()
        .map(String::as_str)
        .chain(arguments.iter().copied())
        .collect();
    ckc.succeeds(&arguments)
}

fn the_old_client_works_over(parts: &Parts) {
    let server = Server::start(parts);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let Some(of_alice) = OldCommand::of(&server, &alice) else {
        return;
    };
    let Some(of_bob) = OldCommand::of(&server, &bob) else {
        return;
    };
    for size in SIZES {
        let sent = content(size, 1 + size as u64);
        let id = of_alice.upload("a.bin", &sent);
        let said = of_alice.prints(&["download", "-f", "copy", &id]);
        assert_eq!(said, "Successful downloaded file copy.");
        assert!(
            std::fs::read(of_alice.path("copy")).unwrap() == sent,
            "{size}"
        );
    }
    let id = of_alice.upload("shared.txt", b"attack at dawn");
    assert_eq!(
        of_alice.prints(&["share", &id]),
        format!("Users ['alice'] have access to {id}.")
    );
    services::run(&mut of_bob.command(&["download", &id])).expect_err("it is not shared yet");
    assert_eq!(
        of_alice.prints(&["share", "-a", "bob", &id]),
        format!("Successfully added bob to {id}.")
    );
    assert_eq!(
        of_alice.prints(&["share", &id]),
        format!("Users ['alice', 'bob'] have access to {id}.")
    );
    of_bob.prints(&["download", &id]);
    assert_eq!(
        std::fs::read(of_bob.path("shared.txt")).unwrap(),
        b"attack at dawn"
    );
}

#[test]
fn the_old_client_uploads_downloads_and_shares_over_a_folder() {
    the_old_client_works_over(&Parts::embedded());
}

#[test]
fn the_old_client_uploads_downloads_and_shares_over_postgres_and_minio() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) {
        the_old_client_works_over(&parts);
    }
}

#[test]
fn the_old_client_uploads_downloads_and_shares_over_versitygw() {
    if let Some(parts) = Parts::find(Metadata::Sqlite, Blobs::Versitygw) {
        the_old_client_works_over(&parts);
    }
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

        let typed = typed_as_in_2017(&ckc, &old.globals, &["download", "-f", "typed", &id]);
        assert_eq!(typed.text(), "Successful downloaded file typed.\n");
        assert!(ckc.read("typed") == sent, "{size}");

        // The other way round: written for readers of 2017, when told to.
        ckc.write("b.bin", &sent);
        let id = ckc
            .succeeds(&["-q", "upload", "--cipher", "aes-cbc", "b.bin"])
            .line();
        old.prints(&["download", "-f", "ours", &id]);
        assert!(std::fs::read(old.path("ours")).unwrap() == sent, "{size}");
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
        let ours = typed_as_in_2017(&ckc, &old.globals, arguments);
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
