//! Python's `cryptography` (OpenSSL), both ways: it opens what we wrapped, we open what it wrapped.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as its body may"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crypt_keeper_crypto::{
    DocumentKey, ExposeSecret, KeyPair, WrapAlgorithm, WrapError, random_bytes,
};
use crypt_keeper_test_services::{python_interpreter, require_or_skip, run};
use serde_json::{Value, json};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

struct Case {
    pair: KeyPair,
    serial: u64,
    id: [u8; 16],
    key: DocumentKey,
    wrapped: Vec<u8>,
}

impl Case {
    fn new(algorithm: WrapAlgorithm) -> Self {
        let (mut serial, mut id) = ([0; 8], [0; 16]);
        random_bytes(&mut serial).unwrap();
        random_bytes(&mut id).unwrap();
        let serial = u64::from_be_bytes(serial);
        let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap();
        let pair = KeyPair::generate(algorithm).unwrap();
        let wrapped = pair.public_half().wrap(&key, serial, &id).unwrap();
        Self {
            pair,
            serial,
            id,
            key,
            wrapped,
        }
    }

    /// The label, told a second time.
    fn info(&self) -> Vec<u8> {
        let algorithm = self.pair.public_half().algorithm().name().as_bytes();
        let serial = self.serial.to_be_bytes();
        [
            b"crypt-keeper/wrap/v1\0",
            algorithm,
            b"\0",
            &serial,
            &self.id,
        ]
        .concat()
    }

    fn told(&self) -> Value {
        self.told_otherwise("", &self.info(), &self.wrapped)
    }

    fn told_otherwise(&self, why: &str, info: &[u8], wrapped: &[u8]) -> Value {
        let secret = self.pair.private_half().to_bytes().unwrap();
        json!({
            "why": why,
            "algorithm": self.pair.public_half().algorithm().name(),
            "private_half": hex::encode(secret.expose_secret()),
            "public_half": hex::encode(self.pair.public_half().as_bytes()),
            "info": hex::encode(info),
            "document_key": hex::encode(self.key.expose_secret()),
            "wrapped": hex::encode(wrapped),
        })
    }

    /// What must not open.
    fn spoiled(&self) -> Vec<Value> {
        let mut told = Vec::new();
        for at in 0..self.info().len() {
            let mut info = self.info();
            info[at] ^= 1;
            told.push(self.told_otherwise(&format!("info, byte {at}"), &info, &self.wrapped));
        }
        for at in (0..self.wrapped.len()).step_by(7) {
            let mut wrapped = self.wrapped.clone();
            wrapped[at] ^= 0x80;
            told.push(self.told_otherwise(&format!("byte {at}"), &self.info(), &wrapped));
            let cut = &self.wrapped[..at];
            told.push(self.told_otherwise(&format!("cut to {at}"), &self.info(), cut));
        }
        told
    }
}

fn ask(python: &Path, verb: &str, cases: &[Value]) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_string(cases).unwrap();
    fs::write(folder.path().join("cases.json"), text).unwrap();
    let script = repository("tests/judges/hpke.py");
    let said = run(Command::new(python)
        .arg(script)
        .arg(verb)
        .arg(folder.path()));
    said.map(|said| serde_json::from_str(&said).unwrap())
        .map_err(|error| error.to_string())
}

#[test]
fn python_and_we_open_each_others_wraps() {
    let requirements = repository("tests/judges/requirements.txt");
    let python = python_interpreter(&requirements);
    let Some(python) = require_or_skip("Python's cryptography", python) else {
        return;
    };
    let algorithms = [WrapAlgorithm::HpkeX25519, WrapAlgorithm::HpkeXWing];
    let cases: Vec<Case> = algorithms
        .into_iter()
        .flat_map(|algorithm| (0..4).map(move |_| Case::new(algorithm)))
        .collect();
    let told: Vec<Value> = cases.iter().map(Case::told).collect();
    assert_eq!(ask(&python, "open", &told).unwrap().len(), 8);

    let wraps = ask(&python, "wrap", &told).unwrap();
    assert_eq!(wraps.len(), 8);
    for (case, wrapped) in cases.iter().zip(wraps) {
        let wrapped = hex::decode(wrapped.as_str().unwrap()).unwrap();
        assert_ne!(wrapped, case.wrapped);
        let private = case.pair.private_half();
        let opened = private.unwrap(&wrapped, case.serial, &case.id).unwrap();
        assert_eq!(opened, case.key);
        let other_serial = private.unwrap(&wrapped, case.serial ^ 1, &case.id);
        assert!(matches!(other_serial, Err(WrapError::DoesNotOpen)));
    }

    let spoiled = [cases[0].spoiled(), cases[4].spoiled()].concat();
    assert!(spoiled.len() > 400, "{}", spoiled.len());
    ask(&python, "refuse", &spoiled).unwrap();
    // A judge that accepts anything is none, nor one that refuses anything.
    assert!(ask(&python, "open", &spoiled[..1]).is_err());
    assert!(ask(&python, "refuse", &told[..1]).is_err());
}
