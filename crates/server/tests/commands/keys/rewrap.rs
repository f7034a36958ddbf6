//! `keys rewrap`.

use insta::assert_snapshot;

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
        let mut desk = Desk::bare()
            .with("CRYPT_KEEPER__KEYS__SCOPE", "shared")
            .with("CRYPT_KEEPER__KEYS__ALGORITHM", RSA);
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

    /// Puts something else in the place of a document's wrapped key, or of what it commits to.
    fn spoil(&self, id: &str, assignment: &str) {
        let id = id.replace('-', "");
        self.desk.sql(&format!(
            "UPDATE documents SET {assignment} WHERE id = x'{id}'"
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
    ]), @r"
    $ crypt-keeper keys rewrap [serial] --batch-size 2
    Key pair [serial]: documents rewrapped: 5; no live document is still under it.
    Next: it is still active, until the service rotates it out, a day after the pair of `keys.algorithm` became active: run this again then, and a day later `crypt-keeper keys destroy [serial]`.
    $ crypt-keeper keys rewrap --serial [serial]
    Key pair [serial]: documents rewrapped: 0; no live document is still under it.
    Next: it is still active, until the service rotates it out, a day after the pair of `keys.algorithm` became active: run this again then, and a day later `crypt-keeper keys destroy [serial]`.
    ");
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
    let mut story = Story::new(5);
    let rsa = story.serial(0);
    story.set_algorithm("CK-HPKE-X25519");
    story.spoil(&story.ids[2], "wrapped_key = key_commitment");
    // Of a length that cannot be: its row cannot even be read.
    story.spoil(&story.ids[4], "key_commitment = wrapped_key");
    let words = ["keys", "rewrap", "--serial", &rsa, "--json"];
    let ran = story.desk.run(&words);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let lines = ran.json();
    let named: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "failed")
        .map(|line| line["document"].clone())
        .collect();
    assert_eq!(named, [story.ids[4].clone(), story.ids[2].clone()]);
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "finished");
    let counts = ["rewrapped", "elsewhere", "failed", "left"].map(|name| last[name].as_u64());
    assert_eq!(counts, [Some(3), Some(0), Some(2), Some(2)], "{last}");
    assert_eq!(last["stopped"], false);
    assert_eq!(story.downloads(), [200, 200, 500, 200, 500]);
    assert_snapshot!(story.type_in(&[
        format!("keys rewrap {rsa}"),
        format!("keys rewrap {rsa} --serial 7"),
        "keys rewrap".to_owned(),
        "keys rewrap 7 --rate 0".to_owned(),
        "keys rewrap 7 --batch-size 1001".to_owned(),
        "keys rewrap 7".to_owned(),
    ]), @r"
    $ crypt-keeper keys rewrap [serial]
    Key pair [serial]: documents rewrapped: 0, that could not be: 2; 2 live documents are still under it.
    Next: bring the documents named above back from a backup of the database, or have their owners upload them anew; then run this again.
    | Document [id] is left as it was: stored data is corrupt: what the store holds is corrupt: documents.key_commitment has 384 bytes instead of 32
    | Document [id] is left as it was: stored data is corrupt: a wrapped key, or a private half, is corrupt: key pair [serial] cannot be used: the wrapped key does not open under this key pair for this document
    exit code 1
    $ crypt-keeper keys rewrap [serial] --serial 7
    | error: the argument '[SERIAL]' cannot be used with '--serial <SERIAL>'
    | 
    | Usage: crypt-keeper keys rewrap <SERIAL>
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper keys rewrap
    | error: the following required arguments were not provided:
    |  <SERIAL>
    | 
    | Usage: crypt-keeper keys rewrap <SERIAL>
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper keys rewrap 7 --rate 0
    | error: invalid value '0' for '--rate <DOCUMENTS>': a number of documents a second, 1 or more, is needed
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper keys rewrap 7 --batch-size 1001
    | error: invalid value '1001' for '--batch-size <DOCUMENTS>': a number from 1 to 1000 is needed
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper keys rewrap 7
    | crypt-keeper: no key pair has serial 7; `crypt-keeper keys list` lists them
    exit code 1
    ");
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
