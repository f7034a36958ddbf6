//! An expired partition that does not go: the log says why, and not more often than it helps.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use crate::service::{Client, Place};

const HOLD: &str = "waits for a legal hold to be complete";
const KEY_PAIR: &str = "waits for a key pair that left active service less than a day ago";
const URLS: &str = "waits for presigned URLs to expire";

fn sql(place: &Place, statements: &str) {
    let path = place.data("metadata.db");
    let mut database = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    database.batch_execute(statements).unwrap();
}

/// Whether a line says so of the partition, for an operator who has changed nothing.
fn says(log: &str, partition: &str, what: &str) -> bool {
    let partition = format!("partition={partition}");
    let mut lines = log.lines();
    lines.any(|line| line.contains(" INFO ") && line.contains(&partition) && line.contains(what))
}

#[test]
fn the_log_says_what_an_expired_partition_waits_for() {
    let mut place = Place::new();
    place.set("CRYPT_KEEPER__RETENTION__CLASSES", "1:short:7d");
    place.set("CRYPT_KEEPER__RETENTION__DEFAULT", "short");
    // They would be at work while all is made ready.
    place.set("CRYPT_KEEPER__JOBS__ENABLED", "false");
    let service = place.serve();
    let uploaded = Client::of(&place, &service).upload("x");
    let id = uploaded["document_id"].as_str().unwrap();
    let held = place.run(&["hold", "add", id, "--reason", "case"]);
    assert!(held.status.success(), "{}", held.stderr);
    let made = place.run(&["partitions", "create", "1/29990101"]);
    assert!(made.status.success(), "{}", made.stderr);
    service.stop();
    // One with a hold that is not complete, one that expires now, and one whose key pair is active
    // until now.
    sql(
        &place,
        "UPDATE holds SET completed_at = NULL;
         UPDATE partitions SET state = 'closed', closed_at = '2001-02-01 00:00:00'
             WHERE retention_class = 1;
         UPDATE partitions SET state = 'dropped' WHERE start = '2999-01-01';
         INSERT INTO partitions (retention_class, start, state, lifetime_seconds, made_at)
             VALUES (1, '2001-01-01', 'open', 604800, '2001-01-01 00:00:00')",
    );
    place.set("CRYPT_KEEPER__JOBS__ENABLED", "true");

    let service = place.serve();
    let mut log = service.log_until(KEY_PAIR);
    log.push_str(&service.stop().stderr);
    assert!(says(&log, "1/29990101", KEY_PAIR), "{log}");
    // When it was closed, so that what is normal is told once.
    assert!(says(&log, "1/20010101", URLS), "{log}");
    let held = log.lines().find(|line| line.contains(HOLD)).unwrap();
    assert!(held.contains("crypt-keeper hold list"), "{held}");

    let service = place.serve();
    let mut log = service.log_until(KEY_PAIR);
    log.push_str(&service.stop().stderr);
    assert!(says(&log, "1/29990101", KEY_PAIR), "{log}");
    assert!(!log.contains(URLS), "{log}");
}
