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
    assert_snapshot!(stranger.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: no address of the service was given
    !   hint: run `ckc login` once, or give --url or CKC_URL
    exit 2
    "#);
    assert_snapshot!(stranger.types("upload a.txt --url http://documents.example.com --user a"), @r#"
    $ ckc upload a.txt --url http://documents.example.com --user a
    ! error: no API key was given
    !   hint: run `ckc login` once, or give --api-key-file or CKC_API_KEY
    exit 2
    "#);
    let alice = Session::alice(&service);
    std::fs::create_dir(alice.folder().join("folder")).unwrap();
    assert_snapshot!(alice.types("upload absent"), @r#"
    $ ckc upload absent
    ! error: cannot read absent
    !   because: No such file or directory (os error 2)
    exit 2
    "#);
    assert_snapshot!(alice.types("upload folder"), @r#"
    $ ckc upload folder
    ! error: folder is a folder
    !   hint: pack it: tar -cz folder | ckc upload --name folder.tar.gz -
    exit 2
    "#);
    assert_snapshot!(alice.types("download report.pdf"), @r#"
    $ ckc download report.pdf
    ! error: 'report.pdf' is not the id of a document
    !   hint: an id looks like 0190a3c4-7c1e-7000-8a3b-0123456789ab: `ckc upload` prints it
    exit 2
    "#);
    assert_snapshot!(alice.types_with_input("download -", ""), @r#"
    $ ckc download -
    ! error: standard input holds no document id
    !   hint: pipe in an id, or what `ckc upload` printed (with --json or without)
    exit 2
    "#);
    assert_snapshot!(alice.types("upload absent --url ftp://h"), @r#"
    $ ckc upload absent --url ftp://h
    ! error: the service's address is not usable: it does not start with https:// or http://
    !   hint: give it as https://host, or https://host:port: --url, CKC_URL, or `ckc login`
    exit 2
    "#);
    assert_snapshot!(alice.types("shares ID --url http://documents.example.com"), @r#"
    $ ckc shares ID --url http://documents.example.com
    ! error: plain http to documents.example.com is refused: the API key would cross the network in clear
    !   hint: use https; or, in a network you trust, say --allow-plain-http (CKC_ALLOW_PLAIN_HTTP=true, or allow_plain_http = true in the profile)
    exit 2
    "#);
    assert_snapshot!(alice.types("frobnicate"), @r#"
    $ ckc frobnicate
    ! error: unrecognized subcommand 'frobnicate'
    ! 
    ! Usage: ckc [OPTIONS] <COMMAND>
    ! 
    ! For more information, try '--help'.
    exit 2
    "#);
}

#[test]
fn credentials_and_rights() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --user bob"), @r#"
    $ ckc upload a.txt --user bob
    ! error: the service refused: the user name or the API key is wrong
    !   request id: req-401
    !   hint: check both; `ckc login` asks for them and tries them; the service's operator makes new keys
    exit 3
    "#);
    let id = service.plant("a.txt", GCM, b"x");
    let bob = Session::bob(&service);
    assert_snapshot!(bob.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the service refused: the credentials are wrong, or document 0190a3c4-7c1e-7000-8a3b-000000000001 is not shared with this user
    !   request id: req-401
    !   hint: `ckc login` tries the credentials; the owner can share it with: ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 USER
    exit 3
    "#);
    assert_snapshot!(bob.types(&format!("share {id} bob")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 bob
    ! error: the service refused: the credentials are wrong, or this user does not own document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-401
    !   hint: `ckc login` tries the credentials; only the owner can share or see who has access
    exit 3
    "#);
}

#[test]
fn not_found() {
    let service = Service::start();
    let alice = Session::alice(&service);
    assert_snapshot!(alice.types(&format!("download {ID}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-404
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    assert_snapshot!(alice.types(&format!("share {ID} bob")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 bob
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-400
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    assert_snapshot!(alice.types(&format!("shares {ID}")), @r#"
    $ ckc shares 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: there is no document 0190a3c4-7c1e-7000-8a3b-000000000001
    !   request id: req-400
    !   hint: check the id, and that it belongs to this service; a document that expired is gone
    exit 4
    "#);
    let id = service.plant("a.txt", GCM, b"x");
    assert_snapshot!(alice.types(&format!("share {id} 'car\u{202e}ol'")), @r#"
    $ ckc share 0190a3c4-7c1e-7000-8a3b-000000000001 'car\u{202e}ol'
    ! error: the service knows no user car\u{202e}ol
    !   request id: req-400
    !   hint: check the spelling; the service's operator creates users
    exit 4
    "#);
    service.with(|state| state.objects.clear());
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the content of 0190a3c4-7c1e-7000-8a3b-000000000001 is not in the object store
    !   hint: its upload never finished, or the object was removed: ask the owner to upload it again
    exit 4
    "#);
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
    assert_snapshot!(transcript.replace(&free.to_string(), "nobody"), @r#"
    $ ckc upload a.txt --url http://nobody
    ! error: cannot connect (http://nobody/api/v1/secure_document_service/upload_url/)
    !   because: Connection refused (os error 111)
    !   hint: check the address (--url) and that the service is running
    exit 6
    "#);
    service.fault(
        "POST",
        Fault::Answer(
            Response::new(503, r#"{"error_message": "busy"}"#).with("x-request-id", "req-7"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the service is not available (503): busy
    !   request id: req-7
    !   hint: try again later; the service's operator finds the request by its id
    exit 6
    "#);
    service.fault("POST", Fault::Silence(std::time::Duration::from_secs(3)));
    assert_snapshot!(alice.types("upload a.txt --timeout 1"), @r#"
    $ ckc upload a.txt --timeout 1
    ! error: no answer (http://service/api/v1/secure_document_service/upload_url/)
    !   because: nothing moved for 1 s
    !   hint: run the command again; --timeout SECONDS waits longer, --retries N tries more often
    exit 6
    "#);
    service.fault(
        "PUT",
        Fault::Answer(
            Response::new(503, "<Error><Code>SlowDown</Code></Error>")
                .with("x-amz-request-id", "STORE-9"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the object store refused (503, SlowDown)
    !   request id: STORE-9
    !   hint: run the command again; if it fails again, tell the service's operator
    exit 6
    "#);
    let id = service.plant("b.txt", GCM, &[7; 100]);
    service.fault(
        "GET /objects",
        Fault::SilenceAfter(50, std::time::Duration::from_secs(3)),
    );
    assert_snapshot!(alice.types(&format!("download {id} --timeout 1")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000002 --timeout 1
    ! error: no answer (http://service/objects/0190a3c4-7c1e-7000-8a3b-000000000002)
    !   because: nothing moved for 1 s
    !   hint: run the command again; --timeout SECONDS waits longer, --retries N tries more often
    exit 6
    "#);
    assert_eq!(alice.files(), ["a.txt"]);
}

#[test]
fn limits() {
    let service = Service::start();
    let alice = Session::alice(&service).with("CKC_RETRIES", "0");
    let huge = std::fs::File::create(alice.folder().join("huge")).unwrap();
    huge.set_len(5_368_627_161).unwrap();
    assert_snapshot!(alice.types("upload huge"), @r#"
    $ ckc upload huge
    ! error: the document has 5.0 GiB (5368627161 bytes), and 5.0 GiB (5368627160 bytes) is the most that can be uploaded
    !   hint: split it (split -b 4G FILE PART-) and upload the parts
    exit 7
    "#);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types(&format!("-q upload a.txt --name {}", "n".repeat(4097))).replace(&"n".repeat(4097), "LONG"), @r#"
    $ ckc -q upload a.txt --name LONG
    ! error: the name is 4097 bytes long; the limit is 4096
    !   hint: shorten it: --name and --content-type set them
    exit 7
    "#);
    // Neither asked anything of the service.
    assert!(service.requests("").is_empty());
    service.fault(
        "POST",
        Fault::Answer(Response::new(429, "").with("retry-after", "120")),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: a limit of the service was hit (429)
    !   hint: try again later; the service's operator finds the request by its id
    exit 7
    "#);
}

#[test]
fn other() {
    let service = Service::start();
    let alice = Session::alice(&service);
    alice.write("a.txt", "x");
    assert_snapshot!(alice.types("upload a.txt --url SERVICE/wrong".replace("SERVICE", &service.url).as_str()), @r#"
    $ ckc upload a.txt --url http://service/wrong
    ! error: http://service/wrong/api/v1/secure_document_service/upload_url/ did not answer as a Crypt-Keeper service does: it has no such resource (404)
    !   hint: check the address (--url): it is the service's own, without a path of its resources
    exit 1
    "#);
    service.fault(
        "POST",
        Fault::Answer(Response::new(201, "<html>welcome</html>")),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: http://service/api/v1/secure_document_service/upload_url/ did not answer as a Crypt-Keeper service does: its answer is not understood (expected value at line 1 column 1)
    !   hint: check the address (--url): it is the service's own, without a path of its resources
    exit 1
    "#);
    service.fault(
        "POST",
        Fault::Answer(Response::new(
            400,
            r#"{"secure_document_service/upload_url": {"name": "odd \u001b[2J name"}}"#,
        )),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the service refused the request (400): odd \u{1b}[2J name
    exit 1
    "#);
    service.fault(
        "PUT",
        Fault::AnswerEarly(
            Response::new(403, "<Error><Code>AccessDenied</Code></Error>")
                .with("x-amz-request-id", "STORE-1"),
        ),
    );
    assert_snapshot!(alice.types("upload a.txt"), @r#"
    $ ckc upload a.txt
    ! error: the object store refused (403, AccessDenied)
    !   request id: STORE-1
    !   hint: a presigned URL lives for minutes: run the command again; if it is refused again, the clocks or the bucket's policy are wrong
    exit 1
    "#);
    // A fault of the service is not its absence, and nothing to wait for.
    let failed = Response::new(
        500,
        r#"{"error_message": "Sorry, this request could not be processed. Please try again later."}"#,
    );
    service.fault("GET", Fault::Answer(failed.with("x-request-id", "req-500")));
    assert_snapshot!(alice.types(&format!("--retries 0 download {ID}")), @r#"
    $ ckc --retries 0 download 0190a3c4-7c1e-7000-8a3b-000000000001
    ! error: the service failed (500)
    !   request id: req-500
    !   hint: tell the service's operator: the log has the cause under the request's id
    exit 1
    "#);
    let id = service.plant("a.txt", "ROT|13", b"x");
    assert_snapshot!(alice.types(&format!("download {id}")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000002
    ! error: this document is encrypted as 'ROT|13', which ckc cannot read
    !   hint: it was made by another program, or by a newer ckc: use that one
    exit 1
    "#);
    assert_snapshot!(alice.types(&format!("download {id} --legacy")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000002 --legacy
    ! error: this document is encrypted as 'ROT|13', which ckc cannot read
    !   hint: it was made by another program, or by a newer ckc: use that one
    exit 1
    "#);
    let id = service.plant("b.txt", GCM, b"x");
    assert_snapshot!(alice.types(&format!("download {id} -o no/such/folder")), @r#"
    $ ckc download 0190a3c4-7c1e-7000-8a3b-000000000003 -o no/such/folder
    ! error: cannot write no/such
    !   because: No such file or directory (os error 2)
    exit 1
    "#);
}
