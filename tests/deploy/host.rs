//! The files for a host without containers: systemd's and nginx's.

use std::path::Path;
use std::process::Command;

use crypt_keeper_test_services as services;
use serde_json::Value;

use crate::{machine_program, python_program, read, repository};

const UNIT: &str = "deploy/systemd/crypt-keeper.service";

/// Of 100; systemd calls 20 and less "OK".
const MOST_EXPOSURE: u32 = 15;

#[test]
fn the_unit_is_well_formed_and_hardly_exposed() {
    let Some(()) = machine_program("systemd-analyze", "--version") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("crypt-keeper.service");
    // `verify` wants to see the program, which is not installed here.
    let text = read(repository(UNIT)).replace("/usr/bin/crypt-keeper", "/bin/true");
    std::fs::write(&unit, &text).unwrap();
    verify(&unit).unwrap_or_else(|error| panic!("{error}"));
    exposure(&unit).unwrap_or_else(|error| panic!("{error}"));

    // Both do judge.
    std::fs::write(
        &unit,
        text.replace("ProtectSystem=strict", "ProtectSystem=stric"),
    )
    .unwrap();
    assert!(said_by_verify(&unit).contains("ignoring: stric"));
    std::fs::write(&unit, text.replace("CapabilityBoundingSet=\n", "")).unwrap();
    assert!(exposure(&unit).is_err());
}

#[test]
fn the_user_and_the_files_of_the_unit_are_declared() {
    let unit = read(repository(UNIT));
    let user = unit
        .lines()
        .find_map(|line| line.strip_prefix("User="))
        .unwrap();
    let declared = read(repository("deploy/systemd/crypt-keeper.sysusers.conf"));
    assert!(
        declared
            .lines()
            .any(|line| line.starts_with(&format!("u {user} ")))
    );

    let modes = read(repository("deploy/systemd/crypt-keeper.tmpfiles.conf"));
    let environment = read(repository("deploy/systemd/crypt-keeper.env.example"));
    let files: Vec<&str> = environment
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(_, value)| value))
        .filter(|value| value.starts_with("/etc/"))
        .collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let line = modes
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(file));
        let words: Vec<&str> = line
            .unwrap_or_else(|| panic!("no mode for {file}"))
            .split_whitespace()
            .collect();
        assert_eq!(words[2..5], ["0600", user, user], "{file}");
    }
}

#[test]
fn nginx_understands_its_configuration() {
    let Some(crossplane) = python_program("crossplane") else {
        return;
    };
    let text = read(repository("deploy/nginx/crypt-keeper.conf"));
    assert_eq!(complaints(&crossplane, &text), Vec::<String>::new());
    // It does judge.
    let worse = text.replace("proxy_buffering off;", "proxy_bufering off;");
    assert_eq!(complaints(&crossplane, &worse).len(), 1);
}

#[test]
fn nginx_replaces_what_a_client_says_about_itself_and_logs_no_query() {
    let text = read(repository("deploy/nginx/crypt-keeper.conf"));
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(lines.contains(&"proxy_set_header X-Forwarded-For $remote_addr;"));
    let all = lines.join("\n");
    for variable in [
        "$proxy_add_x_forwarded_for",
        "$request_uri",
        "$request\"",
        "$args",
        "$query_string",
        "$http_referer",
    ] {
        assert!(!all.contains(variable), "{variable}");
    }
    let servers = all.matches("server {").count();
    assert_eq!(
        all.matches("access_log /var/log/nginx/crypt-keeper.log crypt_keeper;")
            .count(),
        servers
    );
}

fn verify(unit: &Path) -> services::Result<String> {
    let said = said_by_verify(unit);
    if said.is_empty() {
        Ok(said)
    } else {
        Err(services::Error::Other(said))
    }
}

/// What it finds wrong in lines of the unit it only says; its exit code is for what cannot be loaded.
fn said_by_verify(unit: &Path) -> String {
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("crypt-keeper"))
        .collect();
    ours.join("\n")
}

fn exposure(unit: &Path) -> services::Result<String> {
    services::run(
        Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true"])
            .arg(format!("--threshold={MOST_EXPOSURE}"))
            .arg(unit),
    )
}

fn complaints(crossplane: &Path, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site.conf");
    std::fs::write(&site, text).unwrap();
    let main = folder.path().join("nginx.conf");
    std::fs::write(
        &main,
        format!("events {{}}\nhttp {{ include {}; }}\n", site.display()),
    )
    .unwrap();
    let parsed = services::run(
        Command::new(crossplane)
            .args(["parse", "--strict"])
            .arg(main),
    )
    .unwrap();
    let parsed: Value = serde_json::from_str(&parsed).unwrap();
    assert_eq!(
        parsed["config"].as_array().unwrap().len(),
        2,
        "the site was read"
    );
    let errors = parsed["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["error"].as_str().unwrap().to_owned())
        .collect()
}
