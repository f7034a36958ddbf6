//! An object that is not what was stored: the client says so, with the exit code for it, and keeps
//! nothing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_crypto::{DocumentKey, document};
use crypt_keeper_test_services::{S3Options, S3Server, require_or_skip};
use crypt_keeper_tests::http::request_url;
use crypt_keeper_tests::{Ckc, Parts, Server, Upload, content};
use serde_json::json;

const INTEGRITY: i32 = 5;
/// One segment of the stored object.
const SEGMENT: usize = 1 << 20;
const TAG: usize = 16;
/// Three whole segments: 1,048,520 bytes of plaintext in the first, 1,048,560 in the others.
const LENGTH: usize = 1_048_520 + 2 * 1_048_560;

/// What can befall an object, and how.
type Damage = (&'static str, fn(&Object) -> Vec<u8>);

/// An object, and that of another document of the same length: what somebody who can write to the
/// store has.
struct Object {
    bytes: Vec<u8>,
    other_document: Vec<u8>,
}

const DAMAGES: [Damage; 16] = [
    ("a flipped bit at the start", |object| flipped(object, 0)),
    ("a flipped bit of the salt", |object| flipped(object, 5)),
    ("a flipped bit of the nonce prefix", |object| {
        flipped(object, 35)
    }),
    ("a flipped bit of the first tag", |object| {
        flipped(object, SEGMENT - 1)
    }),
    ("a flipped bit in the middle", |object| {
        flipped(object, SEGMENT + 77)
    }),
    ("a flipped bit of the last tag", |object| {
        flipped(object, object.bytes.len() - 1)
    }),
    ("cut by a byte", |object| {
        object.bytes[..object.bytes.len() - 1].to_vec()
    }),
    ("cut at a segment's end", |object| {
        object.bytes[..2 * SEGMENT].to_vec()
    }),
    ("cut within the header", |object| {
        object.bytes[..20].to_vec()
    }),
    ("nothing left of it", |_| Vec::new()),
    ("a byte after the end", |object| {
        [&object.bytes[..], &[0]].concat()
    }),
    ("an empty segment after the end", |object| {
        [&object.bytes[..], &[0; TAG]].concat()
    }),
    ("its last segment twice", |object| {
        [&object.bytes[..], &object.bytes[2 * SEGMENT..]].concat()
    }),
    ("two segments swapped", |object| {
        let bytes = &object.bytes;
        [
            &bytes[..SEGMENT],
            &bytes[2 * SEGMENT..],
            &bytes[SEGMENT..2 * SEGMENT],
        ]
        .concat()
    }),
    ("a segment of another document", |object| {
        let (bytes, other) = (&object.bytes, &object.other_document);
        [
            &bytes[..SEGMENT],
            &other[SEGMENT..2 * SEGMENT],
            &bytes[2 * SEGMENT..],
        ]
        .concat()
    }),
    ("another document in its place", |object| {
        object.other_document.clone()
    }),
];

fn flipped(object: &Object, at: usize) -> Vec<u8> {
    let mut bytes = object.bytes.clone();
    bytes[at] ^= 1;
    bytes
}

struct Scene {
    server: Server,
    alice: Ckc,
    id: String,
    object: Object,
    /// The presigned PUT of the document, good for a few minutes and as many times as one likes.
    put: String,
}

impl Scene {
    fn set(parts: &Parts) -> Self {
        let server = Server::start(parts);
        let account = server.user("alice");
        let (alice, api) = (server.ckc(&account), server.api(&account));
        alice.write("source", content(LENGTH, 11));
        alice.write("other", content(LENGTH, 12));
        let store = |name: &str| {
            let body = json!({"document_metadata": {
                "name": name, "content_length": LENGTH, "content_type": "text/plain",
                "compressed": false, "encryption_type": "AES256_GCM_HKDF_1MB",
            }});
            let answer = api.call("POST", "upload_url/", Some(&body)).unwrap();
            let upload = Upload::of(&answer);
            let object = encrypted(&upload, &alice.read(name));
            let put = request_url("PUT", &upload.url, &object).unwrap();
            assert_eq!(put.status, 200, "{}", put.text());
            (upload, object)
        };
        let (upload, bytes) = store("source");
        let (_, other_document) = store("other");
        assert_eq!(bytes.len(), 3 * SEGMENT);
        Self {
            server,
            alice,
            id: upload.id,
            object: Object {
                bytes,
                other_document,
            },
            put: upload.url,
        }
    }

    /// Puts each damage in the object's place and downloads.
    fn every_damage_shows(&self, replace: impl Fn(&[u8])) {
        for (damage, make) in DAMAGES {
            let damaged = make(&self.object);
            assert!(damaged != self.object.bytes, "{damage}");
            replace(&damaged);
            self.alice.write("kept", "what was there before");
            let before = self.alice.everything();
            for target in ["fresh", "kept"] {
                let arguments = ["download", &self.id, "--force", "-o", target];
                let refused = self.alice.run(&arguments);
                assert_eq!(
                    refused.code,
                    Some(INTEGRITY),
                    "{damage}: {}",
                    refused.errors()
                );
                assert_eq!(refused.text(), "", "{damage}");
                assert!(
                    refused.errors().contains("altered or is incomplete"),
                    "{damage}: {}",
                    refused.errors()
                );
            }
            assert_eq!(self.alice.everything(), before, "{damage}: no file is left");
            assert_eq!(self.alice.read("kept"), b"what was there before");
            // On a stream, whatever came before the damage was verified; the code says the rest.
            let streamed = self.alice.run(&["download", &self.id, "-o", "-"]);
            assert_eq!(streamed.code, Some(INTEGRITY), "{damage}");
            let whole = self.alice.read("source");
            assert!(whole.starts_with(&streamed.stdout), "{damage}");
        }
        replace(&self.object.bytes);
        self.alice
            .succeeds(&["download", &self.id, "-o", "undamaged"]);
        assert!(self.alice.read("undamaged") == self.alice.read("source"));
    }
}

fn encrypted(upload: &Upload, plaintext: &[u8]) -> Vec<u8> {
    let key = STANDARD.decode(&upload.key).unwrap();
    let key = DocumentKey::new(Box::new(key.try_into().unwrap()));
    let id = hex::decode(upload.id.replace('-', "")).unwrap();
    document::encrypt(&key, &id.try_into().unwrap(), plaintext).unwrap()
}

/// The file below `folder` whose path holds the document's id.
fn file_of(folder: &Path, id: &str) -> PathBuf {
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else if path.to_string_lossy().contains(id) {
                return path;
            }
        }
    }
    panic!("no object of {id}");
}

#[test]
fn every_damage_in_the_folder_shows() {
    let scene = Scene::set(&Parts::embedded());
    let path = file_of(&scene.server.installation.data().join("blobs"), &scene.id);
    scene.every_damage_shows(|damaged| fs::write(&path, damaged).unwrap());

    // Without the object there is nothing to verify.
    fs::remove_file(&path).unwrap();
    let missing = scene
        .alice
        .fails_with(4, &["download", &scene.id, "-o", "gone"]);
    assert!(missing.errors().contains("not in the object store"));
}

#[test]
fn every_damage_in_the_bucket_shows() {
    let minio = S3Server::start_minio(&S3Options::default());
    let Some(minio) = require_or_skip("MinIO", minio) else {
        return;
    };
    let scene = Scene::set(&Parts {
        s3: Some(minio.access().clone()),
        ..Parts::default()
    });
    // Clients of 2017 send no condition, so whoever has the presigned PUT can replace the object.
    scene.every_damage_shows(|damaged| {
        let put = request_url("PUT", &scene.put, damaged).unwrap();
        assert_eq!(put.status, 200, "{}", put.text());
    });
}
