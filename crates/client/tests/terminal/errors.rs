//! Every class of failure: what it says, how it exits, what it leaves.

use crate::support::http::Response;
use crate::support::{Fault, Service, Session};
use insta::assert_snapshot;

const ID: &str = "0190a3c4-7c1e-7000-8a3b-000000000001";
const GCM: &str = "AES256_GCM_HKDF_1MB";

#[test]
fn usage() {
    let service = Service::start();
    let stranger = Session::stranger(&service);
    stranger.write("a.txt", "x");
    std::fs::create_dir(stranger.folder().join("folder")).unwrap();
    assert_snapshot!(stranger.types("upload a.txt"), @"");
    assert_snapshot!(stranger.types("upload a.txt --url http://documents.example.com --user a"), @"");
    let alice = Session::alice(&service);
    std::fs::create_dir(alice.folder().join("folder")).unwrap();
    assert_snapshot!(alice.types("upload absent"), @"");
    assert_snapshot!(alice.types("upload folder"), @"");
    assert_snapshot!(alice.types("download report.pdf"), @"");
    assert_snapshot!(alice.types_with_input("download -", ""), @"");
    assert_snapshot!(alice.types("upload absent --url ftp://h"), @"");
    assert_snapshot!(alice.types("shares ID --url http://documents.example.com"), @"");
    assert_snapshot!(alice.types("frobnicate"), @"");
}

#[test]
fn credentials_and_rights() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --user bob"), @"");
    let id = service.plant("a.txt", GCM, b"x");
    let bob = Session::bob(&service);
    assert_snapshot!(bob.types(&format!("download {id}")), @"");
    assert_snapshot!(bob.types(&format!("share {id} bob")), @"");
}

#[test]
fn not_found() {
    let service = Service::start();
    let alice = Session::alice(&service);
    assert_snapshot!(alice.types(&format!("download {ID}")), @"");
    assert_snapshot!(alice.types(&format!("share {ID} bob")), @"");
    assert_snapshot!(alice.types(&format!("shares {ID}")), @"");
    let id = service.plant("a.txt", GCM, b"x");
    assert_snapshot!(alice.types(&format!("share {id} 'car\u{202e}ol'")), @"");
    service.with(|state| state.objects.clear());
    assert_snapshot!(alice.types(&format!("download {id}")), @"");
    assert_eq!(alice.files(), [""; 0]);
}

#[test]
fn network() {
    let service = Service::start();
    let alice = Session::alice(&service).with("CKC_RETRIES", "0");
    alice.write("a.txt", "x");
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let transcript = alice.types(&format!("upload a.txt --url http://{free}"));
    assert_snapshot!(transcript.replace(&free.to_string(), "nobody"), @"");
    service.fault(
        "POST",
        Fault::Answer(
            Response::new(503, r#"{"error_message": "busy"}"#).with("x-request-id", "req-7"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
    service.fault("POST", Fault::Silence(std::time::Duration::from_secs(3)));
    assert_snapshot!(alice.types("upload a.txt --timeout 1"), @"");
    service.fault(
        "PUT",
        Fault::Answer(
            Response::new(503, "<Error><Code>SlowDown</Code></Error>")
                .with("x-amz-request-id", "STORE-9"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
    let id = service.plant("b.txt", GCM, &[7; 100]);
    service.fault(
        "GET /objects",
        Fault::SilenceAfter(50, std::time::Duration::from_secs(3)),
    );
    assert_snapshot!(alice.types(&format!("download {id} --timeout 1")), @"");
    assert_eq!(alice.files(), ["a.txt"]);
}

#[test]
fn limits() {
    let service = Service::start();
    let alice = Session::alice(&service).with("CKC_RETRIES", "0");
    let huge = std::fs::File::create(alice.folder().join("huge")).unwrap();
    huge.set_len(5_368_627_161).unwrap();
    assert_snapshot!(alice.types("upload huge"), @"");
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types(&format!("-q upload a.txt --name {}", "n".repeat(4097))).replace(&"n".repeat(4097), "LONG"), @"");
    // Neither asked anything of the service.
    assert!(service.requests("").is_empty());
    service.fault(
        "POST",
        Fault::Answer(Response::new(429, "").with("retry-after", "120")),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
}

#[test]
fn other() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --url SERVICE/wrong".replace("SERVICE", &service.url).as_str()), @"");
    service.fault(
        "POST",
        Fault::Answer(Response::new(201, "<html>welcome</html>")),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
    service.fault(
        "POST",
        Fault::Answer(Response::new(
            400,
            r#"{"secure_document_service/upload_url": {"name": "odd \u001b[2J name"}}"#,
        )),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
    service.fault(
        "PUT",
        Fault::AnswerEarly(
            Response::new(403, "<Error><Code>AccessDenied</Code></Error>")
                .with("x-amz-request-id", "STORE-1"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @"");
    let id = service.plant("a.txt", "ROT|13", b"x");
    assert_snapshot!(alice.types(&format!("download {id}")), @"");
    assert_snapshot!(alice.types(&format!("download {id} --legacy")), @"");
    let id = service.plant("b.txt", GCM, b"x");
    assert_snapshot!(alice.types(&format!("download {id} -o no/such/folder")), @"");
}
