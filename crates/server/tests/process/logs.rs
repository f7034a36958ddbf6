//! Logs: one line a request, as text or JSON, and never a secret, at any level.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::service::{Client, Place, profile_value};

/// Every spelling in which bytes could have got into a log.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let debug = format!("{bytes:?}");
    vec![
        hexadecimal.to_uppercase(),
        hexadecimal,
        percent,
        debug[1..debug.len() - 1].to_owned(),
        STANDARD.encode(bytes),
        STANDARD
            .encode(bytes)
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D"),
        URL_SAFE_NO_PAD.encode(bytes),
    ]
}

#[test]
fn no_secret_is_logged_at_any_level_in_any_format() {
    for format in ["human", "json"] {
        let mut place = Place::new();
        place.set("CRYPT_KEEPER__LOG__FILTER", "trace");
        place.set("CRYPT_KEEPER__LOG__FORMAT", format);
        place.set("CRYPT_KEEPER__V1__QUERY_AUTH", "true");
        let service = place.serve();
        let client = Client::of(&place, &service);
        let key = profile_value(&place.data("ckc.toml"), "api_key");
        let uploaded = client.upload("an object");
        let id = uploaded["document_id"].as_str().unwrap();
        let (downloaded, _) = client.download(id);
        // A key in a query string, and one in a path.
        for path in [
            format!(
                "api/v1/secure_document_service/download_url/{id}/?username=alice&api_key={key}"
            ),
            "nothing?api_key=canary-in-a-query".to_owned(),
        ] {
            reqwest::blocking::get(format!("{}/{path}", service.url())).unwrap();
        }
        let ended = service.stop();
        let log = ended.stderr;
        assert!(log.contains("download_url"), "nothing was logged: {log}");

        let mut secrets = vec![
            key.clone(),
            key[16..].to_owned(),
            "canary-in-a-query".to_owned(),
            "ApiKey alice".to_owned(),
        ];
        let document_key = uploaded["symmetric_key"].as_str().unwrap();
        secrets.extend(spellings(&STANDARD.decode(document_key).unwrap()));
        for answer in [&uploaded, &downloaded] {
            let url = answer["single_use_url"].as_str().unwrap();
            let signature = url.split_once("signature=").unwrap().1;
            secrets.push(signature.to_owned());
        }
        for secret in &secrets {
            assert!(!log.contains(secret), "{secret} in {log}");
            assert!(!ended.stdout.contains(secret), "{secret} in stdout");
        }
    }
}

#[test]
fn a_request_is_one_line_of_json() {
    let mut place = Place::new();
    place.set("CRYPT_KEEPER__LOG__FORMAT", "json");
    let service = place.serve();
    let client = Client::of(&place, &service);
    let id = client.upload("x")["document_id"]
        .as_str()
        .unwrap()
        .to_owned();
    reqwest::blocking::get(format!("{}/healthz?a=b", service.url())).unwrap();
    let log = service.stop().stderr;
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["target"] == "crypt_keeper::access")
        .collect();
    let [upload, put, health] = lines.as_slice() else {
        panic!("{log}");
    };
    assert_eq!(upload["method"], "POST");
    assert_eq!(
        upload["path"],
        "/api/v1/secure_document_service/upload_url/"
    );
    assert_eq!(upload["status"], 201);
    assert_eq!(upload["level"], "INFO");
    assert!(upload["duration_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(upload["request_id"].as_str().unwrap().len(), 32);
    assert_eq!(upload["user"].as_str().unwrap().len(), 36);
    assert!(put["path"].as_str().unwrap().contains(&id));
    assert_eq!(health["path"], "/healthz");
    assert!(health.get("user").is_none());
}

#[test]
fn the_filter_decides_what_is_logged() {
    let mut place = Place::new();
    place.set(
        "CRYPT_KEEPER__LOG__FILTER",
        "info,crypt_keeper::access=warn",
    );
    // They would say what they made.
    place.set("CRYPT_KEEPER__JOBS__ENABLED", "false");
    let service = place.serve();
    reqwest::blocking::get(format!("{}/healthz", service.url())).unwrap();
    assert_eq!(service.stop().stderr, "");
}
