//! A service that cannot work on its PostgreSQL or its bucket refuses to start, in one readable line
//! that says what to do. (What the embedded default refuses is in crates/server/tests/process.)

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crypt_keeper_test_services::PortLease;
use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts, Server};
use insta::assert_snapshot;

/// Longer than any start; a service that starts after all must not be waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A set-up installation on PostgreSQL and MinIO.
fn installation() -> Option<Installation> {
    let parts = Parts::find(Metadata::Postgres, Blobs::Minio)?;
    let mut installation = Installation::new(&parts);
    installation.set_up();
    Some(installation)
}

/// What it says when it refuses to start, without what differs from run to run.
fn refusal(installation: &Installation) -> String {
    let output = started(installation);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "one line:\n{stderr}");
    let folder = installation.path("").display().to_string();
    let folder = folder.trim_end_matches('/');
    let mut said = stderr.trim_end().replace(folder, "~");
    let port = format!(":{}", installation.address().port());
    said = said.replace(&port, ":PORT");
    for name in ["METADATA__POSTGRES__URL", "BLOBS__S3__ENDPOINT"] {
        let url = installation.setting(name);
        let authority = url.split('/').nth(2).unwrap();
        let host = authority.rsplit('@').next().unwrap();
        said = said.replace(host, "SERVER");
    }
    let database = installation.setting("METADATA__POSTGRES__URL");
    let database = database.rsplit('/').next().unwrap();
    let database = database.split('?').next().unwrap();
    said = said.replace(database, "DATABASE");
    said = said.replace(installation.setting("BLOBS__S3__BUCKET"), "BUCKET");
    format!("{said}\nexit {}", output.status.code().unwrap())
}

fn started(installation: &Installation) -> Output {
    let mut child = installation
        .command(&["serve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it started: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn no_master_key() {
    let Some(mut installation) = installation() else {
        return;
    };
    installation.unset("KEYS__MASTER_KEY_FILE");
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: there is no master key: make one with `crypt-keeper master-key new FILE`, keep a copy apart from the database's backups, and set `keys.master_key_file` = "FILE"
    exit 2
    "#);
}

#[test]
fn another_master_key() {
    let Some(mut installation) = installation() else {
        return;
    };
    let other = installation.path("other.key");
    let other = other.to_str().unwrap();
    installation.succeeds(&["master-key", "new", other]);
    installation.set("KEYS__MASTER_KEY_FILE", other);
    let said = refusal(&installation);
    assert_snapshot!(without_ids(&said), @r#"
    crypt-keeper: no private half opens: the key vault failed: the private half of key pair SERIAL does not open: it is sealed under master key ID, which is not in the ring: add its line to the master key file. Are this master key and this key store those of this database?
    exit 1
    "#);
}

/// Master key ids and serials are random.
fn without_ids(said: &str) -> String {
    said.split(' ')
        .map(|word| {
            let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_id = core.len() == 16 && core.bytes().all(|b| b.is_ascii_hexdigit());
            let is_serial = core.len() > 12 && core.bytes().all(|b| b.is_ascii_digit());
            match (is_id, is_serial) {
                (true, false) => word.replace(core, "ID"),
                (_, true) => word.replace(core, "SERIAL"),
                _ => word.to_owned(),
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_master_key_file_that_others_may_read() {
    let Some(installation) = installation() else {
        return;
    };
    let file = installation.master_key_file();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: cannot open the master key: others may access the master key file (mode 0640): run `chmod 600 ~/master.key`
    exit 1
    "#);
}

#[test]
fn a_database_of_a_newer_version() {
    let Some(installation) = installation() else {
        return;
    };
    installation
        .database()
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')");
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: cannot open the metadata database: the database is newer than this program: it has migration 29991231000000, which this program does not know. Run the version that migrated it, or a later one
    exit 1
    "#);
}

#[test]
fn a_database_that_nobody_has_migrated() {
    let Some(mut installation) = installation() else {
        return;
    };
    let parts = Parts::find(Metadata::Postgres, Blobs::Minio).unwrap();
    let empty = Installation::new(&parts);
    let url = empty.setting("METADATA__POSTGRES__URL");
    installation.set("METADATA__POSTGRES__URL", url);
    let said = refusal(&installation);
    assert!(
        said.starts_with("crypt-keeper: the metadata database lacks the migrations "),
        "{said}"
    );
    assert!(said.contains("run `crypt-keeper migrate`"), "{said}");
}

#[test]
fn a_database_that_is_not_there() {
    let Some(mut installation) = installation() else {
        return;
    };
    let url = format!("{}_gone", installation.setting("METADATA__POSTGRES__URL"));
    installation.set("METADATA__POSTGRES__URL", &url);
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: cannot open the metadata database: the PostgreSQL server refuses the connection: database "DATABASE" does not exist
    exit 1
    "#);
}

#[test]
fn a_postgres_that_does_not_listen() {
    let Some(mut installation) = installation() else {
        return;
    };
    let nobody = PortLease::free().unwrap();
    let url = format!(
        "postgres://alice:hunter2hunter2@127.0.0.1:{}/e2e",
        nobody.port()
    );
    installation.set("METADATA__POSTGRES__URL", &url);
    let said = refusal(&installation);
    assert!(!said.contains("hunter2hunter2"), "{said}");
    assert_snapshot!(said, @r#"
    crypt-keeper: cannot open the metadata database: the database is unavailable: error connecting to server: Connection refused (os error 111)
    exit 1
    "#);
}

#[test]
fn a_bucket_that_does_not_exist() {
    let Some(mut installation) = installation() else {
        return;
    };
    let bucket = format!("{}-gone", installation.setting("BLOBS__S3__BUCKET"));
    installation.set("BLOBS__S3__BUCKET", &bucket);
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: cannot open the object store: HeadBucket on bucket `BUCKET`: there is no such bucket: make it with `crypt-keeper setup`, or name the right one
    exit 1
    "#);
}

#[test]
fn credentials_that_the_store_does_not_know() {
    let Some(mut installation) = installation() else {
        return;
    };
    installation.set_variable("AWS_ACCESS_KEY_ID", "AKIDNOBODYKNOWSTHIS0");
    installation.set_variable("AWS_SECRET_ACCESS_KEY", "hunter2hunter2hunter2");
    let said = refusal(&installation);
    assert!(!said.contains("hunter2hunter2"), "{said}");
    assert_snapshot!(said, @r#"
    crypt-keeper: cannot open the object store: HeadBucket on bucket `BUCKET`: access is denied: the credentials' policy lacks this right on this bucket (HTTP status 403)
    exit 1
    "#);
}

#[test]
fn a_port_in_use() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    let server = Server::start(&parts);
    // The same settings once more.
    assert_snapshot!(refusal(&server.installation), @r#"
    crypt-keeper: cannot listen on 127.0.0.1:PORT: the port is in use. Stop what listens there (perhaps another crypt-keeper), or choose another address with --listen or `http.listen`
    exit 1
    "#);
    assert!(server.is_ready(), "the first one goes on");
}

#[test]
fn an_unknown_variable_and_an_unknown_key_of_the_file() {
    let Some(mut installation) = installation() else {
        return;
    };
    installation.set("BLOBS__S3__BUKET", "x");
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: environment: unknown configuration key `CRYPT_KEEPER__BLOBS__S3__BUKET`; did you mean `CRYPT_KEEPER__BLOBS__S3__BUCKET`?
    exit 2
    "#);
    installation.unset("BLOBS__S3__BUKET");
    fs::write(
        installation.path("crypt-keeper.toml"),
        "[metadata.postgres]\nurll = \"x\"\n",
    )
    .unwrap();
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: crypt-keeper.toml: unknown configuration key `metadata.postgres.urll`; did you mean `metadata.postgres.url`?
    exit 2
    "#);
}

#[test]
fn an_address_beyond_loopback_without_tls() {
    let Some(mut installation) = installation() else {
        return;
    };
    let port = installation.address().port();
    installation.set("HTTP__LISTEN", &format!("0.0.0.0:{port}"));
    assert_snapshot!(refusal(&installation), @r#"
    crypt-keeper: `http.listen` = "0.0.0.0:PORT" is beyond loopback, and document keys would travel in clear: set `http.tls.cert_file` and `http.tls.key_file`, or `http.trusted_proxies` if a proxy in front ends TLS, or `http.allow_plain = true` if you mean it
    exit 2
    "#);
}
