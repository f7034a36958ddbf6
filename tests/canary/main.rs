//! No secret stands where it must not: the whole flow with all its errors, logged at TRACE, and then
//! a search through everything that came of it.
//!
//! Secrets are document keys and what is derived from them, API keys, the master key and its
//! subkeys, private halves, passwords, what the service logs in to Vault with, and presigned URLs.
//! They are looked for in every way of writing them ([`crypt_keeper_tests::Secrets`]), in logs, outputs of commands, answers and
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
mod in_vault;
mod known;
mod operator;
mod outages;
mod refusals;
mod vault_outages;
mod vault_refusals;
mod world;

use crypt_keeper_tests::{Blobs, Engine, Metadata, Parts};

use evidence::Evidence;
use in_vault::InVault;
use known::Known;
use world::World;

/// Private halves lie sealed in the service's own key store.
fn search(metadata: Metadata, blobs: Blobs, log_format: &str) {
    if let Some(parts) = Parts::find(metadata, blobs) {
        search_world(World::start(&parts, None, log_format));
    }
}

/// Private halves lie in an engine of Vault.
fn search_with_vault(metadata: Metadata, blobs: Blobs, engine: Engine, log_format: &str) {
    let parts = Parts::find(metadata, blobs);
    if let (Some(parts), Some(vault)) = (parts, InVault::start(engine)) {
        search_world(World::start(&parts, Some(vault), log_format));
    }
}

fn search_world(mut world: World) {
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

#[test]
fn no_secret_leaves_sqlite_and_vault_kv_logged_as_json() {
    search_with_vault(Metadata::Sqlite, Blobs::Local, Engine::Kv, "json");
}

#[test]
fn no_secret_leaves_postgresql_s3_and_vault_transit_logged_for_people() {
    search_with_vault(Metadata::Postgres, Blobs::Minio, Engine::Transit, "human");
}
