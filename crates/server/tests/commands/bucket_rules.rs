//! The bucket's own rules: what `setup` makes of them, and what `doctor` says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crypt_keeper_test_services::{self as services, S3Access};
use serde_json::Value;

use crate::desk::Desk;
use crate::on_postgres_and_s3::{fresh, on_s3};

const ORIGIN: &str = "https://documents.example";

fn desk(access: &S3Access, name: &str) -> Desk {
    let desk = Desk::bare();
    let bucket = fresh(name, &desk);
    on_s3(desk, access, &bucket)
        .with("CRYPT_KEEPER__RETENTION__CLASSES", "64:week-files:30d:week")
        .with("CRYPT_KEEPER__BLOBS__S3__CORS_ORIGINS", ORIGIN)
}

/// Each rule with what became of it.
fn outcomes(desk: &Desk, arguments: &[&str]) -> Vec<(String, String)> {
    let ran = desk.run(arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let done = ran.json().remove(0);
    let rules = done["bucket_rules"]
        .as_array()
        .unwrap_or_else(|| panic!("{done}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rules
        .iter()
        .map(|rule| (text(&rule["rule"]), text(&rule["outcome"])))
        .collect()
}

/// What doctor says of the bucket's rules, level by level.
fn findings(desk: &Desk) -> Vec<(String, String)> {
    let report = desk.run(&["doctor", "--json"]).json().remove(0);
    let all = report["findings"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter()
        .filter(|one| one["check"] == "bucket rules")
        .map(|one| (text(&one["level"]), text(&one["message"])))
        .collect()
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
    rows.iter().map(owned).collect()
}

#[test]
fn setup_tells_rule_by_rule_what_it_did_on_minio() {
    let Some(minio) = services::minio() else {
        return;
    };
    let mut desk = desk(&minio, "rules");
    let expiry = "objects of retention class 64 go after 37 days";
    let uploads = "unfinished uploads end after 7 days";
    let others = "no rule of somebody else deletes documents";
    let pages = "pages of https://documents.example may put and get objects";
    let public = "public access is blocked";
    let rows = |of_expiry| {
        owned(&[
            (expiry, of_expiry),
            (uploads, "refused"),
            (others, "right"),
            (pages, "refused"),
            (public, "not_implemented"),
        ])
    };
    assert_eq!(outcomes(&desk, &["setup", "--json"]), rows("changed"));
    assert_eq!(outcomes(&desk, &["setup", "--json"]), rows("right"));
    let told = desk.run(&["setup"]).stdout;
    for line in [
        "bucket: right already: objects of retention class 64 go after 37 days\n",
        "; fix: allow these origins where the store itself is configured: MinIO by \
         MINIO_API_CORS_ALLOW_ORIGIN, versitygw by --cors-allow-origin\n",
        "bucket: not there: the store cannot be told that public access is blocked; fix: see to it \
         that no policy or access list of the bucket lets everybody in\n",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    // Nothing of it is a failure; and MinIO lets in pages of any origin.
    let levels = |desk: &Desk| findings(desk).into_iter().map(|(level, _)| level);
    assert_eq!(levels(&desk).filter(|level| level == "error").count(), 0);

    // A longer life: the bucket's rule would come first.
    desk.set("CRYPT_KEEPER__RETENTION__CLASSES", "64:week-files:60d:week");
    let found = findings(&desk);
    let sooner = "a rule deletes the objects of retention class 64 after 37 days, while their \
                  documents may be alive: they should go after 67 days";
    let lost = ("error".to_owned(), sooner.to_owned());
    assert!(found.contains(&lost), "{found:?}");
    let longer = (
        "objects of retention class 64 go after 67 days".to_owned(),
        "changed".to_owned(),
    );
    assert_eq!(outcomes(&desk, &["setup", "--json"])[0], longer);
    assert_eq!(levels(&desk).filter(|level| level == "error").count(), 0);
}

#[test]
fn setup_lets_pages_in_on_versitygw_and_takes_it_back() {
    let Some(versitygw) = services::versitygw() else {
        return;
    };
    let mut desk = desk(&versitygw, "pages");
    let pages = (
        "pages of https://documents.example may put and get objects".to_owned(),
        "changed".to_owned(),
    );
    let done = outcomes(&desk, &["setup", "--json"]);
    assert!(done.contains(&pages), "{done:?}");
    // It has no lifecycle: the net is missing, and that is said.
    let found = findings(&desk);
    let net = "the store cannot be told that objects of retention class 64 go after 37 days";
    assert!(
        found.contains(&("warning".to_owned(), net.to_owned())),
        "{found:?}"
    );

    desk.set("CRYPT_KEEPER__BLOBS__S3__CORS_ORIGINS", "");
    let surplus = "our rule lets pages of https://documents.example in, which \
                   `blobs.s3.cors_origins` does not name";
    let found = findings(&desk);
    assert!(
        found.contains(&("warning".to_owned(), surplus.to_owned())),
        "{found:?}"
    );
    let none = (
        "pages of no origin may put and get objects".to_owned(),
        "changed".to_owned(),
    );
    let done = outcomes(&desk, &["setup", "--json"]);
    assert!(done.contains(&none), "{done:?}");
    let found = findings(&desk);
    assert!(
        found
            .iter()
            .all(|(_, message)| !message.contains("pages of")),
        "{found:?}"
    );
}

/// It asks, and sends nothing else: before there is a bucket, and when there is much to change.
#[test]
fn a_dry_run_only_asks() {
    let Some(minio) = services::minio() else {
        return;
    };
    let mut desk = desk(&minio, "dry");
    let recorder = Recorder::before(&minio);
    let through = format!("http://{}", recorder.address);
    desk.set("CRYPT_KEEPER__BLOBS__S3__ENDPOINT", &through);
    let dry = |desk: &Desk| {
        let ran = desk.run(&["setup", "--dry-run", "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.json().remove(0)
    };
    let would = dry(&desk);
    assert_eq!(would["dry_run"], true);
    assert_eq!(would["bucket"], "made");
    assert_eq!(would["would_make"].as_array().unwrap().len(), 2, "{would}");
    assert_eq!(
        would["bucket_rules"][0]["outcome"], "would_change",
        "{would}"
    );
    assert_eq!(recorder.writes(), Vec::<String>::new());
    assert!(!desk.path("crypt-keeper-data").exists());

    assert_eq!(desk.run(&["setup"]).code, 0);
    assert_ne!(recorder.writes().len(), 0, "setup itself writes");
    recorder.forget();
    desk.set(
        "CRYPT_KEEPER__RETENTION__CLASSES",
        "64:week-files:60d:week,1:daily:7d",
    );
    let database = || std::fs::read(desk.data("metadata.db")).unwrap();
    let before = database();
    let (first, again) = (dry(&desk), dry(&desk));
    assert_eq!(first, again);
    assert_eq!(first["bucket"], "existed");
    let outcomes = first["bucket_rules"].as_array().unwrap();
    let count = outcomes
        .iter()
        .filter(|one| one["outcome"] == "would_change")
        .count();
    // Two classes, unfinished uploads, and pages.
    assert_eq!(count, 4, "{first}");
    assert_eq!(recorder.writes(), Vec::<String>::new());
    assert_eq!(database(), before);
    let told = desk.run(&["setup", "--dry-run"]).stdout;
    let line = "bucket: would change: objects of retention class 64 go after 67 days (now: a rule \
                deletes the objects of retention class 64 after 37 days, while their documents may \
                be alive: they should go after 67 days)\n";
    assert!(told.contains(line), "{told}");
}

/// Stands before an HTTP server and writes down the requests, until the process ends.
struct Recorder {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn before(access: &S3Access) -> Self {
        let server = access.endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let upstream = TcpStream::connect(&server).unwrap();
                let (from, to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                let seen = Arc::clone(&seen);
                thread::spawn(move || pass(from, to, |bytes| record(&seen, bytes)));
                thread::spawn(move || pass(upstream, client, |_| ()));
            }
        });
        Self { address, requests }
    }

    /// All that was not asked, but told.
    fn writes(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let asks = |line: &&String| line.starts_with("GET ") || line.starts_with("HEAD ");
        requests
            .iter()
            .filter(|line| !asks(line))
            .cloned()
            .collect()
    }

    fn forget(&self) {
        self.requests.lock().unwrap().clear();
    }
}

/// Heads come in one piece here.
fn record(seen: &Mutex<Vec<String>>, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let first = text.lines().next().unwrap_or_default();
    if first.ends_with(" HTTP/1.1") {
        seen.lock().unwrap().push(first.to_owned());
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, see: impl Fn(&[u8])) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        see(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
