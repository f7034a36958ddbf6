//! No secret stands where it must not: the whole flow with all its errors, logged at TRACE, and then
//! a search through everything that came of it.
//!
//! Secrets are document keys and what is derived from them, API keys, the master key and its
//! subkeys, private halves, passwords, and presigned URLs. They are looked for in every way of
//! writing them ([`crypt_keeper_tests::Secrets`]), in logs, outputs of commands, answers and
//! databases. Document keys and presigned URLs belong into the answers 201 and 200, and nowhere
//! else.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

mod everyday;
mod evidence;
mod known;
mod operator;
mod outages;
mod refusals;
mod world;

use crypt_keeper_tests::{Blobs, Metadata, Parts};

use evidence::Evidence;
use known::Known;
use world::World;

fn search(metadata: Metadata, blobs: Blobs, log_format: &str) {
    let Some(parts) = Parts::find(metadata, blobs) else {
        return;
    };
    let mut world = World::start(&parts, log_format);
    let documents = everyday::run(&mut world);
    refusals::run(&mut world, &documents);
    operator::run(&mut world, &documents);
    outages::run(&mut world, &documents);
    let (known, evidence) = world.end();
    known.every_search_can_find(&evidence);
    assert_eq!(evidence.search(&known.secrets), []);
}

#[test]
fn no_secret_leaves_the_embedded_default_logged_for_people() {
    search(Metadata::Sqlite, Blobs::Local, "human");
}

#[test]
fn no_secret_leaves_the_embedded_default_logged_as_json() {
    search(Metadata::Sqlite, Blobs::Local, "json");
}

#[test]
fn no_secret_leaves_postgresql_and_s3_logged_for_people() {
    search(Metadata::Postgres, Blobs::Minio, "human");
}

#[test]
fn no_secret_leaves_postgresql_and_s3_logged_as_json() {
    search(Metadata::Postgres, Blobs::Minio, "json");
}
