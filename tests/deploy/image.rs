//! Dockerfile, .dockerignore and the health check of the image.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use crypt_keeper_test_services as services;

use crate::{machine_program, python_program, read, repository};

#[test]
fn hadolint_finds_nothing() {
    let Some(hadolint) = python_program("hadolint") else {
        return;
    };
    let lint = |file: &std::path::Path| {
        services::run(
            Command::new(&hadolint)
                .args(["--no-color", "--failure-threshold", "style"])
                .arg(file),
        )
    };
    lint(&repository("Dockerfile")).unwrap_or_else(|error| panic!("{error}"));

    // It does judge: the same file on an unpinned base is refused.
    let folder = tempfile::tempdir().unwrap();
    let worse = folder.path().join("Dockerfile");
    let text =
        read(repository("Dockerfile")).replace("FROM debian:12.13-slim", "FROM debian:latest");
    std::fs::write(&worse, text).unwrap();
    let findings = lint(&worse).unwrap_err().to_string();
    assert!(findings.contains("DL3007"), "{findings}");
}

#[test]
fn the_image_runs_as_a_numbered_user_who_is_not_root() {
    let last_stage = read(repository("Dockerfile"));
    let last_stage = &last_stage[last_stage.rfind("\nFROM ").expect("a stage")..];
    let user = last_stage
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("USER "));
    let (uid, gid) = user.expect("a USER").split_once(':').expect("uid:gid");
    assert!(uid.parse::<u32>().unwrap() > 0 && gid.parse::<u32>().unwrap() > 0);
    for line in [
        "ENTRYPOINT [\"crypt-keeper\"]",
        "CMD [\"serve\"]",
        "STOPSIGNAL SIGTERM",
        "EXPOSE 8080",
    ] {
        assert!(last_stage.lines().any(|found| found == line), "no {line}");
    }
}

#[test]
fn the_builder_is_no_older_than_the_workspace_asks() {
    let asked = after(&read(repository("Cargo.toml")), "\nrust-version = \"", '"');
    let builder = after(&read(repository("Dockerfile")), "\nFROM rust:", '-');
    assert!(
        version(&builder) >= version(&asked),
        "{builder} builds what asks for {asked}"
    );
}

#[test]
fn no_secret_of_a_developer_gets_into_a_layer() {
    let ignored = read(repository(".dockerignore"));
    for path in [
        "/.env",
        "/crypt-keeper-data",
        "/deploy/compose",
        "/.git",
        "/target",
    ] {
        assert!(ignored.lines().any(|line| line == path), "{path}");
    }
    for path in [".env", "deploy/compose/secrets/master_key"] {
        services::run(
            Command::new("git")
                .args(["check-ignore", "--quiet", path])
                .current_dir(repository(".")),
        )
        .unwrap_or_else(|error| panic!("git would take {path}: {error}"));
    }
}

#[test]
fn healthy_is_who_answers_200() {
    let Some(()) = machine_program("bash", "--version") else {
        return;
    };
    assert!(probe("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_ok());
    assert!(probe("HTTP/1.1 503 Service Unavailable\r\n\r\n").is_err());
    assert!(probe("HTTP/1.1 2000 OK\r\n\r\n").is_err());
    assert!(probe("").is_err());
}

#[test]
fn nobody_listening_is_not_healthy() {
    let Some(()) = machine_program("bash", "--version") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(check(&address.to_string(), false).is_err());
}

#[test]
fn behind_tls_an_accepted_connection_is_healthy() {
    let Some(()) = machine_program("bash", "--version") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    check(&listener.local_addr().unwrap().to_string(), true).unwrap();
}

/// Runs the health check against a server that gives one answer, and checks what it was asked.
fn probe(answer: &str) -> services::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // As in the image: the address listened to is not the one that is asked.
    let listen = format!("0.0.0.0:{}", listener.local_addr().unwrap().port());
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                question.push(byte[0]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(question).unwrap()
        });
        let found = check(&listen, false);
        let question = server.join().unwrap();
        assert!(
            question.starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"),
            "{question}"
        );
        found
    })
}

fn check(listen: &str, tls: bool) -> services::Result<String> {
    let mut command = Command::new(repository("deploy/docker/healthcheck"));
    command.env("CRYPT_KEEPER__HTTP__LISTEN", listen);
    if tls {
        command.env("CRYPT_KEEPER__HTTP__TLS__CERT_FILE", "/etc/certificate.pem");
    }
    services::run(&mut command)
}

fn after(text: &str, start: &str, end: char) -> String {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    rest.split(end).next().unwrap().to_owned()
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}
