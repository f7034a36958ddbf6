//! `config check`, and what every command says of a configuration that is wrong.

use insta::assert_snapshot;

use crate::desk::Desk;

#[test]
fn what_is_in_force_is_shown_with_where_it_stands_and_without_secrets() {
    let desk = Desk::bare()
        .with("CRYPT_KEEPER__HTTP__LISTEN", "127.0.0.1:9000")
        .with("CRYPT_KEEPER__METADATA__BACKEND", "postgres")
        .with(
            "CRYPT_KEEPER__METADATA__POSTGRES__URL",
            "postgres://keeper:hunter2@db/keeper?password=hunter3",
        );
    std::fs::write(desk.path("crypt-keeper.toml"), "[log]\nformat = \"json\"\n").unwrap();
    assert_snapshot!(desk.type_in(&["config check --set v1.query_auth=true"]), @r#"
    $ crypt-keeper config check --set v1.query_auth=true
    data_dir = "./crypt-keeper-data"
    role = "full"
    http.listen = "127.0.0.1:9000"  # CRYPT_KEEPER__HTTP__LISTEN
    # http.public_url is not set
    # http.tls.cert_file is not set
    # http.tls.key_file is not set
    http.trusted_proxies = []
    http.allow_plain = false
    metadata.backend = "postgres"  # CRYPT_KEEPER__METADATA__BACKEND
    metadata.postgres.url = "postgres://[redacted]@db/keeper?[redacted]"  # CRYPT_KEEPER__METADATA__POSTGRES__URL
    # metadata.postgres.url_file is not set
    metadata.postgres.pool_size = 8
    # metadata.dynamodb.region is not set
    # metadata.dynamodb.endpoint is not set
    # metadata.dynamodb.table_prefix is not set
    metadata.migrate_on_start = false
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
    v1.query_auth = true  # command line
    log.format = "json"  # crypt-keeper.toml
    log.filter = "info"
    | Read crypt-keeper.toml.
    "#);
    let shown = desk.run(&["config", "check", "--json"]);
    assert!(!shown.stdout.contains("hunter"), "{}", shown.stdout);
    let json = shown.json().remove(0);
    assert_eq!(json["keys"]["http.listen"]["value"], "\"127.0.0.1:9000\"");
    assert_eq!(
        json["keys"]["http.listen"]["origin"],
        "CRYPT_KEEPER__HTTP__LISTEN"
    );
    assert_eq!(
        json["keys"]["http.allow_plain"]["origin"],
        serde_json::Value::Null
    );
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let say = |variable: &str, value: &str| {
        Desk::bare()
            .with(variable, value)
            .type_in(&["config check"])
    };
    assert_snapshot!(say("CRYPT_KEEPER__HTTP__LISTNE", "127.0.0.1:9000"), @r"
    $ crypt-keeper config check
    | crypt-keeper: environment: unknown configuration key `CRYPT_KEEPER__HTTP__LISTNE`; did you mean `CRYPT_KEEPER__HTTP__LISTEN`?
    exit code 2
    ");
    assert_snapshot!(say("CRYPT_KEEPER__HTTP__LISTEN", "9000"), @r#"
    $ crypt-keeper config check
    | crypt-keeper: CRYPT_KEEPER__HTTP__LISTEN: `http.listen` = "9000" is not valid: an address and a port are needed, such as 127.0.0.1:8080
    exit code 2
    "#);
    assert_snapshot!(say("CRYPT_KEEPER__HTTP__LISTEN", "0.0.0.0:9000"), @r#"
    $ crypt-keeper config check
    | crypt-keeper: `http.listen` = "0.0.0.0:9000" is beyond loopback, and document keys would travel in clear: set `http.tls.cert_file` and `http.tls.key_file`, or `http.trusted_proxies` if a proxy in front ends TLS, or `http.allow_plain = true` if you mean it
    exit code 2
    "#);
    assert_snapshot!(say("CRYPT_KEEPER__METADATA__BACKEND", "postgres"), @r#"
    $ crypt-keeper config check
    | crypt-keeper: `metadata.backend` = "postgres" needs `metadata.postgres.url`, or `metadata.postgres.url_file`
    exit code 2
    "#);
}
