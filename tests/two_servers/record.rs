//! What was acknowledged, and whether it is there.

use crypt_keeper_tests::http::request_url;
use crypt_keeper_tests::{Server, Upload, content};
use serde_json::json;

use crate::shared::Shared;

/// How many look at once.
const LOOKERS: usize = 4;

/// A document whose upload was acknowledged, object and all.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) made: Made,
    /// Its content is [`content`] of these.
    pub(crate) length: usize,
    pub(crate) seed: u64,
    /// Whether its sharing with Bob was acknowledged.
    pub(crate) is_shared: bool,
}

/// How its object was made.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    /// By a script, which got this key and has put the content as it is.
    ByScript { key: String },
    /// By `ckc`, which has encrypted it.
    ByCkc,
}

impl Document {
    pub(crate) fn content(&self) -> Vec<u8> {
        content(self.length, self.seed)
    }
}

/// What clients were told.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) documents: Vec<Document>,
    /// How often a key was given out.
    pub(crate) downloads: usize,
}

impl Record {
    pub(crate) fn add(&mut self, other: Self) {
        self.documents.extend(other.documents);
        self.downloads += other.downloads;
    }

    pub(crate) fn shares(&self) -> usize {
        let shared = self.documents.iter();
        shared.filter(|document| document.is_shared).count()
    }
}

/// Every document that was acknowledged is there, byte for byte, at either server; every share is in
/// force; nothing is there by halves.
pub(crate) fn is_kept(record: &Record, shared: &Shared, servers: [&Server; 2]) {
    assert!(!record.documents.is_empty() && record.shares() > 0);
    let in_parts = record.documents.len().div_ceil(LOOKERS);
    std::thread::scope(|scope| {
        for part in record.documents.chunks(in_parts) {
            scope.spawn(move || {
                let [first, second] = servers;
                for (number, document) in part.iter().enumerate() {
                    // In turn, so that each is asked for what the other one has accepted.
                    let servers = if number % 2 == 0 {
                        [first, second]
                    } else {
                        [second, first]
                    };
                    is_there(document, shared, servers);
                }
            });
        }
    });
    let stored = servers[0].installation.stored();
    assert_eq!(stored.half_states(), [""; 0]);
    assert!(stored.documents() >= record.documents.len());
    // A key that left was written down first.
    assert!(stored.releases() >= record.downloads);
    for server in servers {
        assert!(!server.log().contains("panicked"), "{}", server.log());
    }
}

/// For its owner at one server, and for its reader at the other.
fn is_there(document: &Document, shared: &Shared, [owners, readers]: [&Server; 2]) {
    let id = document.id.as_str();
    let (alice, bob) = (owners.api(&shared.alice), readers.api(&shared.bob));
    let users = alice.call("GET", &format!("share/{id}/"), None).unwrap();
    let given = bob.download_url(id).unwrap();
    if document.is_shared {
        assert_eq!(users.json()["users"], json!(["alice", "bob"]), "{id}");
        assert_eq!(given.status, 200, "{id} is not Bob's any more");
    }
    match &document.made {
        Made::ByScript { key } => {
            let found = Upload::of(&alice.download_url(id).unwrap());
            assert!(found.key == *key, "{id} has another key");
            let object = request_url("GET", &found.url, &[]).unwrap();
            assert_eq!(object.status, 200, "{id}: {}", object.text());
            assert!(object.body == document.content(), "{id} is not the same");
        }
        Made::ByCkc => {
            let ckc = owners.ckc(&shared.alice);
            ckc.succeeds(&["download", id, "-o", "copy"]);
            assert!(
                ckc.read("copy") == document.content(),
                "{id} is not the same"
            );
        }
    }
}
