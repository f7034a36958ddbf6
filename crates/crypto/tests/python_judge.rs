//! An independent reader of our vectors: Python's `cryptography`, which knows nothing of this code.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as its body may"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crypt_keeper_test_services::{python_interpreter, require_or_skip, run};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn judge(python: &Path, vectors: &Path) -> Result<BTreeMap<String, usize>, String> {
    let script = repository("tests/judges/vectors.py");
    let said = run(Command::new(python).arg(script).arg(vectors));
    said.map(|said| serde_json::from_str(&said).unwrap())
        .map_err(|error| error.to_string())
}

#[test]
fn python_opens_what_we_wrote_and_refuses_what_we_refuse() {
    let requirements = repository("tests/judges/requirements.txt");
    let python = python_interpreter(&requirements);
    let Some(python) = require_or_skip("Python's cryptography", python) else {
        return;
    };

    let held = judge(&python, &repository("tests/vectors")).unwrap();
    let at_least = [
        ("document-format", 28),
        ("document-boundaries", 70),
        ("aes-cbc", 9),
        ("key-commitment", 8),
        ("wrap-label", 10),
        ("wrap-hpke", 20),
        ("sealed-blob", 14),
    ];
    for (name, count) in at_least {
        assert!(held[name] >= count, "{name}: {}", held[name]);
    }

    // A judge that accepts anything is none: spoil one place of each file, and it must object.
    let spoiled = tempfile::tempdir().unwrap();
    for (name, _) in at_least {
        for (other, _) in at_least {
            let file = format!("{other}.json");
            let text = fs::read_to_string(repository("tests/vectors").join(&file)).unwrap();
            let text = if other == name { spoil(&text) } else { text };
            fs::write(spoiled.path().join(&file), text).unwrap();
        }
        let objection = judge(&python, spoiled.path());
        assert!(
            objection.is_err(),
            "{name}: spoiled, and it held {objection:?}"
        );
    }
}

/// Changes the first digit of a key: of the second case's document key (an empty document under
/// `AES|CBC` reads the same under any key), or of the subkey that seals.
fn spoil(text: &str) -> String {
    let places = |field: &str| -> Vec<usize> {
        text.match_indices(field)
            .map(|(at, _)| at + field.len())
            .collect()
    };
    let keys = places("\"document_key\": \"");
    let at = keys
        .get(1)
        .copied()
        .unwrap_or_else(|| places("\"seal\": \"")[0]);
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}
