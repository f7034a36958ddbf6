//! Each server starts, answers, stops, comes back, and is gone afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crypt_keeper_test_services::{
    Fault, FaultProxy, OpenBao, OpenBaoOptions, Postgres, PostgresOptions, PostgresTls,
    ProcessIdentity, S3Options, S3Server, Signal, StopMode, VaultSite, postgres, require_or_skip,
};
use serde_json::json;

fn started_postgres(options: &PostgresOptions) -> Option<Postgres> {
    require_or_skip("PostgreSQL", Postgres::start(options))
}

fn identity(pid: Option<u32>) -> ProcessIdentity {
    ProcessIdentity::of(pid.expect("a process id")).expect("a running process")
}

fn is_listening(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn postgres_keeps_its_port_and_its_data_over_every_kind_of_stop() {
    let options = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let Some(mut server) = started_postgres(&options) else {
        return;
    };
    let port = server.port();
    server
        .access()
        .execute("CREATE TABLE kept (n int)")
        .unwrap();
    for (rows, mode) in [StopMode::Fast, StopMode::Immediate, StopMode::Kill]
        .iter()
        .enumerate()
    {
        server
            .access()
            .execute("INSERT INTO kept VALUES (1)")
            .unwrap();
        let before = identity(server.pid());
        server.stop(*mode).unwrap();
        assert!(!before.is_running(), "{mode:?}");
        assert!(!is_listening(port), "{mode:?}");
        server
            .access()
            .execute("SELECT 1")
            .expect_err("a stopped server does not answer");
        server.start_again().unwrap();
        assert_eq!(server.port(), port);
        let expected = rows + 1;
        let count = format!(
            "DO $$ BEGIN ASSERT (SELECT count(*) FROM kept) = {expected}, 'rows lost'; END $$"
        );
        server.access().execute(&count).unwrap();
    }
    server.restart_immediate().unwrap();
    let last = identity(server.pid());
    drop(server);
    assert!(!last.is_running());
}

#[test]
fn postgres_has_the_settings_that_were_asked_for() {
    let options = PostgresOptions {
        settings: vec![("application_name".into(), "it's me".into())],
        ..PostgresOptions::default()
    };
    let Some(server) = started_postgres(&options) else {
        return;
    };
    let expect = |name: &str, value: &str| {
        server
            .access()
            .execute(&format!(
                "DO $$ BEGIN ASSERT current_setting('{name}') = '{value}', \
                 current_setting('{name}'); END $$"
            ))
            .unwrap();
    };
    expect("max_connections", "200");
    expect("fsync", "off");
    expect("ssl", "off");
    server
        .access()
        .execute("DO $$ BEGIN ASSERT false, 'on purpose'; END $$")
        .unwrap_err();
}

#[test]
fn postgres_that_requires_tls_refuses_plain_connections_and_shows_a_certificate() {
    let options = PostgresOptions {
        tls: PostgresTls::Required,
        ..PostgresOptions::default()
    };
    let Some(server) = started_postgres(&options) else {
        return;
    };
    let plain = crypt_keeper_test_services::PostgresAccess::from_url("TEST", &server.url());
    let refused = plain.unwrap().execute("SELECT 1").unwrap_err().to_string();
    assert!(
        refused.contains("no encryption") || refused.contains("SSL off"),
        "{refused}"
    );
    server
        .access()
        .execute("SELECT 1")
        .expect("the Unix socket stays plain");
    let url = server.tls_url("postgres").unwrap();
    let authority = &server.tls_files().unwrap().authority;
    assert!(url.ends_with(&format!(
        "?sslmode=verify-full&sslrootcert={}",
        authority.display()
    )));
    assert!(authority.is_file());
}

#[test]
fn a_fresh_database_is_a_copy_of_its_template_and_nobody_elses() {
    let Some(access) = postgres() else { return };
    let template = access
        .create_fresh_database("services_template", None)
        .unwrap();
    let names: Vec<String> = std::thread::scope(|scope| {
        let copies: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| access.create_fresh_database("copy", Some(&template))))
            .collect();
        copies
            .into_iter()
            .map(|copy| copy.join().unwrap().unwrap())
            .collect()
    });
    assert!(names.iter().all(|name| name.starts_with("copy_")));
    let twice = access
        .create_database(&names[0], None)
        .unwrap_err()
        .to_string();
    assert!(twice.contains("already exists"), "{twice}");
    for name in names.iter().chain([&template]) {
        access.drop_database(name).unwrap();
    }
}

fn s3_server_has_outages(
    start: fn(&S3Options) -> Result<S3Server, crypt_keeper_test_services::Error>,
) {
    let Some(mut server) = require_or_skip("an S3 server", start(&S3Options::default())) else {
        return;
    };
    let port = server.port();
    let before = identity(server.pid());
    assert!(is_listening(port));
    server.stop().unwrap();
    assert!(!before.is_running() && !is_listening(port));
    server.start_again().unwrap();
    assert!(is_listening(port));
    server.kill().unwrap();
    assert!(!is_listening(port));
    server.start_again().unwrap();
    let last = identity(server.pid());
    assert!(
        !format!("{server:?}").contains(&server.access().secret_key),
        "no secret in Debug"
    );
    drop(server);
    assert!(!last.is_running());
}

#[test]
fn minio_has_outages() {
    s3_server_has_outages(S3Server::start_minio);
}

#[test]
fn versitygw_has_outages() {
    s3_server_has_outages(S3Server::start_versitygw);
}

#[test]
fn openbao_keeps_its_tokens_and_its_data_over_seal_stop_and_kill() {
    let options = OpenBaoOptions {
        tls: true,
        ..OpenBaoOptions::default()
    };
    let Some(mut server) = require_or_skip("OpenBao", OpenBao::start(&options)) else {
        return;
    };
    let vault = server.access().clone();
    let kv = vault.create_fresh_kv().unwrap();
    let entry = format!("{kv}/data/kept");
    vault
        .must("POST", &entry, &json!({ "data": { "n": 1 } }))
        .unwrap();
    let site = VaultSite::create(&vault).unwrap();
    let token = site.token(&["ingest"], 600).unwrap();

    server.seal().unwrap();
    let (status, _) = vault.ask("GET", &entry, &json!(null)).unwrap();
    assert_eq!(status, 503);
    server.stop().unwrap();
    server.start_again().unwrap();
    for _ in 0..2 {
        let before = identity(server.pid());
        let read = vault.must("GET", &entry, &json!(null)).unwrap();
        assert_eq!(read["data"]["n"], 1);
        let ask_as = |token: &str, path: &str| {
            let answer = vault.ask_as(token, None, "GET", path, &json!(null));
            answer.unwrap().0
        };
        assert_eq!(ask_as(&token, "auth/token/lookup-self"), 200);
        assert_eq!(ask_as(&token, &entry), 403);
        assert_eq!(ask_as("nonsense", &entry), 403);
        server.kill().unwrap();
        assert!(!before.is_running());
        vault
            .ask("GET", &entry, &json!(null))
            .expect_err("a killed server does not answer");
        server.start_again().unwrap();
    }
    let (address, authority) = server.tls().unwrap();
    assert!(address.starts_with("https://127.0.0.1:") && authority.exists());
    let last = identity(server.pid());
    drop(server);
    assert!(!last.is_running());
}

#[test]
fn s3_servers_answer_only_to_signed_requests() {
    for shared in [
        crypt_keeper_test_services::minio,
        crypt_keeper_test_services::versitygw,
    ] {
        let Some(access) = shared() else { continue };
        let address = access.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        use std::io::{Read as _, Write as _};
        write!(stream, "GET / HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.contains("403 Forbidden"),
            "{}: {answer}",
            access.server
        );
    }
}

#[test]
fn a_server_behind_the_proxy_goes_away_and_comes_back() {
    let Some(server) = started_postgres(&PostgresOptions::default()) else {
        return;
    };
    let proxy = FaultProxy::start((Ipv4Addr::LOCALHOST, server.port()).into()).unwrap();
    let url = format!("postgres://postgres@{}", proxy.address());
    let access = crypt_keeper_test_services::PostgresAccess::from_url("TEST", &url).unwrap();
    access.execute("SELECT 1").unwrap();
    proxy.set(Fault::Refuse).unwrap();
    access.execute("SELECT 1").unwrap_err();
    proxy.set(Fault::None).unwrap();
    access.execute("SELECT 1").unwrap();
}

/// Tells this test binary, run a second time, to hold a server until it is killed.
const HELD_PID_FILE: &str = "CK_TEST_HELD_PID_FILE";

#[test]
fn servers_end_with_a_killed_process() {
    if let Some(file) = held_pid_file() {
        return hold_a_server(Path::new(&file));
    }
    if postgres().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "servers_end_with_a_killed_process"])
        .env(HELD_PID_FILE, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let held = wait_for_pid(&file);
    assert!(held.is_running());
    assert!(
        ProcessIdentity::of(holder.id())
            .unwrap()
            .signal(Signal::KILL)
    );
    holder.wait().unwrap();
    assert!(
        held.wait_until_gone(Duration::from_secs(10)),
        "PostgreSQL outlived its test"
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "how the two halves of the test agree on a file"
)]
fn held_pid_file() -> Option<std::ffi::OsString> {
    std::env::var_os(HELD_PID_FILE)
}

fn hold_a_server(file: &Path) {
    let server = started_postgres(&PostgresOptions::default()).expect("the first half had one");
    std::fs::write(file, format!("{}\n", server.pid().unwrap())).unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn wait_for_pid(file: &Path) -> ProcessIdentity {
    for _ in 0..600 {
        if let Ok(text) = std::fs::read_to_string(file)
            && text.ends_with('\n')
        {
            return ProcessIdentity::of(text.trim().parse().unwrap()).expect("it runs");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the other half started no server within 30 s");
}

#[test]
fn a_detached_server_is_left_running_with_its_folder_for_somebody_to_stop() {
    let options = PostgresOptions {
        detached: true,
        ..PostgresOptions::default()
    };
    let Some(server) = started_postgres(&options) else {
        return;
    };
    let port = server.port();
    let (process, folder) = server.leave_running().unwrap();
    assert!(process.is_running() && is_listening(port) && folder.is_dir());
    assert!(process.signal(Signal::INT));
    assert!(process.wait_until_gone(Duration::from_secs(20)));
    std::fs::remove_dir_all(folder).unwrap();
}
