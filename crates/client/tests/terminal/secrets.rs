//! Nothing that is printed, and no file that is left, holds a secret: not at the most talkative
//! level, not in an error.

use crate::support::http::Response;
use crate::support::{ALICE_KEY, Fault, SIGNATURE, Service, Session};
use base64::Engine as _;
use std::process::Output;

/// Every way in which a document key of the test's service could be written.
fn spellings(key: &[u8]) -> Vec<String> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let engine = |engine: &base64::engine::GeneralPurpose| engine.encode(key);
    let numbers: Vec<String> = key[..8].iter().map(u8::to_string).collect();
    vec![
        hex[..16].to_owned(),
        hex.to_uppercase()[..16].to_owned(),
        engine(&base64::engine::general_purpose::STANDARD)[..16].to_owned(),
        engine(&base64::engine::general_purpose::URL_SAFE_NO_PAD)[..16].to_owned(),
        numbers.join(", "),
    ]
}

fn check(what: &str, output: &Output, key: &[u8]) {
    let printed = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&printed);
    assert!(
        !printed.windows(8).any(|window| window == &key[..8]),
        "{what}: the raw key"
    );
    for secret in spellings(key) {
        assert!(
            !text.contains(&secret),
            "{what}: the document key in {text}"
        );
    }
    for secret in [ALICE_KEY, SIGNATURE, "Signature=", "ApiKey "] {
        assert!(!text.contains(secret), "{what}: {secret} in {text}");
    }
}

#[test]
fn neither_debug_lines_nor_errors_hold_a_secret() {
    let service = Service::start();
    let alice = Session::alice(&service)
        .with("CKC_RETRIES", "1")
        .with("CKC_TIMEOUT", "1");
    alice.write("a.txt", "x");
    let key = [0xa1; 32];
    let id = "0190a3c4-7c1e-7000-8a3b-000000000001";
    let typed = |arguments: &[&str]| {
        let mut all = vec!["-u", "alice", "-a", ALICE_KEY, "-d"];
        all.extend(arguments);
        let output = alice.run(&all);
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("DEBUG"),
            "no debug line"
        );
        check(&arguments.join(" "), &output, &key);
        output
    };
    assert!(typed(&["upload", "a.txt"]).status.success());
    assert!(typed(&["download", "-f", "b.txt", id]).status.success());
    assert!(typed(&["share", "-a", "bob", id]).status.success());
    assert!(typed(&["login", "--json"]).status.success());

    for fault in [
        Fault::Close,
        Fault::CutAfter(10),
        Fault::Answer(Response::new(
            403,
            "<Error><Code>AccessDenied</Code></Error>",
        )),
        Fault::Answer(Response::new(307, "").with("location", "http://elsewhere/")),
        Fault::Answer(Response::new(500, format!("oops {SIGNATURE}"))),
    ] {
        for _ in 0..2 {
            service.fault("GET /objects", fault.clone());
        }
        typed(&["download", "-f", "c.txt", id]);
        for _ in 0..2 {
            service.fault("PUT", fault.clone());
        }
        typed(&["upload", "a.txt"]);
        service.with(|state| state.forget_faults());
    }
    // A key that is not whole must not be quoted by the one who could not read it.
    for body in [
        format!(
            r#"{{"symmetric_key": "{}", "#,
            "oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE="
        ),
        format!(
            r#"{{"symmetric_key": "{}"}}"#,
            "oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGho"
        ),
        format!(
            r#"{{"symmetric_key": {{"x": "{}"}}}}"#,
            "oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE="
        ),
    ] {
        service.fault("GET /api", Fault::Answer(Response::new(200, body)));
        assert_eq!(
            typed(&["download", "-f", "c.txt", id]).status.code(),
            Some(1)
        );
    }
}

#[test]
fn help_does_not_show_the_key_of_the_environment() {
    let service = Service::start();
    let alice = Session::alice(&service);
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["upload", "--help"],
        &["man"],
        &["nonsense"],
    ] {
        check(&arguments.join(" "), &alice.run(arguments), &[0xa1; 32]);
    }
}
