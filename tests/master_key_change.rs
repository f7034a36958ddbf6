//! A change of master key under a running service: killed in the middle, as often as is asked, it
//! comes to the same end, and not one download fails meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{ProcessIdentity, Signal, cycles, openbao};
use crypt_keeper_tests::{
    Account, Api, Blobs, Engine, Installation, KeysInVault, Metadata, Parts, Server, Upload,
    announce, content, http, random_below,
};
use serde_json::Value;

/// Key pairs, each with a document: a change has as many steps.
const PAIRS: usize = 16;
const READERS: usize = 3;

/// Readers of documents under every pair, from none of which the service has a private half in
/// memory when it has just started: each has to be opened during the change.
struct Readers {
    stop: Arc<AtomicBool>,
    released: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    fn start(server: &Server, account: &Account, uploads: &[Upload]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let released = Arc::new(AtomicUsize::new(0));
        let failed = Arc::new(Mutex::new(Vec::new()));
        let threads = (0..READERS)
            .map(|number| {
                let api = server.api(account);
                let mut uploads = uploads.to_vec();
                uploads.rotate_left(number * PAIRS / READERS);
                let stop = Arc::clone(&stop);
                let (released, failed) = (Arc::clone(&released), Arc::clone(&failed));
                std::thread::spawn(move || read(&api, &uploads, &stop, &released, &failed))
            })
            .collect();
        Self {
            stop,
            released,
            failed,
            threads,
        }
    }

    /// How many keys were released; none may have been refused.
    fn finish(self) -> usize {
        // At least once round, now that all is done.
        let target = self.released.load(Ordering::SeqCst) + 2 * READERS * PAIRS;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.released.load(Ordering::SeqCst) < target && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("a reader");
        }
        let failed = self.failed.lock().unwrap();
        assert_eq!(*failed, [""; 0], "downloads failed");
        let released = self.released.load(Ordering::SeqCst);
        assert!(released >= target, "the readers stand still");
        released
    }
}

fn read(
    api: &Api,
    uploads: &[Upload],
    stop: &AtomicBool,
    released: &AtomicUsize,
    failed: &Mutex<Vec<String>>,
) {
    while !stop.load(Ordering::SeqCst) {
        for upload in uploads {
            match api.download_url(&upload.id) {
                Ok(answer) if answer.status == 200 && Upload::of(&answer).key == upload.key => {
                    released.fetch_add(1, Ordering::SeqCst);
                }
                Ok(answer) => {
                    let line = format!("{} {}", answer.status, answer.text());
                    failed.lock().unwrap().push(line);
                }
                Err(error) => failed.lock().unwrap().push(error.to_string()),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The ids of a ring, the first one first.
fn ring(installation: &Installation) -> Vec<String> {
    let text = fs::read_to_string(installation.master_key_file()).unwrap();
    text.lines()
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

fn status(installation: &Installation) -> Value {
    let printed = installation.succeeds(&["master-key", "status", "--json"]);
    serde_json::from_str(&printed).unwrap()
}

/// Runs `master-key rotate` and kills it -9 once it has sealed so many private halves; whether it
/// came to its end before.
fn rotate_killed_after(server: &Server, steps: usize, wait: bool) -> bool {
    let mut words = vec!["master-key", "rotate", "--json"];
    if !wait {
        words.push("--no-wait");
    }
    let mut sealed = 0;
    server.installation.killed_once(&words, |event| {
        sealed += usize::from(event["anew"] == true);
        sealed >= steps
    })
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A service whose documents lie under as many key pairs, and an account that may read them.
fn under_many_pairs(parts: &Parts) -> (Server, Account, Vec<Upload>) {
    let server = Server::start(parts);
    let alice = server.user("alice");
    let api = server.api(&alice);
    let mut uploads = Vec::new();
    for _ in 0..PAIRS {
        uploads.push(Upload::of(&api.upload_url("a.txt").unwrap()));
        server.installation.succeeds(&["keys", "rotate"]);
        // Whichever pair the service wraps under, it looks again within a second.
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, alice, uploads)
}

fn changes_under_load(parts: &Parts, what: &str) {
    let (mut server, alice, uploads) = under_many_pairs(parts);
    let (mut kills, mut released) = (0, 0);
    for cycle in 0..cycles(3) {
        // So that no private half is in its memory.
        assert!(server.terminate().success());
        server.start_again();
        let before = ring(&server.installation);
        assert_eq!(before.len(), 1);
        let readers = Readers::start(&server, &alice, &uploads);

        // Every other time the service has to find out by itself, from a private half that is
        // sealed under a key it has never heard of.
        let wait = cycle % 2 == 0;
        let mut firsts = BTreeSet::new();
        let mut rounds = 0;
        loop {
            let steps = 1 + usize::try_from(random_below(5)).unwrap();
            let ended = rotate_killed_after(&server, steps, wait);
            let now = ring(&server.installation);
            assert_eq!(now.len(), 2, "one change, one new key");
            assert_eq!(now[1], before[0]);
            firsts.insert(now[0].clone());
            rounds += 1;
            assert!(rounds < 10 * PAIRS, "it does not come to its end");
            if ended {
                break;
            }
            kills += 1;
        }
        assert_eq!(firsts.len(), 1, "{firsts:?}");
        let after = status(&server.installation);
        let halves = after["master_keys"][0]["private_halves"].as_u64();
        assert_eq!(halves, Some(PAIRS as u64 + 1), "{after}");
        assert_eq!(after["master_keys"][1]["private_halves"], 0, "{after}");
        wait_until("the service seals under the new key", || {
            status(&server.installation)["service"] == "current"
        });

        let early = server.installation.run(&["master-key", "prune"]);
        assert_eq!(early.status.code(), Some(1), "URLs are out");
        let pruned = server
            .installation
            .succeeds(&["master-key", "prune", "--now"]);
        assert!(pruned.contains(&before[0]), "{pruned}");
        assert_eq!(ring(&server.installation), Vec::from_iter(firsts));
        wait_until("the service has forgotten the old key", || {
            !server.metrics().contains(&before[0])
        });
        released += readers.finish();
        let left: Vec<_> = fs::read_dir(server.installation.master_key_file().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".new"))
            .collect();
        assert_eq!(left, [""; 0], "nothing of a ring is left lying about");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert!(kills > 0, "nothing was interrupted: nothing was tried");
    announce(&format!(
        "{what}: the master key changed under load, killed {kills} times; {released} downloads, 0 \
         failed"
    ));
}

#[test]
fn it_comes_to_its_end_under_load_on_sqlite_in_all_cycles() {
    changes_under_load(&Parts::embedded().with_shared_pairs(), "SQLite");
}

#[test]
fn it_comes_to_its_end_under_load_on_postgres_in_all_cycles() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    changes_under_load(&parts.with_shared_pairs(), "PostgreSQL");
}

#[test]
fn urls_that_are_out_live_as_long_as_their_key_is_in_the_ring() {
    let server = Server::start(&Parts::embedded());
    let alice = server.user("alice");
    let (api, ckc) = (server.api(&alice), server.ckc(&alice));
    ckc.write("a.bin", content(1000, 1));
    let id = ckc.succeeds(&["-q", "upload", "a.bin"]).line();
    let before = Upload::of(&api.download_url(&id).unwrap()).url;
    let get = |url: &str| http::request_url("GET", url, b"").unwrap().status;
    assert_eq!(get(&before), 200);
    server.installation.succeeds(&["master-key", "rotate"]);
    let after = Upload::of(&api.download_url(&id).unwrap()).url;
    assert_eq!((get(&before), get(&after)), (200, 200));
    server
        .installation
        .succeeds(&["master-key", "prune", "--now"]);
    wait_until("URLs of the old key are refused", || get(&before) == 403);
    assert_eq!(get(&after), 200);
    ckc.succeeds(&["download", &id, "-o", "copy"]);
    assert!(ckc.read("copy") == ckc.read("a.bin"));
}

/// With private halves in Vault the ring only signs URLs: it changes under the service all the same.
#[test]
fn a_ring_that_only_signs_urls_is_followed_too() {
    let Some(access) = openbao() else { return };
    let keys = KeysInVault::create(Engine::Kv, &access);
    let server = Server::start_installation(keys.set_up(&Parts::embedded()));
    let alice = server.user("alice");
    let (api, ckc) = (server.api(&alice), server.ckc(&alice));
    ckc.write("a.bin", content(1000, 1));
    let id = ckc.succeeds(&["-q", "upload", "a.bin"]).line();
    let before = Upload::of(&api.download_url(&id).unwrap()).url;
    let get = |url: &str| http::request_url("GET", url, b"").unwrap().status;
    assert_eq!(get(&before), 200);
    let old = ring(&server.installation).remove(0);

    let said = server.installation.succeeds(&["master-key", "rotate"]);
    assert!(said.contains("Private halves: 0 sealed anew"), "{said}");
    assert_eq!(status(&server.installation)["service"], "current");
    let after = Upload::of(&api.download_url(&id).unwrap()).url;
    assert_eq!((get(&before), get(&after)), (200, 200));
    let pruned = server
        .installation
        .succeeds(&["master-key", "prune", "--now"]);
    assert!(pruned.contains(&old), "{pruned}");
    wait_until("URLs of the old key are refused", || get(&before) == 403);
    assert_eq!(get(&after), 200);

    // A ring of the operator's own making, too: nothing is sealed under the one that goes.
    let file = server.installation.master_key_file();
    let next = server.installation.path("next");
    let next = next.to_str().unwrap();
    server.installation.succeeds(&["master-key", "new", next]);
    fs::rename(next, &file).unwrap();
    let identity = ProcessIdentity::of(server.pid()).unwrap();
    assert!(identity.signal(Signal::HUP));
    wait_until("URLs of the key before are refused", || get(&after) == 403);
    ckc.succeeds(&["download", &id, "-o", "copy"]);
    assert!(ckc.read("copy") == ckc.read("a.bin"));
}

/// With a command the secret is the operator's: he changes it, says so, and has all sealed anew.
#[test]
fn a_ring_that_a_command_prints_is_changed_by_its_owner() {
    let mut installation = Installation::new(&Parts::embedded());
    let (ring, next) = (installation.path("ring"), installation.path("next"));
    let (ring_text, next_text) = (ring.to_str().unwrap(), next.to_str().unwrap());
    installation.succeeds(&["master-key", "new", ring_text]);
    installation.set("KEYS__MASTER_KEY_COMMAND", &format!("cat '{ring_text}'"));
    installation.succeeds(&["setup"]);
    let server = Server::start_installation(installation);
    let alice = server.user("alice");
    let api = server.api(&alice);
    let upload = Upload::of(&api.upload_url("a.txt").unwrap());

    let nothing = server.installation.run(&["master-key", "rotate", "--json"]);
    assert!(nothing.status.success());
    let said = String::from_utf8(nothing.stdout).unwrap();
    assert!(said.contains("\"unchanged\""), "{said}");

    server
        .installation
        .succeeds(&["master-key", "new", next_text]);
    let old = fs::read_to_string(&ring).unwrap();
    let both = fs::read_to_string(&next).unwrap() + &old;
    fs::write(&ring, both).unwrap();
    let identity = ProcessIdentity::of(server.pid()).unwrap();
    assert!(identity.signal(Signal::HUP));
    server.installation.succeeds(&["master-key", "rotate"]);
    assert_eq!(status(&server.installation)["service"], "current");
    let refused = server.installation.run(&["master-key", "prune"]);
    assert_eq!(refused.status.code(), Some(2));
    let words = String::from_utf8(refused.stderr).unwrap();
    let old_id = old.split(':').next().unwrap();
    assert!(
        words.contains(&format!("no longer needed: {old_id}")),
        "{words}"
    );

    fs::copy(&next, &ring).unwrap();
    assert!(identity.signal(Signal::HUP));
    wait_until("it has forgotten the old key", || {
        !server.metrics().contains(old_id)
    });
    let found = Upload::of(&api.download_url(&upload.id).unwrap());
    assert!(found.key == upload.key);
}

/// A mistake in the ring does not stop a service that works.
#[test]
fn a_ring_that_lacks_a_key_in_use_is_not_taken_up() {
    let server = Server::start(&Parts::embedded());
    let alice = server.user("alice");
    let api = server.api(&alice);
    let upload = Upload::of(&api.upload_url("a.txt").unwrap());
    let file = server.installation.master_key_file();
    let good = fs::read_to_string(&file).unwrap();
    let other = server.installation.path("other.key");
    let path = other.to_str().unwrap();
    server.installation.succeeds(&["master-key", "new", path]);
    for bad in [fs::read_to_string(&other).unwrap(), "nonsense".to_owned()] {
        fs::write(&file, &bad).unwrap();
        let identity = ProcessIdentity::of(server.pid()).unwrap();
        let before = server.log().len();
        assert!(identity.signal(Signal::HUP));
        wait_until("it says so", || {
            server.log()[before..].contains("those in force stay")
        });
        let found = Upload::of(&api.download_url(&upload.id).unwrap());
        assert!(found.key == upload.key);
        assert!(
            !server.log().contains(bad.trim()),
            "no word of a ring is logged"
        );
    }
    fs::write(&file, good).unwrap();
    assert!(server.is_ready());
}
