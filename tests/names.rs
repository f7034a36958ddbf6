//! Names are data that somebody else chose: whatever they are, the document arrives, no file is
//! written outside the target folder, and nothing odd reaches the terminal.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_crypto::{DocumentKey, document};
use crypt_keeper_tests::http::request_url;
use crypt_keeper_tests::{Ckc, Parts, Ran, Server, Upload};

/// A few of what people have tried elsewhere.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "../../x",
        "..\\..\\x",
        "/etc/passwd",
        "C:\\Windows\\system.ini",
        "con",
        "nul.txt",
        ".",
        "..",
        ".bashrc",
        "-rf",
        "~root",
        " blanks around ",
        "dots at the end. . .",
        "a/b/c/",
        "line\r\nend",
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31mred",
        "\u{9b}31m C1",
        "invoice\u{202e}fdp.exe",
        "\u{200f}\u{2066}isolated\u{2069}",
        "tab\tnul-free\u{1}\u{7f}",
        "zero\u{200b}width\u{feff}",
        "file.txt:stream",
        "what?*<>|\"",
        "报告 2024.pdf",
        "e\u{301}clair 🦀 Ω",
        "$(touch owned)`touch owned`;touch owned",
        "%2e%2e%2fx",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("报".repeat(1365) + "x");
    names.push("n".repeat(4092) + ".txt");
    names
}

/// Bytes that a terminal shows, and line ends.
fn assert_shows_itself(name: &str, ran: &Ran) {
    for bytes in [&ran.stdout, &ran.stderr] {
        let text = std::str::from_utf8(bytes).unwrap();
        let odd = text.chars().find(|&c| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(odd, None, "{name:?} reached the terminal: {text:?}");
    }
}

/// What lies in the home folder beside what was there.
fn made(ckc: &Ckc, before: &[String]) -> Vec<String> {
    ckc.everything()
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect()
}

#[test]
fn every_name_arrives_in_the_folder_and_as_itself_on_the_terminal() {
    let server = Server::start(&Parts::embedded());
    let (account, bob) = (server.user("alice"), server.user("bob"));
    let (alice, api) = (server.ckc(&account), server.api(&account));
    let bob = server.ckc(&bob);
    for (number, name) in names().into_iter().enumerate() {
        assert!(name.len() <= 4096);
        let text = format!("document {number}");
        alice.write("source", &text);
        let uploaded = alice.succeeds(&["upload", &format!("--name={name}"), "source"]);
        assert_shows_itself(&name, &uploaded);
        let line = uploaded.line();
        let id = line.strip_prefix("Document ID: ").unwrap();

        // It is kept as it was sent: the name is data.
        let stored = api.download_url(id).unwrap().json();
        assert_eq!(stored["document_metadata"]["name"], name.as_str());

        alice.succeeds(&["share", id, "bob"]);
        let before = bob.everything();
        let downloaded = bob.succeeds(&["download", id]);
        assert_shows_itself(&name, &downloaded);
        let files = made(&bob, &before);
        assert_eq!(files.len(), 1, "{name:?}: {files:?}");
        let file = files[0].strip_prefix("work/").unwrap();
        assert!(!file.contains('/'), "{name:?} became {file:?}");
        assert!(
            !file.starts_with(['.', '-', '~']),
            "{name:?} became {file:?}"
        );
        assert_eq!(bob.read(file), text.as_bytes(), "{name:?}");

        // A second download replaces nothing, and says so harmlessly.
        let exists = bob.fails_with(2, &["download", id]);
        assert_shows_itself(&name, &exists);
        // Nor do the other ways of printing let anything through.
        for verb in ["--json", "-q", "-v"] {
            let printed = bob.succeeds(&[verb, "download", id, "--force"]);
            assert_shows_itself(&name, &printed);
        }
        std::fs::remove_file(bob.folder().join(file)).unwrap();
        assert_eq!(bob.everything(), before);
    }
    // The operator's terminal is one, too.
    let listed = server.installation.run(&["documents", "list"]);
    assert!(listed.status.success());
    assert_shows_itself("documents list", &Ran::from(listed));
    assert_shows_itself(
        "log",
        &Ran {
            code: Some(0),
            stdout: server.log().into_bytes(),
            stderr: Vec::new(),
        },
    );
}

#[test]
fn an_empty_name_and_one_that_is_too_long() {
    let server = Server::start(&Parts::embedded());
    let account = server.user("alice");
    let (alice, api) = (server.ckc(&account), server.api(&account));
    // ckc takes an empty --name for none; other clients send one.
    let unnamed = Upload::of(&api.upload_url("").unwrap());
    let key = STANDARD.decode(&unnamed.key).unwrap();
    let key = DocumentKey::from_slice(&key).unwrap();
    let id = hex::decode(unnamed.id.replace('-', "")).unwrap();
    let object = document::encrypt(&key, &id.try_into().unwrap(), b"0123456789").unwrap();
    let put = request_url("PUT", &unnamed.url, &object).unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    alice.succeeds(&["download", &unnamed.id]);
    let file = format!("document-{}", unnamed.id);
    assert_eq!(alice.read(&file), b"0123456789");

    alice.write("source", "x");
    let too_long = "n".repeat(4097);
    let refused = alice.fails_with(7, &["upload", "--name", &too_long, "source"]);
    assert!(refused.errors().contains("4096"), "{}", refused.errors());
    let answer = api.upload_url(&too_long).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("4096"), "{}", answer.text());
    let documents = "SELECT count(*) AS n FROM documents";
    assert_eq!(server.installation.database().count(documents), 1);
}
