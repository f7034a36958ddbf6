//! The main job, version 1 of the API from end to end: encrypt, store, share, fetch back byte for
//! byte, and all of it again after a rotation of keys and a crash; on every combination of backends.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod cell;
mod life;
mod old_command;
mod sharing;
mod suite;
mod table;
mod wire;

use crypt_keeper_test_services::whole_matrix;
use crypt_keeper_tests::{Parts, Server, announce, content};

use cell::Cell;
use table::Row;

/// Exit codes of `ckc`.
const CREDENTIALS_OR_RIGHTS: i32 = 3;
const NOT_FOUND: i32 = 4;

/// Every cell is tried, whatever becomes of those before it.
#[test]
fn the_main_job_is_done_in_every_cell_of_the_matrix() {
    let cells = if whole_matrix() {
        Cell::all()
    } else {
        Cell::covering()
    };
    let rows: Vec<Row> = cells.into_iter().map(Row::of).collect();
    announce(&table::text(&rows));
    let failed: Vec<&Row> = rows.iter().filter(|row| row.has_failed()).collect();
    assert!(failed.is_empty(), "{}", table::failures(&failed));
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
