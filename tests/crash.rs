//! What was acknowledged is there after a crash, and nothing is there by halves.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::time::Duration;

use crypt_keeper_test_services::{Postgres, PostgresOptions, cycles, require_or_skip};
use crypt_keeper_tests::{Account, Parts, Server, Writers, announce, assert_kept, random_below};

fn durable_postgres() -> Option<Postgres> {
    let options = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    require_or_skip("PostgreSQL", Postgres::start(&options))
}

fn pause(from: u64, to: u64) -> Duration {
    let pause = Duration::from_millis(from + random_below(to - from));
    std::thread::sleep(pause);
    pause
}

/// Kills the service under its writers, starts it again, looks; as often as is asked.
fn survives_kills(parts: &Parts, what: &str) {
    let mut server = Server::start(parts);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let mut total = 0;
    for cycle in 1..=cycles(10) {
        let writers = Writers::start(server.address(), &alice, &bob);
        // From the first answer on, so that a busy machine tries as much as an idle one.
        writers.wait_for_uploads(1);
        let pause = pause(0, 300);
        server.kill();
        let record = writers.finish();
        server.start_again();
        let kept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_kept(&server, &alice, &bob, &record);
        }));
        kept.unwrap_or_else(|panic| {
            announce(&format!("{what}: cycle {cycle}, killed after {pause:?}"));
            std::panic::resume_unwind(panic)
        });
        total += record.uploads.len();
    }
    announce(&format!("{what}: {total} acknowledged uploads, none lost"));
    assert!(total > 0, "nothing was written: nothing was tried");
}

#[test]
fn no_acknowledged_upload_is_lost_by_kills_on_sqlite_in_all_cycles() {
    survives_kills(&Parts::embedded(), "kill -9 on SQLite");
}

#[test]
fn no_acknowledged_upload_is_lost_by_kills_on_postgres_in_all_cycles() {
    let Some(postgres) = durable_postgres() else {
        return;
    };
    let parts = Parts {
        postgres: Some(postgres.access().clone()),
        ..Parts::default()
    };
    survives_kills(&parts, "kill -9 on PostgreSQL");
}

#[test]
fn no_acknowledged_upload_is_lost_when_postgres_restarts_in_all_cycles() {
    let Some(mut postgres) = durable_postgres() else {
        return;
    };
    let parts = Parts {
        postgres: Some(postgres.access().clone()),
        ..Parts::default()
    };
    let mut server = Server::start(&parts);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let (mut total, mut refused) = (0, 0);
    let pid = server.pid();
    for _ in 0..2 * cycles(10) {
        let writers = Writers::start(server.address(), &alice, &bob);
        writers.wait_for_uploads(1);
        pause(0, 200);
        postgres.restart_immediate().unwrap();
        // It comes back by itself.
        writers.wait_for_uploads(1);
        let record = writers.finish();
        assert_serves_again(&server, &alice);
        assert_kept(&server, &alice, &bob, &record);
        assert_eq!(record.unanswered, 0, "every request gets an answer");
        total += record.uploads.len();
        refused += record.unavailable;
    }
    assert!(server.is_running() && server.pid() == pid);
    announce(&format!(
        "PostgreSQL restarted: {total} acknowledged uploads, none lost; {refused} answered 503"
    ));
    assert!(total > 0, "nothing was written: nothing was tried");
}

/// A reconnection may back off for a moment.
fn assert_serves_again(server: &Server, account: &Account) {
    let api = server.api(account);
    for _ in 0..200 {
        if api.upload_url("again.txt").unwrap().status == 201 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(api.upload_url("again.txt").unwrap().status, 201);
}
