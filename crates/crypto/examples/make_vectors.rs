//! Writes this crate's own vectors: `cargo run -p crypt-keeper-crypto --example make_vectors --
//! tests/vectors`. Keys and ids are digests of their names, so that most of it comes out the same
//! again; wraps, seals and initialization vectors are random by their nature.
#![expect(
    clippy::unwrap_used,
    reason = "a developer's tool that has nothing to lose"
)]

#[path = "make_vectors/documents.rs"]
mod documents;
#[path = "../tests/support/forge.rs"]
mod forge;
#[path = "make_vectors/keys.rs"]
mod keys;

use std::{fs, path::Path};

use crypt_keeper_crypto::DocumentKey;
use openssl::sha::sha256;
use serde_json::Value;

fn main() {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "tests/vectors".to_owned());
    let folder = Path::new(&folder);
    write(folder, "document-boundaries", &documents::boundaries());
    write(folder, "aes-cbc", &documents::cbc());
    write(folder, "key-commitment", &keys::commitment());
    write(folder, "wrap-label", &keys::wrap_label());
    write(folder, "wrap-hpke", &keys::wrap_hpke());
    write(folder, "sealed-blob", &keys::sealed_blob());
}

fn write(folder: &Path, name: &str, vectors: &Value) {
    let text = serde_json::to_string_pretty(vectors).unwrap() + "\n";
    fs::write(folder.join(format!("{name}.json")), text).unwrap();
}

/// 32 bytes that anyone can make again.
fn named(name: &str) -> [u8; 32] {
    sha256(format!("crypt-keeper test vectors: {name}").as_bytes())
}

fn document_id(name: &str) -> [u8; 16] {
    named(&format!("{name}, document id"))[..16]
        .try_into()
        .unwrap()
}

fn document_key(name: &str) -> DocumentKey {
    DocumentKey::new(Box::new(named(&format!("{name}, document key"))))
}
