//! The main job on every pair of stores: encrypt, store, share, fetch back byte for byte.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crypt_keeper_tests::{Blobs, Ckc, Metadata, Parts, Server, announce, content};

/// Exit codes of `ckc`.
const CREDENTIALS_OR_RIGHTS: i32 = 3;
const NOT_FOUND: i32 = 4;

/// Around every boundary of the document format: segment 0 holds 1,048,520 bytes, the others
/// 1,048,560.
const SIZES: [usize; 12] = [
    0, 1, 15, 16, 17, 1_048_519, 1_048_520, 1_048_521, 1_048_576, 2_097_080, 2_097_081, 8_388_608,
];

/// Both databases and all three stores, each pair that is not the sum of two others.
const PAIRS: [(Metadata, Blobs); 5] = [
    (Metadata::Sqlite, Blobs::Local),
    (Metadata::Sqlite, Blobs::Minio),
    (Metadata::Postgres, Blobs::Local),
    (Metadata::Postgres, Blobs::Minio),
    (Metadata::Postgres, Blobs::Versitygw),
];

struct Row {
    pair: String,
    documents: usize,
    bytes: usize,
    took: Duration,
}

#[test]
fn documents_come_back_byte_for_byte_on_every_pair_of_stores() {
    let rows: Vec<Row> = PAIRS
        .iter()
        .filter_map(|(metadata, blobs)| {
            let parts = Parts::find(*metadata, *blobs)?;
            let pair = format!("{metadata:?} + {blobs:?}");
            Some(main_job(&parts, pair))
        })
        .collect();
    let mut table = String::from("\nmetadata + blobs       documents       bytes   seconds\n");
    for row in &rows {
        writeln!(
            table,
            "{:<22} {:>9} {:>11} {:>9.1}",
            row.pair,
            row.documents,
            row.bytes,
            row.took.as_secs_f64()
        )
        .unwrap();
    }
    announce(&table);
    assert!(!rows.is_empty());
}

fn main_job(parts: &Parts, pair: String) -> Row {
    let server = Server::start(parts);
    let (alice, bob, mallory) = (
        server.user("alice"),
        server.user("bob"),
        server.user("mallory"),
    );
    let (alice, bob, mallory) = (server.ckc(&alice), server.ckc(&bob), server.ckc(&mallory));
    let began = Instant::now();
    let mut ids = Vec::new();
    for size in SIZES {
        let name = format!("{size}.bin");
        alice.write(&name, content(size, size as u64));
        let id = alice.succeeds(&["-q", "upload", &name]).line();
        let copy = format!("copy-{name}");
        alice.succeeds(&["download", &id, "-o", &copy]);
        assert!(alice.read(&copy) == alice.read(&name), "{pair}: {size}");
        ids.push(id);
    }
    let took = began.elapsed();
    let last = ids.last().unwrap();
    only_those_it_is_shared_with(last, &alice, &bob, &mallory);
    assert_eq!(server.installation.database().half_states(), [""; 0]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    Row {
        pair,
        documents: ids.len(),
        bytes: SIZES.iter().sum(),
        took,
    }
}

fn only_those_it_is_shared_with(id: &str, alice: &Ckc, bob: &Ckc, mallory: &Ckc) {
    // Nobody else yet, and nothing of it is left behind.
    for stranger in [bob, mallory] {
        let refused = stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["download", id]);
        assert_eq!(refused.text(), "");
        assert!(
            refused.errors().contains("is not shared with this user"),
            "{}",
            refused.errors()
        );
        stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["share", id, "mallory"]);
        stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["shares", id]);
        assert_eq!(stranger.everything(), ["work"]);
    }
    alice.succeeds(&["share", id, "bob"]);
    let shares = alice.succeeds(&["shares", id]).text();
    let names: Vec<&str> = shares.split_whitespace().collect();
    assert_eq!(names, ["alice", "bob"]);
    bob.succeeds(&["download", id, "-o", "from-alice"]);
    assert!(bob.read("from-alice") == alice.read("8388608.bin"));
    // To read is not to share, and to share with one is not to share with all.
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["share", id, "mallory"]);
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["shares", id]);
    mallory.fails_with(CREDENTIALS_OR_RIGHTS, &["download", id]);
    alice.fails_with(NOT_FOUND, &["share", id, "nobody-of-that-name"]);
    alice.fails_with(
        NOT_FOUND,
        &["download", "0190a3c4-7c1e-7000-8a3b-0123456789ab"],
    );
}

#[test]
fn a_stream_is_uploaded_and_downloaded_through_pipes() {
    let server = Server::start(&Parts::embedded());
    let alice = server.ckc(&server.user("alice"));
    let sent = content(3_000_000, 7);
    let uploaded = alice.run_with_input(&["-q", "upload", "--name", "stream", "-"], &sent);
    assert_eq!(uploaded.code, Some(0), "{}", uploaded.errors());
    let id = uploaded.line();
    let received = alice.succeeds(&["download", &id, "-o", "-"]);
    assert!(received.stdout == sent);
    // Whoever names no file gets the stored name.
    alice.succeeds(&["download", &id]);
    assert!(alice.read("stream") == sent);
}
