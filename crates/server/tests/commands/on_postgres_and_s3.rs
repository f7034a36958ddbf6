//! `setup`, `doctor` and the rest on PostgreSQL and on an S3 server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crypt_keeper_test_services::{self as services, PostgresAccess, S3Access};
use serde_json::Value;

use crate::desk::Desk;

/// A bucket of the test's own that is not there yet.
pub(crate) fn on_s3(desk: Desk, access: &S3Access, bucket: &str) -> Desk {
    with_master_key(desk)
        .with("AWS_ACCESS_KEY_ID", &access.access_key)
        .with("AWS_SECRET_ACCESS_KEY", &access.secret_key)
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .with("CRYPT_KEEPER__BLOBS__BACKEND", "s3")
        .with("CRYPT_KEEPER__BLOBS__S3__BUCKET", bucket)
        .with("CRYPT_KEEPER__BLOBS__S3__REGION", &access.region)
        .with("CRYPT_KEEPER__BLOBS__S3__ENDPOINT", &access.endpoint)
        .with("CRYPT_KEEPER__KEYS__BACKUP_RETENTION", "35d")
        .with("CRYPT_KEEPER__BLOBS__S3__PATH_STYLE", "true")
}

fn with_master_key(desk: Desk) -> Desk {
    if !desk.path("master.key").exists() {
        assert_eq!(desk.run(&["master-key", "new", "master.key"]).code, 0);
    }
    desk.with("CRYPT_KEEPER__KEYS__MASTER_KEY_FILE", "master.key")
}

pub(crate) fn fresh(prefix: &str, desk: &Desk) -> String {
    let folder = desk.path("");
    let name = folder.file_name().unwrap().to_string_lossy().to_lowercase();
    let random: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{prefix}-{}-{random}", std::process::id())
}

fn setup(desk: &Desk) -> Value {
    let ran = desk.run(&["setup", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.json().remove(0)
}

fn findings(desk: &Desk) -> Vec<Value> {
    let report = desk.run(&["doctor", "--json"]).json().remove(0);
    report["findings"].as_array().unwrap().clone()
}

/// Level and message of the one finding of a check.
fn finding(desk: &Desk, check: &str) -> (String, String) {
    let all = findings(desk);
    let mut of_check = all.iter().filter(|one| one["check"] == check);
    let one = of_check
        .next()
        .unwrap_or_else(|| panic!("no {check} in {all:?}"));
    assert!(of_check.next().is_none(), "{all:?}");
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    (text("level"), text("message"))
}

fn all_is_well(desk: &Desk) {
    let not_well: Vec<_> = findings(desk)
        .into_iter()
        .filter(|finding| finding["level"] != "ok")
        .collect();
    assert!(not_well.is_empty(), "{not_well:#?}");
}

#[test]
fn setup_makes_the_bucket_and_doctor_moves_an_object_through_it() {
    let Some(minio) = services::minio() else {
        return;
    };
    let desk = Desk::bare();
    let bucket = fresh("commands", &desk);
    let desk = on_s3(desk, &minio, &bucket);
    let (level, message) = {
        // The databases first: without them doctor looks no further.
        let ran = desk.run(&["setup", "--set", "blobs.s3.endpoint=http://127.0.0.1:1"]);
        assert_eq!(ran.code, 1, "nobody listens there");
        assert!(
            ran.stdout.contains("applied"),
            "what was done is said: {}",
            ran.stdout
        );
        finding(&desk, "objects")
    };
    assert_eq!(level, "error");
    assert!(message.contains("no such bucket"), "{message}");

    assert_eq!(setup(&desk)["bucket"], "made");
    assert_eq!(setup(&desk)["bucket"], "existed");
    all_is_well(&desk);
}

#[test]
fn what_is_wrong_with_the_store_is_told_apart() {
    let Some(minio) = services::minio() else {
        return;
    };
    let desk = Desk::bare();
    let bucket = fresh("doctor", &desk);
    let mut desk = on_s3(desk, &minio, &bucket);
    setup(&desk);

    desk.set(
        "CRYPT_KEEPER__BLOBS__S3__PUBLIC_ENDPOINT",
        "http://127.0.0.1:1",
    );
    let (level, message) = finding(&desk, "presigned urls");
    assert_eq!(level, "warning");
    assert!(message.contains("leads nowhere from here"), "{message}");
    assert!(!message.contains("X-Amz-Signature"), "{message}");
    desk.set("CRYPT_KEEPER__BLOBS__S3__PUBLIC_ENDPOINT", &minio.endpoint);

    desk.set("AWS_SECRET_ACCESS_KEY", "not-the-secret");
    let (level, message) = finding(&desk, "objects");
    assert_eq!(level, "error");
    // A HEAD is refused without a word why.
    assert!(message.contains("access is denied"), "{message}");
    assert!(!message.contains("not-the-secret"), "{message}");
}

#[test]
fn a_store_whose_clock_is_slow_is_found() {
    let Some(minio) = services::minio() else {
        return;
    };
    let desk = Desk::bare();
    let bucket = fresh("clock", &desk);
    let mut desk = on_s3(desk, &minio, &bucket);
    setup(&desk);
    assert_eq!(finding(&desk, "object store clock").0, "ok");

    for (seconds, level) in [(90, "warning"), (16 * 60, "error")] {
        let proxy = slow_clock(&minio, seconds);
        desk.set(
            "CRYPT_KEEPER__BLOBS__S3__ENDPOINT",
            format!("http://{proxy}"),
        );
        let (found, message) = finding(&desk, "object store clock");
        assert_eq!(found, level, "{message}");
        assert!(message.contains("behind this machine's"), "{message}");
    }
}

/// Stands before an HTTP server and puts back the dates of its answers, until the process ends.
fn slow_clock(access: &S3Access, seconds: i64) -> SocketAddr {
    let server = access.endpoint.strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let upstream = TcpStream::connect(&server).unwrap();
            let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
            thread::spawn(move || pass(from, to, None));
            thread::spawn(move || pass(upstream, client, Some(seconds)));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream, slow_by: Option<i64>) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &mut buffer[..length];
        if let Some(seconds) = slow_by {
            put_back(bytes, seconds);
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// Heads come in one piece here, and dates of HTTP all have the same length.
fn put_back(bytes: &mut [u8], seconds: i64) {
    const FORMAT: &str = "%a, %d %b %Y %H:%M:%S GMT";
    let name = b"\r\nDate: ";
    let Some(at) = bytes.windows(name.len()).position(|window| window == name) else {
        return;
    };
    let date = &mut bytes[at + name.len()..][..29];
    let text = std::str::from_utf8(date).unwrap();
    let told = chrono::NaiveDateTime::parse_from_str(text, FORMAT).unwrap();
    let slow = told - chrono::TimeDelta::seconds(seconds);
    date.copy_from_slice(slow.format(FORMAT).to_string().as_bytes());
}

mod postgres {
    use super::*;

    fn on_postgres(url: &str) -> Desk {
        with_master_key(Desk::bare())
            .with("CRYPT_KEEPER__METADATA__BACKEND", "postgres")
            .with("CRYPT_KEEPER__METADATA__POSTGRES__URL", url)
    }

    #[test]
    fn everything_works_on_postgresql_as_on_sqlite() {
        let Some(server) = services::postgres() else {
            return;
        };
        let database = server.create_fresh_database("commands", None).unwrap();
        let keys = server.create_fresh_database("commands_keys", None).unwrap();
        let desk = on_postgres(&server.url(&database));

        assert_eq!(finding(&desk, "database").0, "error");
        let before = desk.run(&["user", "list"]);
        assert_eq!(before.code, 1);
        assert!(
            before.stderr.contains("run `crypt-keeper migrate`"),
            "{}",
            before.stderr
        );

        let dry = desk.run(&["setup", "--dry-run", "--json"]);
        assert_eq!(dry.code, 0, "{}", dry.stderr);
        let would = dry.json().remove(0);
        for database in would["migrations"].as_array().unwrap() {
            assert_ne!(database["applied"], Value::Array(Vec::new()), "{would}");
        }
        assert_eq!(would["key_pair"], "CK-HPKE-XWING", "{would}");
        assert_eq!(finding(&desk, "database").0, "error", "nothing was done");

        let done = setup(&desk);
        assert_ne!(
            done["migrations"][0]["applied"].as_array().unwrap().len(),
            0,
            "{done}"
        );
        assert!(done["key_pair"].is_string(), "{done}");
        assert_eq!(setup(&desk)["key_pair"], Value::Null);

        let beside: Vec<_> = findings(&desk)
            .into_iter()
            .filter(|one| one["check"] == "key store" && one["level"] == "warning")
            .collect();
        assert_eq!(beside.len(), 1, "keys beside the metadata: {beside:?}");

        desk.run(&["user", "add", "alice", "--api-key"]).line();
        assert_eq!(
            desk.run(&["user", "list", "--json"]).json()[0]["name"],
            "alice"
        );
        assert_eq!(desk.run(&["keys", "rotate"]).code, 0);
        assert_eq!(
            desk.run(&["audit", "list", "--all", "--json"]).json().len(),
            2 + 2 + 3
        );
        crate::keys::of_two_rotators_one_wins(&desk);

        let mut apart = on_postgres(&server.url(&database));
        apart.set("CRYPT_KEEPER__KEYS__SEALED__URL", server.url(&keys));
        let (level, message) = finding(&apart, "key store");
        assert_eq!(level, "error", "an empty database: {message}");
        assert!(message.contains("lacks the migrations"), "{message}");

        server.drop_database(&database).unwrap();
        server.drop_database(&keys).unwrap();
    }

    /// As an operator does who has moved a table away by hand, and back.
    #[test]
    fn a_partition_whose_table_was_detached_is_named_until_it_is_back() {
        let Some(server) = services::postgres() else {
            return;
        };
        let database = server.create_fresh_database("lost", None).unwrap();
        let desk = on_postgres(&server.url(&database));
        setup(&desk);
        let of_partitions = || {
            let mut all = findings(&desk);
            all.retain(|one| one["check"] == "partitions");
            all
        };
        assert!(of_partitions().is_empty(), "{:?}", of_partitions());
        let listed = || desk.run(&["partitions", "list", "--json"]).json();
        let of_class_0 = |one: &Value| one["class"] == 0;
        let partition = listed().into_iter().rfind(of_class_0).unwrap();
        let name = partition["partition"].as_str().unwrap().to_owned();
        let table = format!("documents_{}", name.replace('/', "_"));

        let own = PostgresAccess::from_url("the test's", &server.url(&database)).unwrap();
        own.execute(&format!(
            "CREATE TABLE bounds AS SELECT pg_get_expr(relpartbound, oid) AS bound
               FROM pg_class WHERE oid = '{table}'::regclass;
             ALTER TABLE documents_0 DETACH PARTITION {table}"
        ))
        .unwrap();
        let found = of_partitions();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["level"], "error");
        let message = found[0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("lacks {table},")), "{message}");
        let fix = found[0]["fix"].as_str().unwrap();
        assert!(fix.contains("attach what was detached"), "{fix}");
        let unknown = listed().into_iter().rfind(of_class_0).unwrap();
        assert_eq!(unknown["documents"], Value::Null, "{unknown}");
        // A list says so, instead of being short; what would be dropped is said all the same.
        let refused = desk.run(&["documents", "list"]);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        assert!(
            refused.stderr.contains(&format!("partition {name}")),
            "{}",
            refused.stderr
        );
        let plan = desk.run(&["partitions", "drop", &name, "--dry-run", "--json"]);
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        let plan = plan.json().remove(0);
        assert_eq!(plan["documents"], Value::Null, "{plan}");

        own.execute(&format!(
            "DO $$ BEGIN EXECUTE 'ALTER TABLE documents_0 ATTACH PARTITION {table} '
               || (SELECT bound FROM bounds); END $$"
        ))
        .unwrap();
        assert!(of_partitions().is_empty(), "{:?}", of_partitions());
        let known = listed().into_iter().rfind(of_class_0).unwrap();
        assert_eq!(known, partition);
        server.drop_database(&database).unwrap();
    }

    #[test]
    fn a_database_that_is_away_is_said_to_be_without_its_password() {
        let desk = on_postgres("postgres://keeper:hunter2@127.0.0.1:1/keeper");
        let ran = desk.run(&["doctor"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains("error"), "{}", ran.stdout);
        let listed = desk.run(&["user", "list"]);
        assert_eq!(listed.code, 1);
        for text in [ran.stdout, ran.stderr, listed.stderr] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn postgresql_and_s3_with_keys_apart_leave_nothing_to_warn_of() {
        let Some(server) = services::postgres() else {
            return;
        };
        let Some(minio) = services::minio() else {
            return;
        };
        let database = server.create_fresh_database("well", None).unwrap();
        let keys = server.create_fresh_database("well_keys", None).unwrap();
        let desk = on_postgres(&server.url(&database));
        let bucket = fresh("well", &desk);
        let desk =
            on_s3(desk, &minio, &bucket).with("CRYPT_KEEPER__KEYS__SEALED__URL", server.url(&keys));
        setup(&desk);
        all_is_well(&desk);
        server.drop_database(&database).unwrap();
        server.drop_database(&keys).unwrap();
    }
}
