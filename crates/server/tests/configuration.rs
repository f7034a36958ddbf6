//! The configuration: what wins over what, and what is said of what is wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::PathBuf;

use crypt_keeper_secret::ExposeSecret as _;
use crypt_keeper_server::config::{
    BlobsBackend, Environment, LogFormat, MasterKey, MetadataBackend, Override, Settings, load,
};
use insta::assert_snapshot;

/// A configuration file in a folder of its own.
struct Case {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    overrides: Vec<Override>,
}

impl Case {
    fn new(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ck.toml"), file).unwrap();
        Self {
            folder,
            variables: Vec::new(),
            overrides: Vec::new(),
        }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        let name = format!("CRYPT_KEEPER__{name}");
        self.variables.push((name, value.to_owned()));
        self
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.overrides.push(Override::new(key, value));
        self
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ck.toml")
    }

    fn settings(&self) -> Settings {
        let environment: Environment = self.variables.iter().cloned().collect();
        load(Some(&self.file()), &environment, &self.overrides)
            .unwrap()
            .settings
    }

    /// What is said; always one line.
    fn refused(&self) -> String {
        let environment: Environment = self.variables.iter().cloned().collect();
        let refused = load(Some(&self.file()), &environment, &self.overrides);
        let line = refused.unwrap_err().to_string();
        assert_eq!(line.lines().count(), 1, "{line}");
        line.replace(&self.folder.path().display().to_string(), "<folder>")
    }
}

fn refused(file: &str) -> String {
    Case::new(file).refused()
}

#[test]
fn with_nothing_said_everything_is_embedded() {
    let settings = Case::new("").settings();
    assert!(settings.is_embedded());
    assert_snapshot!(settings, @r#"
    data_dir = "./crypt-keeper-data"
    role = "full"
    http.listen = "127.0.0.1:8080"
    # http.public_url is not set
    # http.tls.cert_file is not set
    # http.tls.key_file is not set
    http.trusted_proxies = []
    http.allow_plain = false
    metadata.backend = "sqlite"
    # metadata.postgres.url is not set
    # metadata.postgres.url_file is not set
    # metadata.postgres.pool_size is not set
    metadata.migrate_on_start = true
    blobs.backend = "local"
    # blobs.s3.bucket is not set
    # blobs.s3.region is not set
    # blobs.s3.endpoint is not set
    # blobs.s3.public_endpoint is not set
    # blobs.s3.path_style is not set
    keys.backend = "sealed"
    keys.algorithm = "CK-HPKE-XWING"
    keys.scope = "shared"
    keys.rotate_after = "90d"
    # keys.master_key_file is not set
    # keys.master_key_command is not set
    # keys.sealed.url is not set
    # keys.sealed.url_file is not set
    # keys.vault.address is not set
    # keys.vault.mount is not set
    # keys.vault.namespace is not set
    # keys.vault.ca_file is not set
    # keys.vault.auth is not set
    # keys.vault.auth_mount is not set
    # keys.vault.token_file is not set
    # keys.vault.role_id is not set
    # keys.vault.secret_id_file is not set
    v1.query_auth = false
    log.format = "human"
    log.filter = "info"
    "#);
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let case = Case::new("[http]\nlisten = \"127.0.0.1:1\"\n[log]\nfilter = \"warn\"");
    assert_eq!(case.settings().http.listen.port(), 1);
    let case = case.env("HTTP__LISTEN", "127.0.0.1:2");
    assert_eq!(case.settings().http.listen.port(), 2);
    let case = case.set("http.listen", "127.0.0.1:3");
    assert_eq!(case.settings().http.listen.port(), 3);
    assert_eq!(case.settings().log.filter, "warn");
    // Empty is unset: compose files say so.
    let case = Case::new("[log]\nfilter = \"warn\"").env("LOG__FILTER", "");
    assert_eq!(case.settings().log.filter, "warn");
}

#[test]
fn every_section_from_a_file() {
    let case = Case::new(
        r#"
        data_dir = "/srv/ck"
        [http]
        listen = "0.0.0.0:443"
        public_url = "https://documents.example.com/"
        trusted_proxies = ["10.0.0.0/8", "192.0.2.7", "::1"]
        allow_plain = false
        [http.tls]
        cert_file = "/etc/ck/cert.pem"
        key_file = "/etc/ck/key.pem"
        [metadata]
        backend = "postgres"
        migrate_on_start = true
        [metadata.postgres]
        url = "postgres://ck:s3cret@db/ck?sslmode=verify-full"
        pool_size = 20
        [blobs]
        backend = "s3"
        [blobs.s3]
        bucket = "documents"
        region = "eu-central-1"
        endpoint = "http://minio:9000"
        public_endpoint = "https://s3.example.com"
        path_style = true
        [keys]
        master_key_command = "vault-read 'my key'"
        sealed.url = "postgres://keys:t0p@db/keys"
        [v1]
        query_auth = true
        [log]
        format = "json"
        filter = "info,crypt_keeper::access=warn"
        "#,
    );
    let settings = case.settings();
    assert!(!settings.is_embedded());
    let MetadataBackend::Postgres(postgres) = &settings.metadata.backend else {
        unreachable!("{settings}");
    };
    assert_eq!(
        postgres.url.expose_secret(),
        "postgres://ck:s3cret@db/ck?sslmode=verify-full"
    );
    assert!(matches!(settings.blobs.backend, BlobsBackend::S3(_)));
    let command = MasterKey::Command("vault-read 'my key'".to_owned());
    assert_eq!(settings.keys.master_key, Some(command));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_snapshot!(settings, @r#"
    data_dir = "/srv/ck"
    role = "full"
    http.listen = "0.0.0.0:443"
    http.public_url = "https://documents.example.com"
    http.tls.cert_file = "/etc/ck/cert.pem"
    http.tls.key_file = "/etc/ck/key.pem"
    http.trusted_proxies = ["10.0.0.0/8", "192.0.2.7/32", "::1/128"]
    http.allow_plain = false
    metadata.backend = "postgres"
    metadata.postgres.url = "postgres://[redacted]@db/ck?[redacted]"
    # metadata.postgres.url_file is not set
    metadata.postgres.pool_size = 20
    metadata.migrate_on_start = true
    blobs.backend = "s3"
    blobs.s3.bucket = "documents"
    blobs.s3.region = "eu-central-1"
    blobs.s3.endpoint = "http://minio:9000"
    blobs.s3.public_endpoint = "https://s3.example.com"
    blobs.s3.path_style = true
    keys.backend = "sealed"
    keys.algorithm = "CK-HPKE-XWING"
    keys.scope = "shared"
    keys.rotate_after = "90d"
    # keys.master_key_file is not set
    keys.master_key_command = "vault-read [redacted]"
    keys.sealed.url = "postgres://[redacted]@db/keys"
    # keys.sealed.url_file is not set
    # keys.vault.address is not set
    # keys.vault.mount is not set
    # keys.vault.namespace is not set
    # keys.vault.ca_file is not set
    # keys.vault.auth is not set
    # keys.vault.auth_mount is not set
    # keys.vault.token_file is not set
    # keys.vault.role_id is not set
    # keys.vault.secret_id_file is not set
    v1.query_auth = true
    log.format = "json"
    log.filter = "info,crypt_keeper::access=warn"
    "#);
    let shown = format!("{settings} {settings:?}");
    for secret in ["s3cret", "t0p"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_same_from_the_environment() {
    let settings = Case::new("")
        .env("DATA_DIR", "007")
        .env("HTTP__LISTEN", "localhost:9000")
        .env("HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
        .env("METADATA__BACKEND", "postgres")
        .env("METADATA__POSTGRES__URL", "postgres://u:p@h/d")
        .env("METADATA__POSTGRES__POOL_SIZE", "12")
        .env("METADATA__MIGRATE_ON_START", "TRUE")
        .env("BLOBS__BACKEND", "s3")
        .env("BLOBS__S3__BUCKET", "123")
        .env("BLOBS__S3__PATH_STYLE", "1")
        .env("KEYS__MASTER_KEY_FILE", "/run/secrets/master")
        .settings();
    assert_snapshot!(settings, @r#"
    data_dir = "007"
    role = "full"
    http.listen = "127.0.0.1:9000"
    # http.public_url is not set
    # http.tls.cert_file is not set
    # http.tls.key_file is not set
    http.trusted_proxies = ["10.0.0.0/8", "::1/128"]
    http.allow_plain = false
    metadata.backend = "postgres"
    metadata.postgres.url = "postgres://[redacted]@h/d"
    # metadata.postgres.url_file is not set
    metadata.postgres.pool_size = 12
    metadata.migrate_on_start = true
    blobs.backend = "s3"
    blobs.s3.bucket = "123"
    # blobs.s3.region is not set
    # blobs.s3.endpoint is not set
    # blobs.s3.public_endpoint is not set
    blobs.s3.path_style = true
    keys.backend = "sealed"
    keys.algorithm = "CK-HPKE-XWING"
    keys.scope = "shared"
    keys.rotate_after = "90d"
    keys.master_key_file = "/run/secrets/master"
    # keys.master_key_command is not set
    # keys.sealed.url is not set
    # keys.sealed.url_file is not set
    # keys.vault.address is not set
    # keys.vault.mount is not set
    # keys.vault.namespace is not set
    # keys.vault.ca_file is not set
    # keys.vault.auth is not set
    # keys.vault.auth_mount is not set
    # keys.vault.token_file is not set
    # keys.vault.role_id is not set
    # keys.vault.secret_id_file is not set
    v1.query_auth = false
    log.format = "human"
    log.filter = "info"
    "#);
}

#[test]
fn a_url_with_a_password_may_stand_in_a_file_of_its_own() {
    let case = Case::new("metadata.backend = \"postgres\"");
    let secret = case.folder.path().join("url");
    std::fs::write(&secret, "postgres://u:p@h/d\n").unwrap();
    let case = case.env("METADATA__POSTGRES__URL_FILE", secret.to_str().unwrap());
    let settings = case.settings();
    let MetadataBackend::Postgres(postgres) = settings.metadata.backend else {
        unreachable!("sqlite");
    };
    assert_eq!(postgres.url.expose_secret(), "postgres://u:p@h/d");

    let both = case.env("METADATA__POSTGRES__URL", "postgres://u:p@h/d");
    assert_snapshot!(both.refused(), @"`metadata.postgres.url` and `metadata.postgres.url_file` are both set: remove one");
    let missing = Case::new("metadata.postgres.url_file = \"/nowhere/url\"");
    assert_snapshot!(missing.refused(), @r#"<folder>/ck.toml: `metadata.postgres.url_file` = "/nowhere/url" is not valid: it cannot be read: No such file or directory (os error 2)"#);
}

#[test]
fn unknown_keys() {
    assert_snapshot!(refused("[http]\nlistne = \"127.0.0.1:1\""), @"<folder>/ck.toml: unknown configuration key `http.listne`; did you mean `http.listen`?");
    assert_snapshot!(refused("colour = \"red\""), @"<folder>/ck.toml: unknown configuration key `colour`; `crypt-keeper config check --help` lists the known ones");
    assert_snapshot!(refused("http = \"x\""), @"<folder>/ck.toml: unknown configuration key `http`; `crypt-keeper config check --help` lists the known ones");
    let variable = Case::new("").env("HTTP__LISTNE", "127.0.0.1:1").refused();
    assert_snapshot!(variable, @"environment: unknown configuration key `CRYPT_KEEPER__HTTP__LISTNE`; did you mean `CRYPT_KEEPER__HTTP__LISTEN`?");
    let variable = Case::new("").env("LISTEN", "127.0.0.1:1").refused();
    assert_snapshot!(variable, @"environment: unknown configuration key `CRYPT_KEEPER__LISTEN`; `crypt-keeper config check --help` lists the known ones");
    assert_snapshot!(Case::new("").set("http.lisen", "x").refused(), @"command line: unknown configuration key `http.lisen`; did you mean `http.listen`?");
}

#[test]
fn values_that_cannot_be() {
    let cases = [
        "[http]\nlisten = \"8080\"",
        "[http]\nlisten = \"everywhere:80\"",
        "[http]\nlisten = 8080",
        "[http]\nlisten = [\"127.0.0.1:1\"]",
        "[http]\npublic_url = \"documents.example.com\"",
        "[http]\npublic_url = \"https://h/path\"",
        "[http]\npublic_url = \"https://user@h\"",
        "[http]\nallow_plain = \"maybe\"",
        "[http]\ntrusted_proxies = \"10.0.0.0/33\"",
        "[http]\ntrusted_proxies = [1]",
        "[http.tls]\ncert_file = \"c\"",
        "[metadata]\nbackend = \"mysql\"",
        "[metadata]\nbackend = \"postgres\"",
        "[metadata.postgres]\nurl = \"postgres://u:s3cret@h/d\"",
        "[metadata]\nbackend = \"postgres\"\npostgres.url = \"u:s3cret@h\"",
        "[metadata.postgres]\npool_size = 0",
        "[blobs]\nbackend = \"s3\"",
        "[blobs]\nbackend = \"ftp\"",
        "[blobs.s3]\nbucket = \"b\"",
        "[blobs.s3]\nendpoint = \"minio:9000\"",
        "[keys]\nbackend = \"vault\"",
        "[keys]\nmaster_key_command = \" \"",
        "[keys]\nmaster_key_command = \"c\"\nmaster_key_file = \"f\"",
        "[keys.sealed]\nurl = \"postgres://h/d\"",
        "[log]\nformat = \"xml\"",
        "[log]\nfilter = \"crypt=loud\"",
    ];
    let lines: Vec<_> = cases.into_iter().map(refused).collect();
    for line in &lines {
        assert!(!line.contains("s3cret"), "{line}");
    }
    assert_snapshot!(lines.join("\n"), @r#"
    <folder>/ck.toml: `http.listen` = "8080" is not valid: an address and a port are needed, such as 127.0.0.1:8080
    <folder>/ck.toml: `http.listen` = "everywhere:80" is not valid: an address and a port are needed, such as 127.0.0.1:8080
    <folder>/ck.toml: `http.listen` = "8080" is not valid: an address and a port are needed, such as 127.0.0.1:8080
    <folder>/ck.toml: `http.listen` is not valid: a single value is needed
    <folder>/ck.toml: `http.public_url` = "documents.example.com" is not valid: http:// or https:// and a host are needed, without a path
    <folder>/ck.toml: `http.public_url` = "https://h/path" is not valid: http:// or https:// and a host are needed, without a path
    <folder>/ck.toml: `http.public_url` = "https://user@h" is not valid: http:// or https:// and a host are needed, without a path
    <folder>/ck.toml: `http.allow_plain` = "maybe" is not valid: true or false is needed
    <folder>/ck.toml: `http.trusted_proxies` = "10.0.0.0/33" is not valid: addresses or networks are needed, such as 10.0.0.0/8, 192.0.2.7
    <folder>/ck.toml: `http.trusted_proxies` is not valid: addresses or networks are needed, such as 10.0.0.0/8, 192.0.2.7
    `http.tls.cert_file` and `http.tls.key_file` go together: set both or none
    <folder>/ck.toml: `metadata.backend` = "mysql" is not valid: `sqlite` or `postgres` is needed
    `metadata.backend` = "postgres" needs `metadata.postgres.url`, or `metadata.postgres.url_file`
    `metadata.postgres.url` is set, but `metadata.backend` is "sqlite": set it to "postgres", or remove the URL
    <folder>/ck.toml: `metadata.postgres.url` is not valid: a URL such as postgres://user@host/database is needed
    <folder>/ck.toml: `metadata.postgres.pool_size` = "0" is not valid: a number from 1 to 1000 is needed
    `blobs.backend` = "s3" needs `blobs.s3.bucket`
    <folder>/ck.toml: `blobs.backend` = "ftp" is not valid: `local` or `s3` is needed
    `blobs.s3.bucket` is set, but `blobs.backend` is "local": set it to "s3", or remove the bucket
    <folder>/ck.toml: `blobs.s3.endpoint` = "minio:9000" is not valid: http:// or https:// and a host are needed, without a path
    <folder>/ck.toml: `keys.backend` = "vault" is not valid: `sealed`, `vault-kv` or `vault-transit` is needed
    <folder>/ck.toml: `keys.master_key_command` = " " is not valid: a command and its arguments are needed
    `keys.master_key_file` and `keys.master_key_command` are both set: remove one
    `keys.sealed.url` goes with `metadata.backend` = "postgres": with "sqlite" the sealed private halves are in the data folder's keys.db
    <folder>/ck.toml: `log.format` = "xml" is not valid: `human` or `json` is needed
    <folder>/ck.toml: `log.filter` = "crypt=loud" is not valid: error, warn, info, debug, trace, or target=level pairs are needed
    "#);
}

#[test]
fn listening_beyond_loopback_must_be_meant() {
    let listen = "[http]\nlisten = \"192.0.2.1:8080\"\n";
    assert_snapshot!(refused(listen), @r#"`http.listen` = "192.0.2.1:8080" is beyond loopback, and document keys would travel in clear: set `http.tls.cert_file` and `http.tls.key_file`, or `http.trusted_proxies` if a proxy in front ends TLS, or `http.allow_plain = true` if you mean it"#);
    for meant in [
        "allow_plain = true",
        "trusted_proxies = [\"192.0.2.2\"]",
        "tls.cert_file = \"c\"\ntls.key_file = \"k\"",
    ] {
        Case::new(&format!("{listen}{meant}")).settings();
    }
    for loopback in [
        "127.9.9.9:1",
        "[::1]:1",
        "localhost:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        Case::new("").set("http.listen", loopback).settings();
    }
    let everywhere = "[http]\nlisten = \"0.0.0.0:8080\"\nallow_plain = true";
    assert_snapshot!(refused(everywhere), @r#"`http.listen` = "0.0.0.0:8080" is every address, so URLs for clients cannot be made: set `http.public_url` to the address that clients see"#);
    let told = Case::new(everywhere).set("http.public_url", "http://h:8080");
    assert!(told.settings().http.carries_keys_in_clear());
}

#[test]
fn files_that_cannot_be_read() {
    let environment = Environment::default();
    let missing = load(Some("/nowhere/ck.toml".as_ref()), &environment, &[]);
    assert_snapshot!(missing.unwrap_err(), @"cannot read the configuration file /nowhere/ck.toml: No such file or directory (os error 2)");
    assert_snapshot!(refused("[http\nlisten = 1"), @"<folder>/ck.toml: the configuration cannot be read: TOML parse error at line 1, column 6 unclosed table, expected `]`");
    assert_snapshot!(refused("a = 1\na = 2"), @"<folder>/ck.toml: the configuration cannot be read: TOML parse error at line 2, column 1 duplicate key");
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_file_is_read_or_refused_in_one_line(
            lines in prop::collection::vec(
                prop_oneof![
                    "\\[(http|metadata|blobs|keys|v1|log|x)(\\.(tls|s3|postgres|sealed))?\\]",
                    "(listen|backend|url|pool_size|format|filter|bucket|x) = (true|-?[0-9]{1,9}|\"[ -!#-Z^-~]{0,30}\"|\\[\\])",
                    "\\PC{0,30}",
                ],
                0..8,
            ),
        ) {
            let case = Case::new(&lines.join("\n"));
            let read = load(Some(&case.file()), &Environment::default(), &[]);
            if let Err(error) = read {
                prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
            }
        }

        #[test]
        fn any_value_of_any_key_is_read_or_refused_in_one_line(
            key in prop::sample::select(crypt_keeper_server::config::KEYS),
            value in "\\PC{0,60}",
        ) {
            let case = Case::new("").set(key.name, &value);
            let read = load(Some(&case.file()), &Environment::default(), &case.overrides);
            if let Err(error) = read {
                prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error);
            }
        }
    }
}

/// A server that may only accept uploads, as it should be configured.
fn ingest() -> Case {
    Case::new(&format!("role = \"ingest\"\n{POSTGRES}{S3}"))
}

const POSTGRES: &str =
    "metadata = { backend = \"postgres\", postgres.url = \"postgres://ingest@db/ck\" }\n";
const S3: &str = "blobs = { backend = \"s3\", s3.bucket = \"documents\" }\n";

#[test]
fn an_ingest_server_is_refused_whatever_it_should_not_hold() {
    assert_eq!(ingest().settings().role.as_str(), "ingest");
    assert!(!ingest().settings().metadata.migrate_on_start);
    assert_eq!(Case::new("").settings().role.as_str(), "full");
    for (case, what) in [
        (
            Case::new(&format!("role = \"ingest\"\n{POSTGRES}")),
            "`blobs.backend` = \"local\"",
        ),
        (
            ingest().set("keys.master_key_file", "/m"),
            "`keys.master_key_file`",
        ),
        (
            ingest().set("keys.master_key_command", "print"),
            "`keys.master_key_command`",
        ),
        (
            ingest().env("KEYS__SEALED__URL", "postgres://k@db/keys"),
            "`keys.sealed.url`",
        ),
        (
            ingest().set("metadata.migrate_on_start", "true"),
            "`metadata.migrate_on_start` = true",
        ),
        (
            Case::new(&format!("role = \"ingest\"\n{S3}")),
            "`metadata.backend` = \"sqlite\"",
        ),
    ] {
        let refused = case.refused();
        let words = format!("{what} does not go with `role` = \"ingest\": ");
        assert!(refused.starts_with(&words), "{refused}");
    }
    let refused = Case::new("role = \"reader\"").refused();
    assert!(
        refused.contains("`full` or `ingest` is needed"),
        "{refused}"
    );
}
