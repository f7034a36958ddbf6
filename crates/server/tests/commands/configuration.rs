//! `config check`, and what every command says of a configuration that is wrong.

use crypt_keeper_server::config::{Environment, load};
use insta::assert_snapshot;

use crate::desk::Desk;

/// What is in force with nothing said; tests/configuration has it line by line.
fn usual() -> String {
    let nothing = load(None, &Environment::default(), &[]);
    nothing.unwrap().settings.to_string()
}

#[test]
fn with_nothing_said_all_of_it_is_shown() {
    let ran = Desk::bare().run(&["config", "check"]);
    assert_eq!((ran.code, ran.stdout), (0, usual()));
}

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
    let ran = desk.run(&["config", "check", "--set", "v1.query_auth=true"]);
    assert_eq!(ran.code, 0);
    // Every key has its line, in the same order.
    let usual = usual();
    assert_eq!(ran.stdout.lines().count(), usual.lines().count());
    let both = ran.stdout.lines().zip(usual.lines());
    let otherwise: Vec<_> = both
        .filter(|(shown, usual)| shown != usual)
        .map(|(shown, _)| shown)
        .collect();
    assert_snapshot!(otherwise.join("\n"), @r#"
    http.listen = "127.0.0.1:9000"  # CRYPT_KEEPER__HTTP__LISTEN
    metadata.backend = "postgres"  # CRYPT_KEEPER__METADATA__BACKEND
    metadata.postgres.url = "postgres://[redacted]@db/keeper?[redacted]"  # CRYPT_KEEPER__METADATA__POSTGRES__URL
    metadata.postgres.pool_size = 8
    metadata.migrate_on_start = false
    v1.query_auth = true  # command line
    log.format = "json"  # crypt-keeper.toml
    "#);
    assert_eq!(ran.stderr, "Read crypt-keeper.toml.\n");
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
