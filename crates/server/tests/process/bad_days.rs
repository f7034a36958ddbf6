//! Starts that are refused: one readable line, with what to do, and exit code 1.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use insta::assert_snapshot;

use crate::service::Place;

const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A place where the service has run before.
fn used() -> Place {
    let place = Place::new();
    place.serve().stop();
    place
}

fn refusal(place: &Place, arguments: &[&str]) -> String {
    place.shown(place.run(arguments).refusal())
}

#[test]
fn a_port_in_use() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let line = refusal(&place, &["--listen", &address]);
    assert_snapshot!(line.replace(&address, "127.0.0.1:PORT"), @"crypt-keeper: cannot listen on 127.0.0.1:PORT: the port is in use. Stop what listens there (perhaps another crypt-keeper), or choose another address with --listen or `http.listen`");
    assert!(
        !place.path("crypt-keeper-data").exists(),
        "something was made"
    );
}

#[test]
fn a_variable_that_is_no_text() {
    let mut place = Place::new();
    let value = OsString::from_vec(vec![b'/', 0xff]);
    place.set("CRYPT_KEEPER__DATA_DIR", value);
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: environment: the configuration cannot be read: the value of `CRYPT_KEEPER__DATA_DIR` is not UTF-8");
    assert!(!place.path("crypt-keeper-data").exists());
}

#[test]
fn a_wrong_master_key() {
    let place = used();
    fs::copy(used().data("master.key"), place.data("master.key")).unwrap();
    let line = refusal(&place, &ANY_PORT);
    // Serials and ids of master keys differ from run to run.
    let line: Vec<_> = line
        .split(' ')
        .map(|word| {
            let bare = word.trim_end_matches([':', ',', '.']);
            let number = bare.len() > 10 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
            if number {
                word.replace(bare, "<number>")
            } else {
                word.to_owned()
            }
        })
        .collect();
    assert_snapshot!(line.join(" "), @"crypt-keeper: no private half opens: the key vault failed: the private half of key pair <number> does not open: it is sealed under master key <number>, which is not in the ring: add its line to the master key file. Are this master key and this key store those of this database?");
}

#[test]
fn a_master_key_file_with_wide_modes() {
    let place = used();
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(place.data("master.key"), open).unwrap();
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: cannot open the master key: others may access the master key file (mode 0644): run `chmod 600 ./crypt-keeper-data/master.key`");
}

#[test]
fn a_master_key_file_that_is_none() {
    let place = used();
    fs::write(place.data("master.key"), "s3cret nonsense").unwrap();
    let line = refusal(&place, &ANY_PORT);
    assert_snapshot!(line, @"crypt-keeper: cannot open the master key: the master key file ./crypt-keeper-data/master.key is no ring of master keys: line 1 of the master key ring: there is no colon between id and key");
    assert!(!line.contains("s3cret"));
}

#[test]
fn a_database_of_a_newer_version() {
    let place = used();
    let path = place.data("metadata.db");
    let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000')";
    database.batch_execute(newer).unwrap();
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: cannot open the metadata database: the database is newer than this program: it has migration 99991231000000, which this program does not know. Run the version that migrated it, or a later one");
}

#[test]
fn a_database_that_is_none() {
    let place = used();
    for name in ["metadata.db", "metadata.db-wal", "metadata.db-shm"] {
        let _ = fs::remove_file(place.data(name));
    }
    fs::write(place.data("metadata.db"), "no database at all".repeat(1000)).unwrap();
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: cannot open the metadata database: the database failed: file is not a database");
}

#[test]
fn migrations_that_are_missing_and_may_not_be_applied() {
    let place = used();
    let path = place.data("metadata.db");
    let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let older = "DELETE FROM __diesel_schema_migrations";
    database.batch_execute(older).unwrap();
    drop(database);
    let mut place = place;
    place.set("CRYPT_KEEPER__METADATA__MIGRATE_ON_START", "false");
    let line = refusal(&place, &ANY_PORT);
    assert!(
        line.starts_with("crypt-keeper: the metadata database lacks the migrations "),
        "{line}"
    );
    assert!(line.contains("run `crypt-keeper migrate`"), "{line}");
}

#[test]
fn an_unknown_configuration_key() {
    let mut place = Place::new();
    fs::write(place.path("crypt-keeper.toml"), "[http]\nlistne = \"x\"").unwrap();
    assert_snapshot!(refusal(&place, &[]), @"crypt-keeper: crypt-keeper.toml: unknown configuration key `http.listne`; did you mean `http.listen`?");
    fs::remove_file(place.path("crypt-keeper.toml")).unwrap();
    place.set("CRYPT_KEEPER__HTPP__LISTEN", "127.0.0.1:1");
    assert_snapshot!(refusal(&place, &[]), @"crypt-keeper: environment: unknown configuration key `CRYPT_KEEPER__HTPP__LISTEN`; did you mean `CRYPT_KEEPER__HTTP__LISTEN`?");
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let mut place = Place::new();
    assert_snapshot!(refusal(&place, &["--config", "nowhere.toml"]), @"crypt-keeper: cannot read the configuration file nowhere.toml: No such file or directory (os error 2)");
    place.set("CRYPT_KEEPER_CONFIG", "elsewhere.toml");
    assert_snapshot!(refusal(&place, &[]), @"crypt-keeper: cannot read the configuration file elsewhere.toml: No such file or directory (os error 2)");
}

#[test]
fn an_address_beyond_loopback_without_tls() {
    let place = Place::new();
    assert_snapshot!(refusal(&place, &["--listen", "192.0.2.1:8080"]), @r#"crypt-keeper: `http.listen` = "192.0.2.1:8080" is beyond loopback, and document keys would travel in clear: set `http.tls.cert_file` and `http.tls.key_file`, or `http.trusted_proxies` if a proxy in front ends TLS, or `http.allow_plain = true` if you mean it"#);
}

#[test]
fn an_address_that_is_not_this_machines() {
    let place = Place::new();
    let arguments = [
        "--set",
        "http.allow_plain=true",
        "--listen",
        "192.0.2.1:8080",
    ];
    let ended = place.run(&arguments);
    assert_snapshot!(place.shown(ended.refusal()), @"crypt-keeper: cannot listen on 192.0.2.1:8080: Cannot assign requested address (os error 99)");
}

#[test]
fn certificate_files_that_are_not_there() {
    let place = Place::new();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--set",
        "http.tls.cert_file=cert.pem",
        "--set",
        "http.tls.key_file=key.pem",
    ];
    assert_snapshot!(refusal(&place, &arguments), @"crypt-keeper: cannot read a certificate chain in cert.pem: No such file or directory (os error 2)");
}

#[test]
fn no_master_key_for_another_backend_than_the_embedded_default() {
    let mut place = Place::new();
    place.set("CRYPT_KEEPER__BLOBS__BACKEND", "s3");
    place.set("CRYPT_KEEPER__BLOBS__S3__BUCKET", "documents");
    assert_snapshot!(refusal(&place, &ANY_PORT), @r#"crypt-keeper: there is no master key: make one with `crypt-keeper master-key new FILE`, keep a copy apart from the database's backups, and set `keys.master_key_file` = "FILE""#);
    place.set("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", "absent.key");
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: cannot open the master key: there is no master key file absent.key: make one with `crypt-keeper master-key new`, or name the one that was made");
    assert!(!place.path("absent.key").exists());
    assert!(
        !place.path("crypt-keeper-data").exists(),
        "something was made"
    );
}

#[test]
fn a_data_folder_that_is_a_file() {
    let place = Place::new();
    fs::write(place.path("crypt-keeper-data"), "").unwrap();
    assert_snapshot!(refusal(&place, &ANY_PORT), @"crypt-keeper: cannot make the data folder ./crypt-keeper-data: not a directory");
    // A database that cannot be looked for is not one that is not there.
    assert_snapshot!(refusal(&place, &["user", "list"]), @"crypt-keeper: cannot open ./crypt-keeper-data/metadata.db: Not a directory (os error 20)");
}

#[test]
fn a_postgresql_that_is_not_there() {
    let mut place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    place.set("CRYPT_KEEPER__METADATA__BACKEND", "postgres");
    let url = format!("postgres://u:s3cret@127.0.0.1:{port}/d");
    place.set("CRYPT_KEEPER__METADATA__POSTGRES__URL", &url);
    place.run(&["master-key", "new", "mk"]);
    place.set("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", "mk");
    let line = refusal(&place, &ANY_PORT);
    assert!(!line.contains("s3cret"), "{line}");
    assert_snapshot!(line.replace(&port.to_string(), "PORT"), @"crypt-keeper: cannot open the metadata database: the database is unavailable: error connecting to server: Connection refused (os error 111)");
}
