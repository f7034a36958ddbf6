//! Dockerfile and .dockerignore.

use std::process::Command;

use crypt_keeper_test_services as services;

use crate::{python_program, read, repository};

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
    // The command itself is held by the server's own tests.
    let check = "CMD [\"crypt-keeper\", \"healthcheck\", \"--alive\"]";
    assert!(
        last_stage
            .lines()
            .any(|line| line.starts_with("HEALTHCHECK ") && line.ends_with(check)),
        "no {check}"
    );
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

fn after(text: &str, start: &str, end: char) -> String {
    let (_, rest) = text
        .split_once(start)
        .unwrap_or_else(|| panic!("no {start}"));
    rest.split(end).next().unwrap().to_owned()
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}
