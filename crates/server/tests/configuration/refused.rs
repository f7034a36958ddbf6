//! What is refused, in one line that says what to do.

use crypt_keeper_server::config::{Environment, load};
use insta::assert_snapshot;

use crate::{Case, refused};

#[test]
fn unknown_keys() {
    assert_snapshot!(refused("[http]\nlistne = \"127.0.0.1:1\""), @"<folder>/ck.toml: unknown configuration key `http.listne`; did you mean `http.listen`?");
    assert_snapshot!(refused("colour = \"red\""), @"<folder>/ck.toml: unknown configuration key `colour`; `crypt-keeper config check --help` lists the known ones");
    assert_snapshot!(refused("http = \"x\""), @"<folder>/ck.toml: unknown configuration key `http`; `crypt-keeper config check --help` lists the known ones");
    let variable = Case::new("").env("HTTP__LISTNE", "127.0.0.1:1").refused();
    assert_snapshot!(variable, @"environment: unknown configuration key `CRYPT_KEEPER__HTTP__LISTNE`; did you mean `CRYPT_KEEPER__HTTP__LISTEN`?");
    let variable = Case::new("").env("LISTEN", "127.0.0.1:1").refused();
    assert_snapshot!(variable, @"environment: unknown configuration key `CRYPT_KEEPER__LISTEN`; `crypt-keeper config check --help` lists the known ones");
    // Not passed over in silence: what begins so is meant for us.
    for slip in [
        "CRYPT_KEEPER_HTTP_LISTEN",
        "CRYPT_KEEPER_HTTP__LISTEN",
        "CRYPT_KEEPER__HTTP_LISTEN",
    ] {
        let environment = [(slip.to_owned(), "x".to_owned())].into_iter().collect();
        let refused = load(None, &environment, &[]).unwrap_err().to_string();
        let expected = format!(
            "environment: unknown configuration key `{slip}`; did you mean \
             `CRYPT_KEEPER__HTTP__LISTEN`?"
        );
        assert_eq!(refused, expected);
    }
    let others = [("CRYPT_KEEPER_UID", "1"), ("CRYPT_KEEPER_CONFIG", "x")];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(load(None, &others.into_iter().collect(), &[]).is_ok());
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
        "[metadata]\nbackend = \"dynamodb\"",
        "[metadata.dynamodb]\nregion = \"eu-central-1\"",
        "[metadata]\nbackend = \"dynamodb\"\ndynamodb.table_prefix = \"a b\"",
        "[blobs]\nbackend = \"s3\"",
        "[blobs]\nbackend = \"ftp\"",
        "[blobs.s3]\nbucket = \"b\"",
        "[blobs.s3]\nendpoint = \"minio:9000\"",
        "[blobs.s3]\ncors_origins = \"https://a.example/page\"",
        "[blobs.s3]\ncors_origins = [\"https://*.*.example\"]",
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
    <folder>/ck.toml: `metadata.backend` = "mysql" is not valid: `sqlite`, `postgres` or `dynamodb` is needed
    `metadata.backend` = "postgres" needs `metadata.postgres.url`, or `metadata.postgres.url_file`
    `metadata.postgres.url` is set, but `metadata.backend` is "sqlite": set it to "postgres", or remove the URL
    <folder>/ck.toml: `metadata.postgres.url` is not valid: a URL such as postgres://user@host/database is needed
    <folder>/ck.toml: `metadata.postgres.pool_size` = "0" is not valid: a number from 1 to 1000 is needed
    `metadata.backend` = "dynamodb" keeps no private halves: set `keys.sealed.url` to a PostgreSQL database for them, or `keys.backend` to "vault-kv" or "vault-transit"
    `metadata.dynamodb.region` is set, but `metadata.backend` is "sqlite": set it to "dynamodb", or remove the other
    <folder>/ck.toml: `metadata.dynamodb.table_prefix` = "a b" is not valid: 1 to 200 letters, digits, `_`, `-` and `.` of ASCII are needed
    `blobs.backend` = "s3" needs `blobs.s3.bucket`
    <folder>/ck.toml: `blobs.backend` = "ftp" is not valid: `local` or `s3` is needed
    `blobs.s3.bucket` is set, but `blobs.backend` is "local": set it to "s3", or remove the bucket
    <folder>/ck.toml: `blobs.s3.endpoint` = "minio:9000" is not valid: http:// or https:// and a host are needed, without a path
    <folder>/ck.toml: `blobs.s3.cors_origins` = "https://a.example/page" is not valid: origins of web pages are needed, such as https://documents.example.com, https://*.example.com, or *
    <folder>/ck.toml: `blobs.s3.cors_origins` = "https://*.*.example" is not valid: origins of web pages are needed, such as https://documents.example.com, https://*.example.com, or *
    <folder>/ck.toml: `keys.backend` = "vault" is not valid: `sealed`, `vault-kv` or `vault-transit` is needed
    <folder>/ck.toml: `keys.master_key_command` = " " is not valid: a command and its arguments are needed
    `keys.master_key_file` and `keys.master_key_command` are both set: remove one
    `keys.sealed.url` goes with `metadata.backend` = "postgres" or "dynamodb": with "sqlite" the sealed private halves are in the data folder's keys.db
    <folder>/ck.toml: `log.format` = "xml" is not valid: `human` or `json` is needed
    <folder>/ck.toml: `log.filter` = "crypt=loud" is not valid: error, warn, info, debug, trace, or target=level pairs are needed
    "#);
}

#[test]
fn retention_classes_that_cannot_be() {
    let texts = [
        "64:week-files",
        "64:week-files:90d:week:more",
        "300:long:90d",
        "255:import:90d",
        "64:Week:90d",
        "64:week-files:90",
        "64:week-files:30m",
        "64:week-files:9000w",
        "64:week-files:90d:month",
        "64:week-files:90d:hour",
        "1:a:7d,1:b:7d",
        "1:a:7d,2:a:7d",
        "1:default:7d",
    ];
    let refused_text = |text: &str| Case::new("").env("RETENTION__CLASSES", text).refused();
    let mut lines: Vec<_> = texts.into_iter().map(refused_text).collect();
    lines.extend(
        [
            "[retention]\ndefault = \"week-files\"",
            "[retention]\ndefault = \"Week\"",
            "[retention]\nclasses = [1]",
            "[[retention.classes]]\nnumber = 1\nname = \"a\"",
            "[[retention.classes]]\nnumber = 1\nname = \"a\"\nlifetime = \"7d\"\nperoid = \"day\"",
        ]
        .into_iter()
        .map(refused),
    );
    assert_snapshot!(lines.join("\n"), @r#"
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, or one text such as 64:week-files:90d:week,1:daily:7d
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` = "64:week-files:90d:week:more" is not valid: tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, or one text such as 64:week-files:90d:week,1:daily:7d
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `long`: `number` = "300" is not a number from 0 to 254
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: retention class 255 is that of documents brought over, and cannot be configured
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: `name` = "Week": a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `week-files`: `lifetime` = "90": a number and a unit are needed, such as 90d: m (minutes), h (hours), d (days), w (weeks); `unlimited` is allowed too
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `week-files`: `lifetime` = "30m": a lifetime is of whole seconds, 1 hour at least and 36,500 days at most; `unlimited` is allowed too
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `week-files`: `lifetime` = "9000w": a lifetime is of whole seconds, 1 hour at least and 36,500 days at most; `unlimited` is allowed too
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `week-files`: the partitions of number 64 are of one week; for one month take a number from 128 to 191
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: of class `week-files`: `period` = "hour" is none of day, week, month, year
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: retention class 1 is there twice
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: two retention classes are named `a`
    CRYPT_KEEPER__RETENTION__CLASSES: `retention.classes` is not valid: two retention classes are named `default`
    <folder>/ck.toml: `retention.default` = "week-files" is not valid: no class of `retention.classes` has this name
    <folder>/ck.toml: `retention.default` = "Week" is not valid: a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first
    <folder>/ck.toml: `retention.classes` is not valid: tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, or one text such as 64:week-files:90d:week,1:daily:7d
    <folder>/ck.toml: `retention.classes` is not valid: tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, or one text such as 64:week-files:90d:week,1:daily:7d
    <folder>/ck.toml: `retention.classes` is not valid: tables of `number`, `name`, `lifetime` and, if you like, `period` are needed, or one text such as 64:week-files:90d:week,1:daily:7d
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
