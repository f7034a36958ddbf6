//! What an upload sends, and when it refuses to.

use crate::support::http::Response;
use crate::support::{Fault, Service, Session};
use insta::assert_snapshot;
use std::sync::Arc;

fn unavailable() -> Fault {
    Fault::Answer(Response::new(503, ""))
}

#[test]
fn the_put_is_bare() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert!(alice.run(&["upload", "a.txt"]).status.success());
    let [put] = &service.requests("PUT")[..] else {
        panic!()
    };
    assert_eq!(put.header("content-length"), "57");
    let names: Vec<&String> = put.headers.keys().collect();
    assert_eq!(names, ["accept", "content-length", "host", "user-agent"]);
    let [post] = &service.requests("POST")[..] else {
        panic!()
    };
    assert_eq!(post.header("content-type"), "application/json");
}

#[test]
fn a_retention_class_is_sent_when_one_is_chosen() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    let sent = |arguments: &[&str]| {
        assert!(alice.run(arguments).status.success());
        let posts = service.requests("POST");
        let body: serde_json::Value = serde_json::from_slice(&posts[posts.len() - 1].body).unwrap();
        body.get("retention").cloned()
    };
    assert_eq!(sent(&["upload", "a.txt"]), None);
    assert_eq!(sent(&["upload", "--retention", "", "a.txt"]), None);
    let chosen = sent(&["upload", "--retention", "short", "a.txt"]);
    assert_eq!(chosen, Some("short".into()));
    let refused = r#"{"secure_document_service/upload_url":{"retention":"no retention class is named `long`: choose one of default, short"}}"#;
    service.fault("POST", Fault::Answer(Response::new(400, refused)));
    assert_snapshot!(alice.types("upload --retention long a.txt"), @"
    $ ckc upload --retention long a.txt
    ! error: the service refused the request (400): no retention class is named `long`: choose one of default, short
    exit 1
    ");
}

#[test]
fn an_attempt_that_is_repeated_is_encrypted_anew() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let content = vec![7; 1_500_000];
    alice.write("a.bin", &content);
    for fault in [unavailable(), Fault::Close] {
        service.fault("PUT", fault);
    }
    let output = alice.run(&["-q", "upload", "a.bin"]);
    let id = String::from_utf8(output.stdout).unwrap();
    assert!(service.content(id.trim()) == content);
    let puts = service.requests("PUT");
    assert_eq!(puts.len(), 3);
    assert_eq!(service.requests("POST").len(), 1);
    for (one, other) in [(0, 1), (1, 2), (0, 2)] {
        assert_ne!(
            puts[one].body[..40],
            puts[other].body[..40],
            "a header was used twice"
        );
    }
}

#[test]
fn a_file_that_changes_between_two_attempts_is_not_uploaded() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let path = alice.write("log", "first line\n");
    let grow = Arc::new(move || std::fs::write(&path, "first line\nsecond line\n").unwrap());
    service.fault("PUT", Fault::CloseAfter(grow));
    assert_snapshot!(alice.types("upload log"), @r#"
    $ ckc upload log
    ! error: log changed while it was being uploaded
    !   hint: nothing was stored; upload it again when nobody writes to it, or upload a copy
    exit 1
    "#);
    assert!(service.with(|state| state.objects.is_empty()));
}

#[test]
fn an_attempt_whose_answer_was_lost_is_told() {
    let service = Service::start();
    let alice = Session::alice(&service);
    service.with(|state| state.create_only = true);
    alice.write("a.txt", "x");
    let state = Arc::clone(&service.state);
    service.fault(
        "PUT",
        Fault::CloseAfter(Arc::new(move || {
            let id = "0190a3c4-7c1e-7000-8a3b-000000000001".to_owned();
            state.lock().unwrap().objects.insert(id, vec![1]);
        })),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the object of 0190a3c4-7c1e-7000-8a3b-000000000001 is in the store already: an attempt whose answer was lost has put it there
    !   hint: download it to see that it is whole (ckc download 0190a3c4-7c1e-7000-8a3b-000000000001 -o - > /dev/null), or upload it anew
    exit 6
    "#);
}

#[test]
fn a_stream_of_which_the_put_is_repeated_arrives_whole() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let content = (0..2_500_000_u32)
        .map(|i| (i % 253) as u8)
        .collect::<Vec<_>>();
    service.fault("PUT", Fault::Close);
    let output = alice.run_with_input(&["-q", "upload", "-"], &content);
    let id = String::from_utf8(output.stdout).unwrap();
    assert!(service.content(id.trim()) == content);
}

#[test]
fn a_pipe_that_is_named_like_a_file_is_read_like_a_stream() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let pipe = alice.folder().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let writing = std::thread::spawn(move || std::fs::write(pipe, "through a pipe").unwrap());
    let output = alice.run(&["-q", "upload", "pipe"]);
    writing.join().unwrap();
    let id = String::from_utf8(output.stdout).unwrap();
    assert_eq!(service.content(id.trim()), b"through a pipe");
}

#[test]
fn the_service_is_asked_again_where_that_is_harmless() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    let id = service.plant("b.txt", "AES256_GCM_HKDF_1MB", b"x");
    // Both say that nothing was done.
    service.fault(
        "POST",
        Fault::Answer(Response::new(503, "").with("retry-after", "1")),
    );
    service.fault("POST", Fault::Answer(Response::new(429, "")));
    let started = std::time::Instant::now();
    assert!(alice.run(&["upload", "a.txt"]).status.success());
    assert!(
        started.elapsed() >= std::time::Duration::from_secs(1),
        "Retry-After was not heeded"
    );
    // A GET, and sharing twice, change nothing.
    for fault in [Fault::Close, Fault::Answer(Response::new(500, ""))] {
        service.fault("GET /api", fault.clone());
        service.fault("POST /api/v1/secure_document_service/share", fault);
    }
    assert!(alice.run(&["download", &id]).status.success());
    assert!(alice.run(&["share", &id, "bob"]).status.success());
    assert!(service.with(|state| state.documents[&id].shared == ["bob"]));
    // An announcement whose answer was lost may have been heard: it is not repeated.
    service.fault("POST", Fault::Close);
    assert_eq!(alice.run(&["upload", "a.txt"]).status.code(), Some(6));
    assert_eq!(
        service
            .requests("POST /api/v1/secure_document_service/upload_url")
            .len(),
        4
    );
}

#[test]
fn credentials_follow_a_308_within_the_origin_and_nothing_else() {
    let service = Service::start();
    let thief = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    let slash = "/api/v1/secure_document_service/upload_url/?";
    service.fault(
        "POST",
        Fault::Answer(Response::new(308, "").with("location", slash)),
    );
    assert!(alice.run(&["upload", "a.txt"]).status.success());
    for (status, target) in [(308, format!("{}/x", thief.url)), (302, "/x".to_owned())] {
        service.fault(
            "POST",
            Fault::Answer(Response::new(status, "").with("location", target)),
        );
        let output = alice.run(&["upload", "a.txt"]);
        assert_eq!(output.status.code(), Some(6));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("credentials follow no redirect elsewhere"),
            "{said}"
        );
    }
    assert!(thief.requests("").is_empty());
}

#[test]
fn what_goes_to_this_machine_in_clear_goes_by_no_proxy() {
    let service = Service::start();
    let proxy = Service::start();
    let mut alice = Session::alice(&service);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        alice = alice.with(variable, &proxy.url);
    }
    alice.write("a.txt", "x");
    let uploaded = alice.run(&["-q", "upload", "a.txt"]);
    assert!(uploaded.status.success(), "{uploaded:?}");
    let id = String::from_utf8(uploaded.stdout).unwrap();
    let downloaded = alice.run(&["download", id.trim(), "-o", "b.txt"]);
    assert!(downloaded.status.success(), "{downloaded:?}");
    assert!(proxy.requests("").is_empty(), "the key left the machine");
    // To other machines it is used, as it must be where nothing else leads out.
    let away = "http://documents.example.com";
    let asked = alice.run(&["--allow-plain-http", "--url", away, "shares", id.trim()]);
    assert_eq!(asked.status.code(), Some(4), "{asked:?}");
    assert!(!proxy.requests("").is_empty());
}

#[test]
fn a_private_authority_is_trusted_when_named() {
    let (service, pem) = Service::start_with_tls();
    let alice = Session::alice(&service).with("CKC_RETRIES", "0");
    alice.write("a.txt", "over TLS");
    alice.write("ca.pem", pem);
    alice.write("empty.pem", "");
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the certificate is not trusted (https://service/api/v1/secure_document_service/upload_url/)
    !   because: invalid peer certificate: UnknownIssuer
    !   hint: if the service has a certificate of a private authority, name it with --ca-file
    exit 6
    "#);
    assert_snapshot!(alice.types("-q upload a.txt --ca-file ca.pem"), @r#"
    $ ckc -q upload a.txt --ca-file ca.pem
    0190a3c4-7c1e-7000-8a3b-000000000001
    "#);
    assert_snapshot!(alice.types("upload a.txt --ca-file empty.pem"), @r#"
    $ ckc upload a.txt --ca-file empty.pem
    ! error: cannot use empty.pem: it holds no PEM certificate
    exit 2
    "#);
    assert_eq!(
        service.content("0190a3c4-7c1e-7000-8a3b-000000000001"),
        b"over TLS"
    );
}
