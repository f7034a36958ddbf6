//! What is in force: defaults, file, environment, flags, in that order.

use crypt_keeper_secret::ExposeSecret as _;
use crypt_keeper_server::config::{BlobsBackend, LogFormat, MasterKey, MetadataBackend, Settings};
use insta::assert_snapshot;

use crate::Case;

/// What is in force otherwise than with nothing said, line by line: `-` with nothing said, `+` here.
/// Every key has its line, in the same order.
fn differences(settings: &Settings) -> String {
    let (usual, shown) = (Case::new("").settings().to_string(), settings.to_string());
    assert_eq!(usual.lines().count(), shown.lines().count(), "{shown}");
    let pairs = usual.lines().zip(shown.lines());
    pairs
        .filter(|(usual, shown)| usual != shown)
        .map(|(usual, shown)| format!("- {usual}\n+ {shown}\n"))
        .collect()
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
    # metadata.dynamodb.region is not set
    # metadata.dynamodb.endpoint is not set
    # metadata.dynamodb.table_prefix is not set
    metadata.migrate_on_start = true
    blobs.backend = "local"
    # blobs.s3.bucket is not set
    # blobs.s3.region is not set
    # blobs.s3.endpoint is not set
    # blobs.s3.public_endpoint is not set
    # blobs.s3.path_style is not set
    # blobs.s3.cors_origins is not set
    # blobs.s3.versioning is not set
    keys.backend = "sealed"
    keys.algorithm = "CK-HPKE-XWING"
    keys.scope = "partition"
    keys.rotate_after = "90d"
    keys.rewrap_rate = 500
    # keys.backup_retention is not set
    # keys.master_key_file is not set
    # keys.master_key_command is not set
    # keys.master_key_transit is not set
    # keys.sealed.url is not set
    # keys.sealed.url_file is not set
    keys.cache.soft_ttl = "10m"
    keys.cache.hard_ttl = "1h"
    # keys.vault.address is not set
    # keys.vault.mount is not set
    # keys.vault.namespace is not set
    # keys.vault.ca_file is not set
    # keys.vault.auth is not set
    # keys.vault.auth_mount is not set
    # keys.vault.token_file is not set
    # keys.vault.role_id is not set
    # keys.vault.secret_id_file is not set
    retention.default = "default"
    retention.classes = [{ number = 0, name = "default", lifetime = "unlimited", period = "month" }]
    jobs.enabled = true
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
        cors_origins = ["https://Documents.example.com/", "*"]
        versioning = true
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
    assert_snapshot!(differences(&settings), @r#"
    - data_dir = "./crypt-keeper-data"
    + data_dir = "/srv/ck"
    - http.listen = "127.0.0.1:8080"
    + http.listen = "0.0.0.0:443"
    - # http.public_url is not set
    + http.public_url = "https://documents.example.com"
    - # http.tls.cert_file is not set
    + http.tls.cert_file = "/etc/ck/cert.pem"
    - # http.tls.key_file is not set
    + http.tls.key_file = "/etc/ck/key.pem"
    - http.trusted_proxies = []
    + http.trusted_proxies = ["10.0.0.0/8", "192.0.2.7/32", "::1/128"]
    - metadata.backend = "sqlite"
    + metadata.backend = "postgres"
    - # metadata.postgres.url is not set
    + metadata.postgres.url = "postgres://[redacted]@db/ck?[redacted]"
    - # metadata.postgres.pool_size is not set
    + metadata.postgres.pool_size = 20
    - blobs.backend = "local"
    + blobs.backend = "s3"
    - # blobs.s3.bucket is not set
    + blobs.s3.bucket = "documents"
    - # blobs.s3.region is not set
    + blobs.s3.region = "eu-central-1"
    - # blobs.s3.endpoint is not set
    + blobs.s3.endpoint = "http://minio:9000"
    - # blobs.s3.public_endpoint is not set
    + blobs.s3.public_endpoint = "https://s3.example.com"
    - # blobs.s3.path_style is not set
    + blobs.s3.path_style = true
    - # blobs.s3.cors_origins is not set
    + blobs.s3.cors_origins = ["https://documents.example.com", "*"]
    - # blobs.s3.versioning is not set
    + blobs.s3.versioning = true
    - # keys.master_key_command is not set
    + keys.master_key_command = "vault-read [redacted]"
    - # keys.sealed.url is not set
    + keys.sealed.url = "postgres://[redacted]@db/keys"
    - v1.query_auth = false
    + v1.query_auth = true
    - log.format = "human"
    + log.format = "json"
    - log.filter = "info"
    + log.filter = "info,crypt_keeper::access=warn"
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
        .env(
            "BLOBS__S3__CORS_ORIGINS",
            "https://a.example, https://*.b.example:8443",
        )
        .env("KEYS__MASTER_KEY_FILE", "/run/secrets/master")
        .settings();
    assert_snapshot!(differences(&settings), @r#"
    - data_dir = "./crypt-keeper-data"
    + data_dir = "007"
    - http.listen = "127.0.0.1:8080"
    + http.listen = "127.0.0.1:9000"
    - http.trusted_proxies = []
    + http.trusted_proxies = ["10.0.0.0/8", "::1/128"]
    - metadata.backend = "sqlite"
    + metadata.backend = "postgres"
    - # metadata.postgres.url is not set
    + metadata.postgres.url = "postgres://[redacted]@h/d"
    - # metadata.postgres.pool_size is not set
    + metadata.postgres.pool_size = 12
    - blobs.backend = "local"
    + blobs.backend = "s3"
    - # blobs.s3.bucket is not set
    + blobs.s3.bucket = "123"
    - # blobs.s3.path_style is not set
    + blobs.s3.path_style = true
    - # blobs.s3.cors_origins is not set
    + blobs.s3.cors_origins = ["https://a.example", "https://*.b.example:8443"]
    - # blobs.s3.versioning is not set
    + blobs.s3.versioning = false
    - # keys.master_key_file is not set
    + keys.master_key_file = "/run/secrets/master"
    "#);
}

#[test]
fn retention_classes_from_a_file_or_a_variable_are_shown_as_they_can_be_set() {
    let file = r#"
        jobs.enabled = false
        [retention]
        default = "week-files"
        [[retention.classes]]
        number = 64
        name = "week-files"
        lifetime = "90d"
        period = "week"
        [[retention.classes]]
        number = 1
        name = "daily"
        lifetime = "36h"
        "#;
    let settings = Case::new(file).settings();
    assert_eq!(settings.retention.default_class().number(), 64);
    let shown = differences(&settings);
    assert_snapshot!(shown, @r#"
    - retention.default = "default"
    + retention.default = "week-files"
    - retention.classes = [{ number = 0, name = "default", lifetime = "unlimited", period = "month" }]
    + retention.classes = [{ number = 0, name = "default", lifetime = "unlimited", period = "month" }, { number = 1, name = "daily", lifetime = "36h", period = "day" }, { number = 64, name = "week-files", lifetime = "90d", period = "week" }]
    - jobs.enabled = true
    + jobs.enabled = false
    "#);
    let from_variables = Case::new("")
        .env("RETENTION__CLASSES", "64:week-files:90d:week, 1:daily:36h")
        .env("RETENTION__DEFAULT", "week-files")
        .env("JOBS__ENABLED", "0");
    assert_eq!(differences(&from_variables.settings()), shown);
    // What is shown says the same again.
    let again = settings.to_string();
    let again: Vec<_> = again
        .lines()
        .filter(|line| line.starts_with("retention.") || line.starts_with("jobs."))
        .collect();
    assert_eq!(differences(&Case::new(&again.join("\n")).settings()), shown);

    let class_0 = Case::new("").env("RETENTION__CLASSES", "0:quarter:13w");
    assert_snapshot!(differences(&class_0.settings()), @r#"
    - retention.default = "default"
    + retention.default = "quarter"
    - retention.classes = [{ number = 0, name = "default", lifetime = "unlimited", period = "month" }]
    + retention.classes = [{ number = 0, name = "quarter", lifetime = "91d", period = "month" }]
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
