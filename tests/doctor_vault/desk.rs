//! Services with their keys in Vault, and what a doctor says of them, in words that are always the
//! same.

use std::fs;

use crypt_keeper_test_services::VaultAccess;
use crypt_keeper_tests::{Engine, Installation, KeysInVault, Parts};
use serde_json::Value;

/// What belongs to a test's own site, in words that are always the same.
fn calmed(text: &str, keys: &KeysInVault, installation: &Installation) -> String {
    let folder = installation.path("x");
    let folder = folder.parent().unwrap().to_str().unwrap();
    let random = keys.site.kv().trim_start_matches("kv-");
    let text = text
        .replace(keys.site.access().address(), "ADDRESS")
        .replace(&installation.address().to_string(), "LISTEN")
        .replace(keys.site.transit(), "transit")
        .replace(keys.site.kv(), "kv")
        .replace(random, "NAME")
        .replace(folder, "~");
    // Seconds that are left, and the version, which is that of the installed OpenBao.
    let mut calm = Vec::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').map(calm_word).collect();
        calm.push(words.join(" ").replace("SECONDS s", "SECONDS"));
    }
    calm.join("\n")
}

fn calm_word(word: &str) -> String {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = word.matches('.').count() == 2
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match word {
        _ if word.contains("/blobs/doctor/") => "URL".to_owned(),
        _ if is_number && word.len() > 12 => "SERIAL".to_owned(),
        // It is that of the month in which the tests are run.
        _ if word.starts_with("partition:0:") => "partition:0:MONTH".to_owned(),
        _ if is_number && word.len() > 2 => "SECONDS".to_owned(),
        _ if is_version => "VERSION".to_owned(),
        _ => word.to_owned(),
    }
}

/// All that it says, and its exit code.
pub(crate) fn transcript(keys: &KeysInVault, installation: &Installation) -> String {
    let ran = installation.run(&["doctor"]);
    let stdout = String::from_utf8(ran.stdout).unwrap();
    let mut said = calmed(&stdout, keys, installation);
    if let Some(code) = ran.status.code().filter(|code| *code != 0) {
        said.push_str(&format!("\nexit code {code}"));
    }
    said
}

/// The same without what has nothing to do with Vault.
pub(crate) fn of_vault(keys: &KeysInVault, installation: &Installation) -> String {
    let said = transcript(keys, installation);
    let mut kept = Vec::new();
    let mut is_kept = false;
    for line in said.lines() {
        if !line.starts_with(' ') {
            let checks = [
                "vault",
                "key pairs",
                "active key pair",
                "master key",
                "exit code",
            ];
            is_kept = checks.iter().any(|check| line.contains(check));
            is_kept &= !line.contains("key backups");
        }
        if is_kept {
            kept.push(line);
        }
    }
    let report = installation.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        // What is not well comes with what to do, for programs too.
        assert_eq!(
            finding["level"] == "ok",
            finding["fix"].is_null(),
            "{finding}"
        );
    }
    kept.join("\n")
}

/// A service with its keys in KV, set up.
pub(crate) fn in_kv(access: &VaultAccess) -> (KeysInVault, Installation) {
    let keys = KeysInVault::create(Engine::Kv, access);
    let installation = keys.set_up(&Parts::embedded());
    (keys, installation)
}

/// The same, with one key pair for all documents: nothing but its age asks for another.
pub(crate) fn in_kv_with_shared_pairs(access: &VaultAccess) -> (KeysInVault, Installation) {
    let keys = KeysInVault::create(Engine::Kv, access);
    let installation = keys.set_up(&Parts::embedded().with_shared_pairs());
    (keys, installation)
}

pub(crate) fn hand(installation: &mut Installation, token: &str) {
    let file = installation.path("vault-token");
    fs::write(&file, token).unwrap();
    installation.set("KEYS__VAULT__TOKEN_FILE", file.to_str().unwrap());
}
