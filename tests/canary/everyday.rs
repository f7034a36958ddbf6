//! What goes well: documents are uploaded, shared and downloaded, by `ckc` and through the bare API.

use crypt_keeper_crypto::{DocumentKey, document};
use crypt_keeper_tests::http::request_url;
use crypt_keeper_tests::{Engine, Upload, content};
use serde_json::json;

use crate::world::{Who, World};

/// What later parts of the flow need.
pub(crate) struct Documents {
    /// Of Alice, shared with Bob, uploaded through the bare API.
    pub(crate) shared: Upload,
    /// Of Alice, announced and never uploaded.
    pub(crate) announced: Upload,
    /// Of Alice, uploaded by `ckc`.
    pub(crate) by_ckc: String,
}

pub(crate) fn run(world: &mut World) -> Documents {
    let shared = through_the_api(world, "shared.bin");
    let by_ckc = by_ckc(world);
    with_another_key_pair(world);
    let answer = world.asks(
        Who::Alice,
        201,
        "POST",
        "upload_url/",
        Some(&metadata("late", 10)),
    );
    Documents {
        shared,
        announced: Upload::of(&answer),
        by_ckc,
    }
}

fn metadata(name: &str, length: usize) -> serde_json::Value {
    json!({"document_metadata": {
        "name": name, "content_length": length, "content_type": "text/plain", "compressed": false,
        "encryption_type": "AES256_GCM_HKDF_1MB",
    }})
}

/// One document all the way, its keys known in every step.
fn through_the_api(world: &mut World, name: &str) -> Upload {
    let plaintext = content(10_000, 1);
    let body = metadata(name, plaintext.len());
    let answer = world.asks(Who::Alice, 201, "POST", "upload_url/", Some(&body));
    let upload = Upload::of(&answer);
    let object = encrypted(&upload, &plaintext);
    world.known.derived(&upload, &object);
    let put = request_url("PUT", &upload.url, &object).unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    world.evidence.answer("PUT of the object", &put);

    let share = json!({"document_id": upload.id, "username": "bob"});
    world.asks(Who::Alice, 201, "POST", "share/", Some(&share));
    world.asks(
        Who::Alice,
        200,
        "GET",
        &format!("share/{}/", upload.id),
        None,
    );
    for who in [Who::Alice, Who::Bob] {
        let resource = format!("download_url/{}/", upload.id);
        let answer = world.asks(who, 200, "GET", &resource, None);
        let url = Upload::of(&answer).url;
        let got = request_url("GET", &url, &[]).unwrap();
        assert!(got.status == 200 && got.body == object);
        world.evidence.answer("GET of the object", &got);
    }
    upload
}

pub(crate) fn encrypted(upload: &Upload, plaintext: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.decode(&upload.key);
    let key = DocumentKey::from_slice(&key.unwrap()).unwrap();
    let id = hex::decode(upload.id.replace('-', "")).unwrap();
    document::encrypt(&key, &id.try_into().unwrap(), plaintext).unwrap()
}

/// As people do it, in the present words and in those of 2017.
fn by_ckc(world: &mut World) -> String {
    let plaintext = content(1_500_000, 2);
    let ckc = &world.person(Who::Alice).ckc;
    ckc.write("report.pdf", &plaintext);
    let key = world.person(Who::Alice).account.key.clone();
    let uploaded = world.types(Who::Alice, 0, &["--json", "upload", "report.pdf"]);
    let uploaded: serde_json::Value = serde_json::from_slice(&uploaded.stdout).unwrap();
    let id = uploaded["document_id"].as_str().unwrap().to_owned();
    world.types(Who::Alice, 0, &["share", &id, "bob"]);
    world.types(Who::Alice, 0, &["shares", &id]);
    world.types(Who::Bob, 0, &["--json", "download", &id, "-o", "copy.pdf"]);
    assert!(world.person(Who::Bob).ckc.read("copy.pdf") == plaintext);

    let old = ["-u", "alice", "-a", &key, "-d"];
    let typed = |more: &[&str]| -> Vec<String> {
        let all = [&old, more].concat();
        all.iter().map(|&word| word.to_owned()).collect()
    };
    for line in [
        typed(&["download", "-f", "old.pdf", &id]),
        typed(&["-j", "share", &id]),
        typed(&["upload", "--cipher", "aes-cbc", "report.pdf"]),
    ] {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let ran = world.person(Who::Alice).ckc.run(&words);
        assert_eq!(ran.code, Some(0), "{}", ran.errors());
        assert!(ran.errors().contains("DEBUG"));
        // The place is not the command line, which holds the key.
        world.evidence.ran("the old command line", &ran);
    }
    // The key that it was encrypted with.
    world.asks(Who::Alice, 200, "GET", &format!("download_url/{id}/"), None);
    id
}

/// A private half of another kind, in use; Transit has one kind alone.
fn with_another_key_pair(world: &mut World) {
    let variable = "KEYS__ALGORITHM";
    if world.engine() == Some(Engine::Transit) {
        let made = world.operate(&["keys", "rotate"]);
        assert_eq!(made.code, Some(0), "{}", made.errors());
    } else {
        let rsa = "keys.algorithm=CK-RSA-OAEP-256";
        let made = world.operate(&["--set", rsa, "setup"]);
        assert_eq!(made.code, Some(0), "{}", made.errors());
        world.server.installation.set(variable, "CK-RSA-OAEP-256");
    }
    assert!(world.server.terminate().success());
    world.server.start_again();
    through_the_api(world, "other-pair.bin");
    world.server.installation.unset(variable);
}
