//! Parts that are away while requests and commands come in.

use std::fs;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{Fault, FaultProxy};
use crypt_keeper_tests::Upload;
use crypt_keeper_tests::http::request_url;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;

use crate::everyday::{Documents, encrypted};
use crate::vault_outages;
use crate::world::{Proxies, Who, World};

/// Exit code of `ckc` when the service or the store is not available.
pub(crate) const NETWORK: i32 = 6;
const BACK_WITHIN: Duration = Duration::from_secs(60);

pub(crate) fn run(world: &mut World, documents: &Documents) {
    if world.proxies.is_some() {
        of_postgresql(world, documents);
        of_the_bucket(world);
    } else {
        of_the_writer(world);
        of_the_folder(world, documents);
    }
    if world.vault.is_some() {
        vault_outages::run(world, documents);
    }
    let id = &documents.shared.id;
    world.types(Who::Bob, 0, &["download", id, "-o", "after-outages"]);
}

fn meets(world: &World, which: fn(&Proxies) -> &FaultProxy, fault: Fault) {
    which(world.proxies.as_ref().unwrap()).set(fault).unwrap();
}

fn of_postgresql(world: &mut World, documents: &Documents) {
    let id = documents.shared.id.clone();
    meets(world, |proxies| &proxies.postgres, Fault::Refuse);
    // Connections that were open may fail once in another way than new ones.
    for _ in 0..3 {
        nothing_can_be_recorded(world, &id);
        world.asks(Who::Alice, 503, "GET", &format!("download_url/{id}/"), None);
    }
    world.types(Who::Alice, NETWORK, &["download", &id]);
    not_ready(world);
    for command in [
        &["doctor"][..],
        &["user", "list"],
        &["documents", "show", &id],
        &["setup"],
        &["migrate"],
    ] {
        let ran = world.operate(command);
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.text());
    }
    meets(world, |proxies| &proxies.postgres, Fault::None);
    ready_again(world);
}

fn of_the_bucket(world: &mut World) {
    meets(world, |proxies| &proxies.s3, Fault::Refuse);
    not_ready(world);
    for command in [&["doctor"][..], &["setup"]] {
        let ran = world.operate(command);
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.text());
    }
    meets(world, |proxies| &proxies.s3, Fault::None);
    ready_again(world);
}

/// Somebody else holds SQLite's one lock for writing longer than is waited for it.
fn of_the_writer(world: &mut World) {
    let path = world.server.installation.data().join("metadata.db");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other
        .batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE")
        .unwrap();
    let body = json!({"document_metadata": {
        "name": "a", "content_length": 1, "content_type": "t", "compressed": false,
    }});
    world.asks(Who::Alice, 503, "POST", "upload_url/", Some(&body));
    other.batch_execute("ROLLBACK").unwrap();
    ready_again(world);
}

/// The disk of the objects is not mounted.
fn of_the_folder(world: &mut World, documents: &Documents) {
    let folder = world.server.installation.data().join("blobs");
    let away = folder.with_extension("away");
    fs::rename(&folder, &away).unwrap();
    let late = &documents.announced;
    let object = encrypted(late, b"0123456789");
    let put = request_url("PUT", &late.url, &object).unwrap();
    assert!(put.status >= 500, "{}: {}", put.status, put.text());
    world.evidence.answer("PUT without a disk", &put);
    let resource = format!("download_url/{}/", documents.shared.id);
    let answer = world.asks(Who::Alice, 200, "GET", &resource, None);
    let get = request_url("GET", &Upload::of(&answer).url, &[]).unwrap();
    assert!(get.status >= 500, "{}: {}", get.status, get.text());
    world.evidence.answer("GET without a disk", &get);
    world.types(Who::Bob, NETWORK, &["download", &documents.shared.id]);
    not_ready(world);
    fs::rename(&away, &folder).unwrap();
    ready_again(world);
}

fn nothing_can_be_recorded(world: &mut World, id: &str) {
    let body = json!({"document_metadata": {
        "name": "a", "content_length": 1, "content_type": "t", "compressed": false,
    }});
    world.asks(Who::Alice, 503, "POST", "upload_url/", Some(&body));
    let share = json!({"document_id": id, "username": "bob"});
    world.asks(Who::Alice, 503, "POST", "share/", Some(&share));
}

pub(crate) fn not_ready(world: &mut World) {
    let deadline = Instant::now() + BACK_WITHIN;
    while world.server.is_ready() {
        assert!(Instant::now() < deadline, "it says that all is ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    let answer = world.sends("readiness", "GET", "/readyz", &[], &[]);
    assert_eq!(answer.status, 503, "{}", answer.text());
    let ran = world.operate(&["healthcheck"]);
    assert_ne!(ran.code, Some(0), "{}", ran.text());
}

pub(crate) fn ready_again(world: &World) {
    let deadline = Instant::now() + BACK_WITHIN;
    while !world.server.is_ready() {
        assert!(Instant::now() < deadline, "it is not ready again");
        std::thread::sleep(Duration::from_millis(50));
    }
}
