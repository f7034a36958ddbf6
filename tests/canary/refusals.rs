//! What is refused: wrong keys, strangers, nonsense, tampered URLs, and rows that somebody has
//! altered.

use crypt_keeper_tests::Account;
use crypt_keeper_tests::http::{self, request_url};
use serde_json::json;

use crate::everyday::{Documents, encrypted};
use crate::vault_refusals;
use crate::world::{Who, World};

const BASE: &str = "/api/v1/secure_document_service";
/// Exit codes of `ckc`.
pub(crate) const OTHER: i32 = 1;
const CREDENTIALS_OR_RIGHTS: i32 = 3;
const NOT_FOUND: i32 = 4;

pub(crate) fn run(world: &mut World, documents: &Documents) {
    wrong_credentials(world, documents);
    strangers(world, documents);
    malformed(world, documents);
    urls(world, documents);
    altered_rows(world, documents);
    vault_refusals::run(world, documents);
}

/// The same with another last character.
fn spoiled(key: &str) -> String {
    let other = if key.ends_with('0') { "1" } else { "0" };
    format!("{}{other}", &key[..key.len() - 1])
}

fn wrong_credentials(world: &mut World, documents: &Documents) {
    let alice = world.person(Who::Alice).account.clone();
    let wrong = Account {
        name: "alice".to_owned(),
        key: spoiled(&alice.key),
    };
    world.known.api_key("typed wrong", &wrong);
    let target = format!("{BASE}/download_url/{}/", documents.shared.id);
    let (right, mistyped) = (&alice.key, &wrong.key);
    let basic = {
        use base64::Engine as _;
        let pair = format!("alice:{right}");
        base64::engine::general_purpose::STANDARD.encode(pair)
    };
    for header in [
        format!("ApiKey alice:{mistyped}"),
        format!("ApiKey bob:{right}"),
        format!("ApiKey nobody:{right}"),
        format!("ApiKey alice {right}"),
        format!("ApiKey {right}"),
        format!("ApiKey {right}:alice"),
        format!("Bearer {right}"),
        format!("Basic {basic}"),
        format!("ApiKey alice:{right}{right}"),
        format!("ApiKey alice:{right}\u{1}"),
        format!("ApiKey alice:{right} {}", "x".repeat(100_000)),
    ] {
        let answer = world.sends(
            "wrong header",
            "GET",
            &target,
            &[("authorization", &header)],
            &[],
        );
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(answer.text().len() < 300, "{}", answer.text());
    }
    for (status, query) in [
        (200, format!("username=alice&api_key={right}")),
        (401, format!("username=alice&api_key={mistyped}")),
        (401, format!("username=mallory&api_key={right}")),
        (401, format!("api_key={right}")),
    ] {
        let answer = world.sends("query", "GET", &format!("{target}?{query}"), &[], &[]);
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 200 {
            let released = crypt_keeper_tests::Upload::of(&answer);
            world.known.released("by query", &released, &answer.body);
        }
    }
    // Request lines that no server takes, each with a key in it.
    for line in [
        format!("GET {target}?api_key={right} HTTP/9.9\r\n\r\n"),
        format!("GET {target}?api_key={right}\r\n\r\n"),
        format!("G\u{1}T {target}?api_key={right} HTTP/1.1\r\n\r\n"),
        format!(
            "POST {target} HTTP/1.1\r\nauthorization: ApiKey alice:{right}\r\ncontent-length: x\r\n\r\n"
        ),
    ] {
        // It may also just hang up.
        if let Ok(answer) = http::exchange(world.server.address(), line.as_bytes(), "GET") {
            world.evidence.answer("no request", &answer);
        }
    }
    let arguments = [
        "-u",
        "alice",
        "-a",
        mistyped,
        "-d",
        "download",
        &documents.shared.id,
    ];
    let refused = world.person(Who::Bob).ckc.run(&arguments);
    assert_eq!(
        refused.code,
        Some(CREDENTIALS_OR_RIGHTS),
        "{}",
        refused.errors()
    );
    world.evidence.ran("ckc with a wrong key", &refused);
}

fn strangers(world: &mut World, documents: &Documents) {
    let id = &documents.shared.id;
    world.asks(
        Who::Mallory,
        401,
        "GET",
        &format!("download_url/{id}/"),
        None,
    );
    world.asks(Who::Mallory, 401, "GET", &format!("share/{id}/"), None);
    let share = json!({"document_id": id, "username": "mallory"});
    world.asks(Who::Mallory, 401, "POST", "share/", Some(&share));
    world.asks(Who::Bob, 401, "POST", "share/", Some(&share));
    for id in [id, &documents.by_ckc] {
        world.types(Who::Mallory, CREDENTIALS_OR_RIGHTS, &["download", id]);
        world.types(
            Who::Mallory,
            CREDENTIALS_OR_RIGHTS,
            &["share", id, "mallory"],
        );
        world.types(Who::Mallory, CREDENTIALS_OR_RIGHTS, &["shares", id]);
    }
    let unknown = "0190a3c4-7c1e-7000-8a3b-0123456789ab";
    world.asks(
        Who::Alice,
        404,
        "GET",
        &format!("download_url/{unknown}/"),
        None,
    );
    world.types(Who::Alice, NOT_FOUND, &["download", unknown]);
    world.types(Who::Alice, NOT_FOUND, &["share", id, "nobody-of-that-name"]);
    world.types(
        Who::Alice,
        NOT_FOUND,
        &["download", &documents.announced.id],
    );
}

/// Bodies that hold what a confused client might send: keys that it was given.
fn malformed(world: &mut World, documents: &Documents) {
    let key = &documents.shared.key;
    let url = &documents.shared.url;
    for body in [
        json!({"symmetric_key": key, "single_use_url": url}),
        json!({"document_metadata": [key, url]}),
        json!({"document_metadata": {"name": "a", "content_length": key, "content_type": "t",
            "compressed": false}}),
        json!({"document_metadata": {"name": "a", "content_length": 1, "content_type": "t",
            "compressed": key}}),
        json!({"document_metadata": {"name": "a", "content_length": 1, "content_type": "t",
            "compressed": false, "encryption_type": url}}),
        json!([key, url]),
        json!(key),
    ] {
        world.asks(Who::Alice, 400, "POST", "upload_url/", Some(&body));
    }
    let share = json!({"document_id": documents.shared.id, "username": "x", "symmetric_key": key});
    world.asks(Who::Alice, 400, "POST", "share/", Some(&share));
    world.asks(Who::Alice, 405, "DELETE", "upload_url/", None);

    let alice = &world.person(Who::Alice).account;
    let authorization = format!("ApiKey alice:{}", alice.key);
    let headers = [("authorization", authorization.as_str())];
    let target = format!("{BASE}/upload_url/");
    let cut = format!(r#"{{"document_metadata": {{"symmetric_key": "{key}", "name": "#);
    let long = format!(
        r#"{{"symmetric_key": "{key}", "x": "{}"}}"#,
        "x".repeat(2 << 20)
    );
    for (status, body) in [
        (400, cut.as_bytes()),
        (400, &[cut.as_bytes(), &[0xff, 0xfe]].concat()),
        (413, long.as_bytes()),
    ] {
        let answer = world.sends("no JSON", "POST", &target, &headers, body);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    for (status, path) in [
        (404, format!("/nowhere?symmetric_key={key}")),
        (404, format!("{BASE}/nothing/?api_key={}", headers[0].1)),
    ] {
        let path = path.replace(['+', ' '], "%20");
        let answer = world.sends("no such page", "GET", &path, &headers, &[]);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

/// Presigned URLs, used as they must not be. What a bucket answers is another's to keep.
fn urls(world: &mut World, documents: &Documents) {
    let local = world.proxies.is_none();
    let good = &documents.shared.url;
    let late = &documents.announced;
    let object = encrypted(late, b"0123456789");
    let answer = world.asks(
        Who::Alice,
        200,
        "GET",
        &format!("download_url/{}/", late.id),
        None,
    );
    let get = crypt_keeper_tests::Upload::of(&answer).url;
    let tampered = spoiled(good);
    let mut answers = vec![
        (404, request_url("GET", &get, &[])),
        (403, request_url("GET", good, &[])),
        (403, request_url("PUT", &tampered, &object)),
    ];
    if local {
        answers.extend([
            (412, request_url("PUT", good, &object)),
            (405, request_url("DELETE", good, &[])),
        ]);
    }
    for (status, answer) in answers {
        let answer = answer.unwrap();
        if local {
            assert_eq!(answer.status, status, "{}", answer.text());
            world.evidence.answer("a URL used wrongly", &answer);
        }
    }
}

/// What a writer of the database could do: the service notices, and says so in its log alone.
fn altered_rows(world: &mut World, documents: &Documents) {
    let database = world.server.installation.database();
    let shared = format!("download_url/{}/", documents.shared.id);
    let of = |name: &str, column: &str| {
        format!("(SELECT {column} FROM documents WHERE name = '{name}' ORDER BY id LIMIT 1)")
    };
    for (column, value) in [
        ("wrapped_key", of("report.pdf", "wrapped_key")),
        ("key_commitment", of("report.pdf", "key_commitment")),
        // No pair of its own kind wraps so.
        ("wrap_algorithm", "'CK-RSA-OAEP-256'".to_owned()),
        ("key_serial", of("other-pair.bin", "key_serial")),
    ] {
        let set = |value: &str| {
            format!("UPDATE documents SET {column} = {value} WHERE name = 'shared.bin'")
        };
        database.execute("CREATE TABLE kept AS SELECT * FROM documents WHERE name = 'shared.bin'");
        database.execute(&set(&value));
        world.asks(Who::Alice, 500, "GET", &shared, None);
        world.types(Who::Alice, OTHER, &["download", &documents.shared.id]);
        world.operate(&["documents", "show", &documents.shared.id]);
        database.execute(&set(&format!("(SELECT {column} FROM kept)")));
        database.execute("DROP TABLE kept");
    }
    world.asks(Who::Alice, 200, "GET", &shared, None);
}
