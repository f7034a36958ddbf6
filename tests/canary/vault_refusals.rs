//! What is refused of Vault: entries that somebody has altered there, and logins of no use.

use std::fs;

use crypt_keeper_tests::Engine;
use serde_json::{Value, json};

use crate::everyday::Documents;
use crate::refusals::OTHER;
use crate::vault_outages::restarted;
use crate::world::{Who, World};

pub(crate) fn run(world: &mut World, documents: &Documents) {
    match world.engine() {
        None => return,
        Some(Engine::Kv) => altered_entries(world, documents),
        Some(Engine::Transit) => a_version_that_is_refused(world, documents),
    }
    tokens_of_no_use(world);
    logins_by_approle(world);
}

/// What whoever writes to KV could do, the private half in all the wrong places.
fn altered_entries(world: &mut World, documents: &Documents) {
    let vault = world.vault.as_ref().unwrap();
    let entries = vault.keys.site.entries().unwrap();
    let halves: Vec<Value> = entries
        .iter()
        .map(|(_, it)| it["private"].clone())
        .collect();
    for half in &halves {
        // In text, it is all that is left of one that was cut.
        let rest = &half.as_str().unwrap()[4..];
        world.known.password("rest of a private half", rest);
    }
    assert!(halves.len() > 1 && halves[0] != halves[1]);
    let with = |field: &str, value: fn(&str) -> Value| {
        let altered = |(_, entry): &(String, Value)| {
            let mut altered = entry.clone();
            altered[field] = value(entry["private"].as_str().unwrap());
            altered
        };
        entries.iter().map(altered).collect::<Vec<_>>()
    };
    let others = entries.iter().zip(halves.iter().cycle().skip(1));
    let others = others.map(|((_, entry), half)| {
        let mut altered = entry.clone();
        altered["private"] = half.clone();
        altered
    });
    for altered in [
        with("serial", |half| json!(half)),
        with("scope", |half| json!(half)),
        with("algorithm", |half| json!([half])),
        with("private", |half| json!([half])),
        with("private", |half| json!(half[1..])),
        with("private", |half| json!(half[4..])),
        halves
            .iter()
            .map(|half| json!({ "private": half }))
            .collect(),
        others.collect(),
    ] {
        write_entries(
            world,
            entries.iter().map(|(serial, _)| serial).zip(&altered),
        );
        is_noticed(world, documents);
    }
    write_entries(world, entries.iter().map(|(serial, entry)| (serial, entry)));
    is_mended(world, documents);
}

fn write_entries<'a>(world: &World, entries: impl Iterator<Item = (&'a String, &'a Value)>) {
    let vault = world.vault.as_ref().unwrap();
    for (serial, entry) in entries {
        let path = format!("{}/data/crypt-keeper/keys/{serial}", vault.keys.site.kv());
        vault.must("POST", &path, &json!({ "data": entry }));
    }
}

/// Somebody has rotated a key of Transit, and taken its first version out of use.
fn a_version_that_is_refused(world: &mut World, documents: &Documents) {
    let pairs = world.server.installation.database().key_pairs();
    let set = |world: &World, least: u32| {
        let vault = world.vault.as_ref().unwrap();
        for pair in &pairs {
            let serial = pair.serial;
            let key = format!("{}/keys/crypt-keeper-{serial}", vault.keys.site.transit());
            if least > 1 {
                vault.must("POST", &format!("{key}/rotate"), &json!({}));
            }
            let least = json!({ "min_decryption_version": least });
            vault.must("POST", &format!("{key}/config"), &least);
        }
    };
    set(world, 2);
    is_noticed(world, documents);
    set(world, 1);
    is_mended(world, documents);
}

fn is_noticed(world: &mut World, documents: &Documents) {
    let id = documents.shared.id.as_str();
    let ran = world.operate(&["doctor"]);
    assert_ne!(ran.code, Some(0), "{}", ran.text());
    world.operate(&["doctor", "--json"]);
    // A new process has opened nothing.
    restarted(world);
    world.asks(Who::Alice, 500, "GET", &format!("download_url/{id}/"), None);
    world.types(Who::Alice, OTHER, &["download", id]);
    world.sends("readiness", "GET", "/readyz", &[], &[]);
}

fn is_mended(world: &mut World, documents: &Documents) {
    assert!(world.server.terminate().success());
    world.server.start_again();
    let shared = format!("download_url/{}/", documents.shared.id);
    world.asks(Who::Alice, 200, "GET", &shared, None);
    let ran = world.operate(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text());
}

/// With these settings all that asks Vault must fail; what is set can still be shown.
fn fails(world: &mut World, settings: &[&str]) {
    for command in [&["doctor"][..], &["doctor", "--json"], &["keys", "rotate"]] {
        let ran = world.operate(&[settings, command].concat());
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.text());
    }
    let ran = world.operate(&[settings, &["config", "check"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.errors());
}

/// Tokens that Vault does not know, and what is none.
fn tokens_of_no_use(world: &mut World) {
    let random = || hex::encode(crypt_keeper_tests::random::<32>());
    for (what, token) in [
        ("unknown token", format!("hvs.{}", random())),
        ("two words", format!("hvs.{} {}", random(), random())),
        ("two lines", format!("hvs.{}\n{}", random(), random())),
    ] {
        let file = world.server.installation.path("token-of-no-use");
        fs::write(&file, &token).unwrap();
        for word in token.split_whitespace() {
            world.known.password(what, word);
        }
        let setting = format!("keys.vault.token_file={}", file.display());
        fails(world, &["--set", &setting]);
    }
}

/// A secret id that is right, one that is wrong, one that comes in a wrapping, and that once more.
fn logins_by_approle(world: &mut World) {
    let vault = world.vault.as_ref().unwrap();
    vault.must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    let role = "auth/approle/role/service";
    let policies = ["serve", "rotate", "destroy"].map(|name| vault.keys.site.policy(name));
    let body = json!({ "token_policies": policies, "token_ttl": "600s" });
    vault.must("POST", role, &body);
    let role_id = vault.must("GET", &format!("{role}/role-id"), &Value::Null);
    let role_id = format!(
        "keys.vault.role_id={}",
        role_id["role_id"].as_str().unwrap()
    );
    let secret_id = format!("{role}/secret-id");
    let made = vault.must("POST", &secret_id, &json!({}));
    let right = made["secret_id"].as_str().unwrap().to_owned();
    let access = vault.bao.access().clone();
    let wrapped = access.ask_wrapped("POST", &secret_id, &json!({})).unwrap();
    let wrapped = wrapped["wrap_info"]["token"].as_str().unwrap().to_owned();

    let file = world.server.installation.path("secret-id");
    let setting = format!("keys.vault.secret_id_file={}", file.display());
    let settings = [
        "--set",
        "keys.vault.auth=approle",
        "--set",
        &role_id,
        "--set",
        &setting,
    ];
    let put = |world: &mut World, what: &str, word: &str| {
        fs::write(&file, word).unwrap();
        world.known.word_in_file(what, &file);
    };
    let works = |world: &mut World, command: &str| {
        let ran = world.operate(&[&settings[..], &[command]].concat());
        assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.errors());
    };
    put(world, "secret id", &right);
    works(world, "doctor");
    let other = if right.ends_with('0') { "1" } else { "0" };
    put(
        world,
        "wrong secret id",
        &format!("{}{other}", &right[..right.len() - 1]),
    );
    fails(world, &settings);
    put(world, "wrapped secret id", &wrapped);
    works(world, "doctor");
    let rotate = [&settings[..], &["keys", "rotate"]].concat();
    let opened = world.operate(&rotate);
    assert_eq!(opened.code, Some(0), "{}", opened.errors());
    let spent = world.operate(&rotate);
    assert_ne!(spent.code, Some(0), "{}", spent.text());
    world.operate(&[&settings[..], &["doctor"]].concat());
}
