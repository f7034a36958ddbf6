//! `healthcheck`.

use insta::assert_snapshot;

use crate::desk::{Desk, free_port};

#[test]
fn a_service_that_is_ready_says_so() {
    let mut desk = Desk::set_up();
    let _service = desk.serve();
    assert_snapshot!(desk.type_in(&["healthcheck", "healthcheck --alive"]), @r"
    $ crypt-keeper healthcheck
    ready
    $ crypt-keeper healthcheck --alive
    alive
    ");
}

#[test]
fn a_part_that_is_away_is_named_while_the_process_lives() {
    let mut desk = Desk::set_up();
    let _service = desk.serve();
    let away = desk.data("blobs-away");
    std::fs::rename(desk.data("blobs"), &away).unwrap();
    std::fs::write(desk.data("blobs"), "no folder").unwrap();
    assert_snapshot!(desk.type_in(&["healthcheck", "healthcheck --alive"]), @r"
    $ crypt-keeper healthcheck
    | crypt-keeper: not ready (503 Service Unavailable); blobs: no object can be written to the blob folder: is its disk mounted, writable and not full?
    exit code 1
    $ crypt-keeper healthcheck --alive
    alive
    ");
}

#[test]
fn where_nobody_answers_it_fails() {
    let port = free_port();
    let desk = Desk::bare().with("CRYPT_KEEPER__HTTP__LISTEN", format!("127.0.0.1:{port}"));
    let ran = desk.run(&["healthcheck"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    let begin = format!("crypt-keeper: no answer from http://127.0.0.1:{port}/readyz: ");
    assert!(ran.stderr.starts_with(&begin), "{}", ran.stderr);
    let desk = Desk::bare().with("CRYPT_KEEPER__HTTP__LISTEN", "127.0.0.1:0");
    assert_eq!(desk.run(&["healthcheck"]).code, 2);
}

#[test]
fn behind_tls_it_is_asked_too() {
    let mut desk = Desk::set_up();
    // For the name that clients use, and of an authority that nobody here knows.
    let made = rcgen::generate_simple_self_signed(["documents.example.com".to_owned()]).unwrap();
    for (key, name, pem) in [
        ("CERT_FILE", "cert.pem", made.cert.pem()),
        ("KEY_FILE", "key.pem", made.signing_key.serialize_pem()),
    ] {
        std::fs::write(desk.path(name), pem).unwrap();
        let variable = format!("CRYPT_KEEPER__HTTP__TLS__{key}");
        desk.set(&variable, desk.path(name).to_str().unwrap());
    }
    let _service = desk.serve();
    assert_snapshot!(desk.type_in(&["healthcheck", "healthcheck --alive"]), @r"
    $ crypt-keeper healthcheck
    ready
    $ crypt-keeper healthcheck --alive
    alive
    ");
}
