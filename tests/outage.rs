//! A part goes away in mid-work: 503 with Retry-After, nothing half-written, and service again
//! without a restart.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{
    Fault, FaultProxy, S3Options, S3Server, cycles, require_or_skip, run,
};
use crypt_keeper_tests::http::{self, Answer};
use crypt_keeper_tests::{
    Account, Blobs, Installation, Metadata, Parts, Server, Upload, Writers, announce, content,
};

/// Exit code of `ckc` when the service or the store is not available.
const NETWORK: i32 = 6;
const POOL_SIZE: usize = 4;

/// A service whose way to its PostgreSQL can be made to fail.
fn behind_a_proxy() -> Option<(Server, FaultProxy)> {
    let parts = Parts::find(Metadata::Postgres, Blobs::Local)?;
    let mut installation = Installation::new(&parts);
    installation.set_up();
    let url = installation.setting("METADATA__POSTGRES__URL").to_owned();
    let authority = url.split("://").nth(1)?.split('/').next()?;
    let host = authority.rsplit('@').next()?;
    let proxy = FaultProxy::start(host.parse().expect("an address")).expect("a proxy");
    let through = url.replace(host, &proxy.address().to_string());
    installation.set("METADATA__POSTGRES__URL", &through);
    installation.set("METADATA__POSTGRES__POOL_SIZE", &POOL_SIZE.to_string());
    Some((Server::start_installation(installation), proxy))
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some(), "Retry-After");
    // Nothing of how it is built inside.
    for inside in ["postgres", "sqlite", "127.0.0.1", "tokio", "/tmp"] {
        assert!(!answer.text().to_lowercase().contains(inside), "{inside}");
    }
}

fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn readiness(server: &Server) -> (u16, String) {
    let answer = http::request(server.address(), "GET", "/readyz", &[], &[]).unwrap();
    (answer.status, answer.text())
}

#[test]
fn a_database_that_is_gone_costs_at_most_a_pool_of_requests_in_all_cycles() {
    let Some((server, proxy)) = behind_a_proxy() else {
        return;
    };
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let api = server.api(&alice);
    for _ in 0..cycles(2) {
        let writers = Writers::start(server.address(), &alice, &bob);
        writers.wait_for_uploads(20);
        proxy.set(Fault::Refuse).unwrap();
        writers.wait_for_refusals(20);
        let record = writers.finish();
        assert_eq!((record.unanswered, &record.wrong[..]), (0, &[][..]));
        assert_unavailable(&api.upload_url("a.txt").unwrap());
        assert_unavailable(&api.download_url(&record.uploads[0].id).unwrap());
        assert_unavailable(&api.share(&record.uploads[0].id, "bob").unwrap());
        wait_until(
            "it says that it is not ready",
            Duration::from_secs(5),
            || readiness(&server).0 == 503,
        );
        let alive = http::request(server.address(), "GET", "/healthz", &[], &[]).unwrap();
        assert_eq!(alive.status, 200, "the process itself is well");

        proxy.set(Fault::None).unwrap();
        // Connections of before may be used once more each; after that all is well.
        let failed = (0..20 * POOL_SIZE)
            .filter(|_| api.upload_url("b.txt").unwrap().status != 201)
            .count();
        assert!(failed <= POOL_SIZE, "{failed} requests failed afterwards");
        for upload in &record.uploads {
            let found = Upload::of(&api.download_url(&upload.id).unwrap());
            assert!(found.key == upload.key);
        }
        let half = server.installation.database().half_states();
        assert_eq!(half, [""; 0]);
        wait_until("it is ready again", Duration::from_secs(10), || {
            server.is_ready()
        });
    }
}

#[test]
fn requests_to_a_database_that_hangs_end_by_their_deadline() {
    let Some((server, proxy)) = behind_a_proxy() else {
        return;
    };
    let alice = server.user("alice");
    let api = server.api(&alice);
    let before = Upload::of(&api.upload_url("a.txt").unwrap());
    proxy.set(Fault::Hang).unwrap();
    // More than the pool has connections: those that wait for one end as well.
    std::thread::scope(|scope| {
        for _ in 0..3 * POOL_SIZE {
            let api = api.clone();
            scope.spawn(move || {
                // The bare client gives up after 60 s: an answer is one before that.
                assert_unavailable(&api.upload_url("b.txt").unwrap());
            });
        }
    });
    assert_eq!(readiness(&server).0, 503);
    proxy.set(Fault::None).unwrap();
    let failed = (0..10 * POOL_SIZE)
        .filter(|_| api.upload_url("c.txt").unwrap().status != 201)
        .count();
    assert!(failed <= POOL_SIZE, "{failed} requests failed afterwards");
    let found = Upload::of(&api.download_url(&before.id).unwrap());
    assert!(found.key == before.key);
    let half = server.installation.database().half_states();
    assert_eq!(half, [""; 0]);
}

#[test]
fn a_bucket_that_is_gone_is_said_and_comes_back() {
    let minio = S3Server::start_minio(&S3Options::default());
    let Some(mut minio) = require_or_skip("MinIO", minio) else {
        return;
    };
    let server = Server::start(&Parts {
        s3: Some(minio.access().clone()),
        ..Parts::default()
    });
    let alice = server.ckc(&server.user("alice"));
    let alice = alice.with("CKC_RETRIES", "0").with("CKC_TIMEOUT", "5");
    let sent = content(100_000, 3);
    alice.write("a.bin", &sent);
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();

    minio.stop().unwrap();
    let refused = alice.fails_with(NETWORK, &["upload", "a.bin"]);
    assert_eq!(refused.text(), "", "no id of what is not there");
    alice.fails_with(NETWORK, &["download", &id, "-o", "copy"]);
    assert!(!alice.folder().join("copy").exists());
    wait_until(
        "it says that it is not ready",
        Duration::from_secs(10),
        || readiness(&server).0 == 503,
    );

    minio.start_again().unwrap();
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(alice.read("copy") == sent);
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();
    alice.succeeds(&["download", &id, "-o", "copy-2"]);
    assert!(alice.read("copy-2") == sent);
    wait_until("it is ready again", Duration::from_secs(10), || {
        server.is_ready()
    });
    let half = server.installation.database().half_states();
    assert_eq!(half, [""; 0]);
}

#[test]
fn a_store_that_is_away_at_start_is_waited_for() {
    let Some(parts) = Parts::find(Metadata::Sqlite, Blobs::Minio) else {
        return;
    };
    let mut installation = Installation::new(&parts);
    installation.set_up();
    let endpoint = installation.setting("BLOBS__S3__ENDPOINT").to_owned();
    let host = endpoint.strip_prefix("http://").expect("plain http");
    let proxy = FaultProxy::start(host.parse().expect("an address")).expect("a proxy");
    installation.set(
        "BLOBS__S3__ENDPOINT",
        &format!("http://{}", proxy.address()),
    );
    proxy.set(Fault::Refuse).unwrap();
    let server = Server::spawn_installation(installation);
    wait_until("it answers", Duration::from_secs(30), || {
        http::request(server.address(), "GET", "/healthz", &[], &[]).is_ok()
    });
    let (status, said) = readiness(&server);
    assert_eq!(status, 503);
    assert!(said.contains("blobs") || said.contains("object"), "{said}");
    proxy.set(Fault::None).unwrap();
    wait_until("it is ready", Duration::from_secs(20), || server.is_ready());
    let alice = server.ckc(&server.user("alice"));
    alice.write("a.bin", b"x");
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();
    alice.succeeds(&["download", &id, "-o", "copy"]);
}

#[test]
fn a_folder_of_objects_that_is_gone_is_said_and_comes_back() {
    let server = Server::start(&Parts::embedded());
    let account = server.user("alice");
    let alice = server.ckc(&account).with("CKC_RETRIES", "0");
    let sent = content(50_000, 4);
    alice.write("a.bin", &sent);
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();

    // A disk that is not mounted looks like this.
    let blobs = server.installation.data().join("blobs");
    let away = server.installation.path("unmounted");
    fs::rename(&blobs, &away).unwrap();
    alice.fails_with(NETWORK, &["upload", "a.bin"]);
    alice.fails_with(NETWORK, &["download", &id, "-o", "copy"]);
    assert!(!alice.folder().join("copy").exists());
    assert!(!blobs.exists(), "nothing is made on the disk below");
    wait_until(
        "it says that it is not ready",
        Duration::from_secs(5),
        || readiness(&server).0 == 503,
    );

    fs::rename(&away, &blobs).unwrap();
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(alice.read("copy") == sent);
    alice.succeeds(&["upload", "a.bin"]);
    wait_until("it is ready again", Duration::from_secs(10), || {
        server.is_ready()
    });
}

/// A disk of its own that can be filled.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, megabytes: u32) -> crypt_keeper_test_services::Result<Self> {
        run(Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=0700"),
                "tmpfs",
            ])
            .arg(folder))?;
        Ok(Self(folder))
    }

    fn fill(&self) {
        let rest = fs::File::create(self.0.join("filler")).expect("a file");
        let mut rest = std::io::BufWriter::with_capacity(4096, rest);
        // Until there is no room for another page.
        let full = std::io::copy(&mut std::io::repeat(0), &mut rest);
        full.expect_err("the disk has an end");
        drop(rest.into_parts());
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).expect("a removed file");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Lazily: the service that writes to it may still be ending.
        let _ = run(Command::new("umount").arg("--lazy").arg(self.0));
    }
}

#[test]
fn a_full_disk_refuses_and_keeps_what_it_has() {
    // Outlives the mount, which outlives the service.
    let place = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(place.path(), 48);
    let Some(disk) = require_or_skip("a small disk", disk) else {
        return;
    };
    let mut installation = Installation::new(&Parts::embedded());
    let data = place.path().join("data");
    installation.set("DATA_DIR", data.to_str().unwrap());
    let server = Server::start_installation(installation);
    let account: Account = server.user("alice");
    let api = server.api(&account);
    let alice = server.ckc(&account).with("CKC_RETRIES", "0");
    let sent = content(3_000_000, 5);
    alice.write("a.bin", &sent);
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();

    disk.fill();
    // The log of the database has some room of its own: until that is used up, uploads go on.
    let mut acknowledged = Vec::new();
    let refused = (0..20_000).find_map(|_| {
        let answer = api.upload_url("b.txt").unwrap();
        if answer.status == 201 {
            acknowledged.push(Upload::of(&answer));
            return None;
        }
        Some(answer)
    });
    assert_unavailable(&refused.expect("a full disk is met in the end"));
    let refused = alice.run(&["upload", "a.bin"]);
    assert_eq!(refused.code, Some(NETWORK), "{}", refused.errors());
    announce(&format!(
        "full disk: {} uploads were acknowledged on the last room",
        acknowledged.len()
    ));

    disk.clear();
    wait_until("it serves again", Duration::from_secs(10), || {
        api.upload_url("c.txt").unwrap().status == 201
    });
    for upload in &acknowledged {
        let found = Upload::of(&api.download_url(&upload.id).unwrap());
        assert!(found.key == upload.key);
    }
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(alice.read("copy") == sent);
    let again = alice.succeeds(&["-q", "upload", "a.bin"]).line();
    alice.succeeds(&["download", &again, "-o", "copy-2"]);
    assert!(alice.read("copy-2") == sent);
    let half = server.installation.database().half_states();
    assert_eq!(half, [""; 0]);
}
