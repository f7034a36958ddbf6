//! `keys rewrap`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::desk::{Desk, Service};
use crate::http;

/// A service with documents of Alice's under a pair of RSA that was made for them.
struct Story {
    desk: Desk,
    service: Service,
    key: String,
    ids: Vec<String>,
}

const RSA: &str = "CK-RSA-OAEP-256";

impl Story {
    fn new(documents: usize) -> Self {
        let mut desk = Desk::bare().with("CRYPT_KEEPER__KEYS__ALGORITHM", RSA);
        assert_eq!(desk.run(&["setup"]).code, 0);
        let service = desk.serve();
        let ran = desk.run(&["user", "add", "alice", "--api-key"]);
        let key = ran.line().to_owned();
        let upload = |_| {
            let answer = http::upload(service.address, "alice", &key, "report.pdf");
            http::id_of(&answer)
        };
        let ids = (0..documents).map(upload).collect();
        Self {
            desk,
            service,
            key,
            ids,
        }
    }

    /// From now on new pairs are of another algorithm, and one is made.
    fn set_algorithm(&mut self, algorithm: &str) {
        self.desk.set("CRYPT_KEEPER__KEYS__ALGORITHM", algorithm);
        assert_eq!(self.desk.run(&["setup"]).code, 0);
        self.service = self.desk.serve();
    }

    fn serial(&self, number: usize) -> String {
        let pairs = self.desk.run(&["keys", "list", "--json"]).json();
        pairs[number]["serial"].as_str().unwrap().to_owned()
    }

    fn downloads(&self) -> Vec<u16> {
        let status = |id: &String| http::download(self.service.address, "alice", &self.key, id);
        self.ids.iter().map(status).collect()
    }

    fn under(&self, serial: &str) -> usize {
        let words = ["documents", "list", "--key-pair", serial, "--json"];
        self.desk.run(&words).json().len()
    }

    /// Spoils a byte of a document's wrapped key.
    fn spoil(&self, id: &str) {
        let id = id.replace('-', "");
        self.desk.sql(&format!(
            "UPDATE documents SET wrapped_key = x'00' || substr(wrapped_key, 2) WHERE id = x'{id}'"
        ));
    }

    fn type_in(&self, lines: &[String]) -> String {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        self.desk.type_in(&lines)
    }
}

#[test]
fn documents_move_to_another_algorithm_beside_the_running_service() {
    let mut story = Story::new(5);
    let rsa = story.serial(0);
    assert_eq!(story.downloads(), [200; 5]);
    let refused = story.desk.run(&["keys", "rewrap", &rsa]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(
        refused
            .stderr
            .contains("the one that wraps the keys of new documents"),
        "{}",
        refused.stderr
    );
    story.set_algorithm("CK-HPKE-XWING");
    let hybrid = story.serial(1);
    assert_snapshot!(story.type_in(&[
        format!("keys rewrap {rsa} --batch-size 2"),
        format!("keys rewrap --serial {rsa}"),
    ]), @"");
    assert_eq!((story.under(&rsa), story.under(&hybrid)), (0, 5));
    assert_eq!(story.downloads(), [200; 5]);
    let shown = story
        .desk
        .run(&["documents", "show", &story.ids[0], "--json"]);
    let shown = shown.json().remove(0);
    assert_eq!(shown["serial"], hybrid);
    assert_eq!(shown["key_exposed"], false);
    let words = ["audit", "list", "--action", "document.rewrapped", "--json"];
    let audit = story.desk.run(&words).json();
    assert_eq!(audit.len(), 5);
    for entry in audit {
        assert_eq!(entry["serial"], rsa, "the pair that was left: {entry}");
        assert_eq!(entry["actor"], "operator", "{entry}");
    }
}

#[test]
fn what_does_not_open_is_named_and_left() {
    let mut story = Story::new(4);
    let rsa = story.serial(0);
    story.set_algorithm("CK-HPKE-X25519");
    story.spoil(&story.ids[2]);
    let rans = story
        .desk
        .run(&["keys", "rewrap", "--serial", &rsa, "--json"]);
    assert_eq!(rans.code, 1);
    let lines = rans.json();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str()).collect();
    assert_eq!(
        events,
        [
            Some("failed"),
            Some("progress"),
            Some("progress"),
            Some("finished")
        ]
    );
    assert_eq!(lines[0]["document"], Value::from(story.ids[2].clone()));
    let last = lines.last().unwrap();
    let counts = ["rewrapped", "elsewhere", "failed", "left"].map(|name| last[name].as_u64());
    assert_eq!(counts, [Some(3), Some(0), Some(1), Some(1)], "{last}");
    assert_eq!(last["stopped"], false);
    assert_eq!(story.downloads(), [200, 200, 500, 200]);
    assert_snapshot!(story.type_in(&[
        format!("keys rewrap {rsa}"),
        format!("keys rewrap {rsa} --serial 7"),
        "keys rewrap".to_owned(),
        "keys rewrap 7 --rate 0".to_owned(),
        "keys rewrap 7 --batch-size 1001".to_owned(),
        "keys rewrap 7".to_owned(),
    ]), @"");
}

#[test]
fn a_suspended_pair_is_not_unwrapped_and_a_slow_rate_is_kept() {
    let story = Story::new(6);
    let rsa = story.serial(0);
    assert_eq!(story.desk.run(&["keys", "suspend", &rsa]).code, 0);
    let refused = story.desk.run(&["keys", "rewrap", &rsa]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("keys resume"), "{}", refused.stderr);
    assert_eq!(story.desk.run(&["keys", "resume", &rsa]).code, 0);
    let began = std::time::Instant::now();
    let ran = story
        .desk
        .run(&["keys", "rewrap", &rsa, "--rate", "3", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // Three, a second, three.
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    assert_eq!(story.downloads(), [200; 6]);
}

#[test]
fn two_at_once_rewrap_each_document_once() {
    let story = Story::new(60);
    let rsa = story.serial(0);
    assert_eq!(story.desk.run(&["keys", "rotate"]).code, 0);
    let words = ["keys", "rewrap", &rsa, "--batch-size", "3", "--json"];
    let mut rewrapped = 0;
    for ran in story.desk.run_twice_at_once(&words) {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let last = ran.json().pop().unwrap();
        assert_eq!(last["left"], 0, "{last}");
        rewrapped += last["rewrapped"].as_u64().unwrap();
    }
    assert_eq!(rewrapped, 60);
    assert_eq!(story.downloads(), [200; 60]);
    let words = ["audit", "list", "--action", "document.rewrapped", "--json"];
    assert_eq!(story.desk.run(&words).json().len(), 60);
}
