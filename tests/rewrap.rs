//! Rewrapping beside a service at work: killed in the middle, as often as is asked, it comes to the
//! same end, not one request fails meanwhile, and no object is touched. A compromised pair recovers
//! by itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::cycles;
use crypt_keeper_tests::{
    Account, Blobs, Ckc, Installation, Metadata, Parts, Record, Server, Upload, Writers, announce,
    content, random_below,
};
use serde_json::Value;

/// Documents that are there from the beginning.
const DOCUMENTS: usize = 300;
/// What each writer adds to them, at most: each rewrap goes over all, so a long run adds no more.
const UPLOADS: u32 = 120;
/// Documents of a batch of `keys rewrap`.
const BATCH: u64 = 20;
const READERS: usize = 3;

/// Readers of the documents that are there from the beginning: the owner, and whom he shares with.
struct Readers {
    stop: Arc<AtomicBool>,
    released: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Readers {
    fn start(server: &Server, people: &[Account], uploads: &[Upload]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let released = Arc::new(AtomicUsize::new(0));
        let threads = (0..READERS)
            .map(|number| {
                let api = server.api(&people[number % people.len()]);
                let uploads = uploads.to_vec();
                let (stop, released) = (Arc::clone(&stop), Arc::clone(&released));
                std::thread::spawn(move || {
                    let mut failed = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let at = usize::try_from(random_below(uploads.len() as u64)).unwrap();
                        let upload = &uploads[at];
                        match api.download_url(&upload.id) {
                            Ok(answer) if answer.status == 200 => {
                                if Upload::of(&answer).key != upload.key {
                                    failed.push(format!("{}: another key", upload.id));
                                }
                                released.fetch_add(1, Ordering::SeqCst);
                            }
                            Ok(answer) => {
                                failed.push(format!("{} {}", answer.status, answer.text()));
                            }
                            Err(error) => failed.push(error.to_string()),
                        }
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    failed
                })
            })
            .collect();
        Self {
            stop,
            released,
            threads,
        }
    }

    /// How many keys were released; none may have been refused.
    fn finish(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            let failed = thread.join().expect("a reader");
            assert_eq!(failed, [""; 0], "downloads failed");
        }
        self.released.load(Ordering::SeqCst)
    }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// Serials of all key pairs in a state.
fn serials(installation: &Installation, state: &str) -> Vec<String> {
    let listed = installation.succeeds(&["keys", "list", "--json"]);
    let pairs = listed.lines().map(json);
    pairs
        .filter(|pair| pair["state"] == state)
        .map(|pair| pair["serial"].as_str().unwrap().to_owned())
        .collect()
}

fn live_documents(installation: &Installation, serial: &str) -> u64 {
    let shown = installation.succeeds(&["keys", "show", serial, "--json"]);
    json(&shown)["live_documents"].as_u64().unwrap()
}

/// Every file below a folder, and what is in it, with the time of its last change.
fn objects(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let changed = path.metadata().unwrap().modified().unwrap();
                found.insert(path.clone(), (std::fs::read(&path).unwrap(), changed));
            }
        }
    }
    found
}

/// Files of several lengths, uploaded by `ckc`, each with its id.
fn files(ckc: &Ckc) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (number, length) in [0, 1, 100_000, 3 << 20].into_iter().enumerate() {
        let text = content(length, number as u64 + 1);
        ckc.write("file.bin", &text);
        files.push((ckc.succeeds(&["-q", "upload", "file.bin"]).line(), text));
    }
    files
}

fn open_as_before(ckc: &Ckc, files: &[(String, Vec<u8>)]) {
    for (number, (id, text)) in files.iter().enumerate() {
        let copy = format!(
            "copy-{number}-{}",
            hex::encode(crypt_keeper_tests::random::<4>())
        );
        ckc.succeeds(&["download", id, "-o", &copy]);
        assert!(ckc.read(&copy) == *text, "{id} opens to something else");
    }
}

/// Runs `keys rewrap` and kills it -9 after so many batches; whether it came to its end before.
fn rewrap_killed_after(installation: &Installation, serial: &str, batches: usize) -> bool {
    let batch = BATCH.to_string();
    let words = ["keys", "rewrap", serial, "--batch-size", &batch, "--json"];
    let mut told = 0;
    // In the middle of the next batch.
    installation.killed_once(&words, |event| {
        assert_ne!(event["event"], "failed", "{event}");
        told += usize::from(event["event"] == "progress");
        told >= batches
    })
}

fn rewraps_under_load(parts: &Parts, what: &str) {
    let server = Server::start(parts);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let (api, ckc) = (server.api(&alice), server.ckc(&alice));
    let mut uploads = Vec::new();
    for _ in 0..DOCUMENTS {
        let upload = Upload::of(&api.upload_url("a.txt").unwrap());
        assert_eq!(api.share(&upload.id, "bob").unwrap().status, 201);
        uploads.push(upload);
    }
    let files = files(&ckc);
    let folder = server.installation.data().join("blobs");
    let before = folder.exists().then(|| objects(&folder));

    let people = [alice.clone(), bob.clone()];
    let readers = Readers::start(&server, &people, &uploads);
    let mut record = Record::default();
    let installation = &server.installation;
    let mut kills = 0;
    let mut old = Vec::new();
    let cycles = cycles(3);
    let in_each = usize::try_from((UPLOADS / cycles).max(4)).unwrap();
    for _ in 0..cycles {
        let writers = Writers::start_up_to(in_each, server.address(), &alice, &bob);
        let serial = serials(installation, "active").remove(0);
        installation.succeeds(&["keys", "rotate"]);
        // A fifth of what is there at most, so that a cycle has as many kills as the one before.
        let fifth = live_documents(installation, &serial) / BATCH / 5;
        let mut rounds = 0;
        loop {
            let batches = 1 + usize::try_from(random_below(fifth.max(6))).unwrap();
            if rewrap_killed_after(installation, &serial, batches) {
                break;
            }
            kills += 1;
            rounds += 1;
            assert!(rounds < DOCUMENTS * 10, "it does not come to its end");
        }
        assert_eq!(live_documents(installation, &serial), 0);
        old.push(serial);
        record.add(writers.finish());
    }
    assert_eq!(record.wrong, [""; 0]);
    assert_eq!((record.unavailable, record.unanswered), (0, 0), "{what}");
    assert!(!record.uploads.is_empty() && !record.shares.is_empty());
    let released = readers.finish();
    assert!(released > 0, "the readers stood still");
    assert!(kills > 0, "nothing was interrupted: nothing was tried");

    for upload in uploads.iter().chain(&record.uploads) {
        let found = Upload::of(&api.download_url(&upload.id).unwrap());
        assert!(found.key == upload.key, "{}: another key", upload.id);
    }
    open_as_before(&ckc, &files);
    if let Some(before) = before {
        let after = objects(&folder);
        assert!(
            before
                .iter()
                .all(|(path, file)| after.get(path) == Some(file))
        );
    }
    let database = installation.database();
    let twice = "SELECT count(*) AS n FROM (SELECT document_id FROM audit \
                 WHERE action = 'document.rewrapped' GROUP BY document_id, key_serial \
                 HAVING count(*) > 1) twice";
    assert_eq!(database.count(twice), 0, "each leaves a pair once");
    let changed = "SELECT count(*) AS n FROM documents WHERE version <> 1 OR key_exposed";
    assert_eq!(database.count(changed), 0);
    for serial in &old {
        assert_eq!(live_documents(installation, serial), 0);
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
    announce(&format!(
        "{what}: rewrapped under load {} times, killed {kills} times; {} downloads and {} uploads, \
         0 failed",
        old.len(),
        released + record.downloads,
        record.uploads.len()
    ));
}

#[test]
fn it_comes_to_its_end_under_load_on_sqlite_in_all_cycles() {
    rewraps_under_load(&Parts::embedded().with_shared_pairs(), "SQLite");
}

#[test]
fn it_comes_to_its_end_under_load_on_postgres_in_all_cycles() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio).map(Parts::with_shared_pairs)
    else {
        return;
    };
    rewraps_under_load(&parts, "PostgreSQL");
}

fn metric(server: &Server, name: &str) -> u64 {
    let metrics = server.metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("crypt_keeper_{name} ")));
    line.unwrap().parse().unwrap()
}

/// Two instances: of a pair that is declared compromised, all documents are released again without
/// anybody's doing, but the one that does not open; all of them stay exposed.
fn recovers_by_itself(parts: &Parts) {
    let first = Server::start(parts);
    let second = Server::start_installation(first.installation.twin());
    let (alice, bob) = (first.user("alice"), first.user("bob"));
    let api = first.api(&alice);
    let upload = |name: &str| Upload::of(&api.upload_url(name).unwrap());
    let uploads: Vec<_> = (0..DOCUMENTS).map(|_| upload("a.txt")).collect();
    let spoiled = upload("spoiled.txt");
    let ckc = first.ckc(&alice);
    let files = files(&ckc);
    let others = Upload::of(&first.api(&bob).upload_url("b.txt").unwrap());
    let all = uploads.len() + files.len() + 2;
    let installation = &first.installation;
    let database = installation.database();
    database
        .execute("UPDATE documents SET wrapped_key = key_commitment WHERE name = 'spoiled.txt'");
    let serial = serials(installation, "active").remove(0);
    let said = installation.succeeds(&["keys", "compromised", &serial, "--json"]);
    let mut lines = said.lines().map(json);
    assert_eq!(lines.next().unwrap()["newly_exposed"], all);

    let deadline = Instant::now() + Duration::from_secs(120);
    while live_documents(installation, &serial) > 1 {
        assert!(Instant::now() < deadline, "{}", first.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    for upload in &uploads {
        let found = Upload::of(&api.download_url(&upload.id).unwrap());
        assert!(found.key == upload.key, "{}: another key", upload.id);
    }
    open_as_before(&ckc, &files);
    let found = second.api(&bob).download_url(&others.id).unwrap();
    assert!(Upload::of(&found).key == others.key);
    let answer = api.download_url(&spoiled.id).unwrap();
    assert!(answer.status >= 500, "{}", answer.status);

    let both = [&first, &second];
    let sum = |name: &str| both.map(|server| metric(server, name)).iter().sum::<u64>();
    let deadline = Instant::now() + Duration::from_secs(60);
    while sum("documents_to_rewrap") < 1 {
        assert!(Instant::now() < deadline, "{}", first.metrics());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(sum("documents_rewrapped_total"), all as u64 - 1);
    assert!(sum("rewrap_failures_total") >= 1);
    let log = first.log() + &second.log();
    assert!(log.contains(&spoiled.id), "{log}");
    assert!(
        log.contains("rewrapped documents of a compromised key pair"),
        "{log}"
    );

    let listed = installation.succeeds(&["documents", "list", "--exposed", "--by-owner", "--json"]);
    let owners: Vec<_> = listed.lines().map(json).collect();
    let counts: Vec<_> = owners
        .iter()
        .map(|line| (line["owner"].as_str(), line["exposed_documents"].as_u64()))
        .collect();
    assert_eq!(
        counts,
        [
            (Some("alice"), Some(all as u64 - 1)),
            (Some("bob"), Some(1))
        ]
    );
    let words = ["documents", "list", "--exposed", "--owner", "bob", "--json"];
    let listed = installation.succeeds(&words);
    let listed: Vec<_> = listed.lines().map(json).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"].as_str(), Some(others.id.as_str()));
    let by_the_service = "SELECT count(*) AS n FROM audit WHERE action = 'document.rewrapped' \
                          AND actor_kind = 'system'";
    assert_eq!(
        database.count(by_the_service),
        i64::try_from(all).unwrap() - 1
    );
    assert_eq!(api.upload_url("after.txt").unwrap().status, 201);
}

#[test]
fn a_compromised_pair_recovers_by_itself_on_sqlite() {
    recovers_by_itself(&Parts::embedded().with_shared_pairs());
}

#[test]
fn a_compromised_pair_recovers_by_itself_on_postgres() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local).map(Parts::with_shared_pairs)
    {
        recovers_by_itself(&parts);
    }
}
