//! Tink itself, both ways: it reads what we wrote, we read what it wrote, around every boundary.
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
    DocumentKey, ExposeSecret,
    document::{decrypt, encrypt, layout::segment_capacity},
    random_bytes,
};
use crypt_keeper_test_services::{python_interpreter, require_or_skip, run};
use serde_json::json;

const FIRST: usize = segment_capacity(0);
const OTHER: usize = segment_capacity(1);

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// A document that both sides can make: byte `i` is `(i * 31 + number) mod 251`.
struct Case {
    number: usize,
    length: usize,
    id: [u8; 16],
    key: DocumentKey,
}

impl Case {
    fn all() -> Vec<Self> {
        let around = |boundary: usize| [boundary - 1, boundary, boundary + 1];
        let lengths = [
            [0, 1, 15].as_slice(),
            &[16, 17, 55, 56, 57],
            &around(FIRST),
            &around(FIRST + 56),
            &around(FIRST + OTHER),
            &around(FIRST + OTHER + 56),
            &around(FIRST + 2 * OTHER),
            &[5_255_225],
        ]
        .concat();
        lengths
            .into_iter()
            .enumerate()
            .map(|(number, length)| Self::new(number, length))
            .collect()
    }

    fn new(number: usize, length: usize) -> Self {
        let mut id = [0; 16];
        random_bytes(&mut id).unwrap();
        let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap();
        Self {
            number,
            length,
            id,
            key,
        }
    }

    fn name(&self) -> String {
        format!("{}-{}", self.number, self.length)
    }

    fn plaintext(&self) -> Vec<u8> {
        (0..self.length)
            .map(|i| u8::try_from((i * 31 + self.number) % 251).unwrap())
            .collect()
    }
}

/// Runs Tink over the cases; answers the folder with what it wrote.
fn exchange(act: &str, folder: &Path, cases: &[Case]) -> Option<()> {
    let requirements = repository("tests/judges/requirements.txt");
    let python = require_or_skip("Tink", python_interpreter(&requirements))?;
    let list: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({
                "name": case.name(),
                "case": case.number,
                "length": case.length,
                "document_id": hex::encode(case.id),
                "document_key": hex::encode(case.key.expose_secret()),
            })
        })
        .collect();
    fs::write(
        folder.join("cases.json"),
        serde_json::to_vec(&list).unwrap(),
    )
    .unwrap();
    let script = repository("tests/judges/tink_exchange.py");
    let said = run(Command::new(python).arg(script).arg(act).arg(folder)).unwrap();
    assert_eq!(said.trim(), cases.len().to_string());
    Some(())
}

#[test]
fn tink_reads_what_we_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let cases = Case::all();
    for case in &cases {
        let object = encrypt(&case.key, &case.id, &case.plaintext()).unwrap();
        fs::write(folder.path().join(format!("{}.ours", case.name())), object).unwrap();
    }
    exchange("decrypt", folder.path(), &cases);
}

#[test]
fn we_read_what_tink_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let cases = Case::all();
    let Some(()) = exchange("encrypt", folder.path(), &cases) else {
        return;
    };
    for case in &cases {
        let object = fs::read(folder.path().join(format!("{}.tink", case.name()))).unwrap();
        let read = decrypt(&case.key, &case.id, &object)
            .unwrap_or_else(|error| panic!("{}: {error}", case.name()));
        assert!(read == case.plaintext(), "{}", case.name());
    }
}

/// The exchange is not one of yes-men: what we wrote for another document, Tink refuses.
#[test]
fn tink_refuses_what_belongs_to_another_document_or_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        Case::new(0, 100),
        Case::new(1, FIRST),
        Case::new(2, FIRST + OTHER),
    ];
    for (number, case) in cases.iter().enumerate() {
        let (id, cut) = if number == 0 {
            ([0xEE; 16], 0)
        } else {
            (case.id, 1)
        };
        let mut object = encrypt(&case.key, &id, &case.plaintext()).unwrap();
        object.truncate(object.len() - cut);
        fs::write(folder.path().join(format!("{}.ours", case.name())), object).unwrap();
    }
    exchange("refuse", folder.path(), &cases);
}
