use std::time::Duration;

use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::PutTerms;

use super::{Bucket, LONG};
use crate::BlobStoreHarness;

/// A presigned URL does what it was signed for and nothing else: for another verb, for another
/// key, tampered with, or expired, it is refused, and nothing has changed. Where the store says
/// that it bounds lengths, a longer body is refused too.
pub async fn presigned_url_is_held_to_its_terms(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let (key, other) = (bucket.key(), bucket.key());
    bucket.put(&key, b"mine").await;
    bucket.put(&other, b"another's").await;
    let fresh = bucket.key();
    let put = bucket.put_url(&fresh, LONG).await;
    let get = bucket.get_url(&key, LONG).await;

    for (method, url) in [
        ("PUT", &get),
        ("DELETE", &get),
        ("POST", &get),
        ("GET", &put),
        ("DELETE", &put),
        ("POST", &put),
    ] {
        refused(&bucket, method, url, "another verb").await;
    }
    let elsewhere = moved(&get, &key, &other);
    refused(&bucket, "GET", &elsewhere, "another key").await;
    let elsewhere = moved(&put, &fresh, &other);
    refused(&bucket, "PUT", &elsewhere, "another key").await;
    for (method, url) in [("GET", &get), ("PUT", &put)] {
        for (what, tampered) in tampered(url) {
            refused(&bucket, method, &tampered, &what).await;
        }
    }

    let short = Duration::from_secs(1);
    let put_soon = bucket.put_url(&fresh, short).await;
    let get_soon = bucket.get_url(&key, short).await;
    // Stores count in whole seconds.
    harness.pass_time(short + Duration::from_millis(1500)).await;
    refused(&bucket, "PUT", &put_soon, "expired").await;
    refused(&bucket, "GET", &get_soon, "expired").await;

    bucket.holds(&key, b"mine").await;
    bucket.holds(&other, b"another's").await;
    bucket.lacks(&fresh).await;
    if harness.bounds_length() {
        length_is_bounded(&bucket).await;
    }
    // The URLs that were altered were good ones.
    let answer = bucket.send("PUT", &put, b"fresh").await;
    assert!(answer.is_success(), "{answer:?}");
    bucket.holds(&fresh, b"fresh").await;
    let answer = bucket.send("GET", &get, &[]).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"mine"[..]));
}

async fn length_is_bounded(bucket: &Bucket<'_>) {
    let key = bucket.key();
    let terms = PutTerms {
        expires_in: LONG,
        max_length: 1000,
    };
    let url = bucket.store.presign_put(&key, &terms).await;
    let url = url.expect("presign_put");
    let url = url.as_str();
    refused_with(bucket, "PUT", url, &[7; 1001], "a longer body").await;
    bucket.lacks(&key).await;
    let answer = bucket.send("PUT", url, &[7; 1000]).await;
    assert!(answer.is_success(), "{answer:?}");
    bucket.holds(&key, &[7; 1000]).await;
}

async fn refused(bucket: &Bucket<'_>, method: &str, url: &str, what: &str) {
    refused_with(bucket, method, url, b"intruder", what).await;
}

async fn refused_with(bucket: &Bucket<'_>, method: &str, url: &str, body: &[u8], what: &str) {
    let body = if method == "GET" { &[] } else { body };
    let answer = bucket.send(method, url, body).await;
    assert!(
        (400..500).contains(&answer.status),
        "{what}: {method} {url}: {answer:?}"
    );
    for secret in ["mine", "another's"] {
        let leaked = answer
            .body
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!leaked, "{what}: {method} {url}: {answer:?}");
    }
}

/// The URL with another key in its path.
fn moved(url: &str, key: &ObjectKey, other: &ObjectKey) -> String {
    let moved = url.replace(key.as_str(), other.as_str());
    assert_ne!(moved, url, "a presigned URL shows its key: {url}");
    moved
}

/// The URL with each parameter of its query altered at its beginning, at its end, and left out.
fn tampered(url: &str) -> Vec<(String, String)> {
    let (path, query) = url.split_once('?').expect("a presigned URL has a query");
    let parameters: Vec<&str> = query.split('&').collect();
    let mut urls = Vec::new();
    for (number, parameter) in parameters.iter().enumerate() {
        let (name, value) = parameter.split_once('=').expect("name=value");
        let with = |changed: Option<String>| {
            let mut parameters: Vec<String> = parameters.iter().map(ToString::to_string).collect();
            match changed {
                Some(value) => parameters[number] = format!("{name}={value}"),
                None => drop(parameters.remove(number)),
            }
            format!("{path}?{}", parameters.join("&"))
        };
        urls.push((format!("without {name}"), with(None)));
        if value.is_empty() {
            continue;
        }
        for at in [0, value.len() - 1] {
            let mut bytes = value.as_bytes().to_vec();
            bytes[at] = altered(bytes[at]);
            let value = String::from_utf8(bytes).expect("URLs are ASCII");
            urls.push((format!("{name} altered at {at}"), with(Some(value))));
        }
    }
    urls
}

/// Another character of the same kind.
fn altered(byte: u8) -> u8 {
    match byte {
        b'0' => b'1',
        b'1'..=b'9' => byte - 1,
        b'a' | b'A' => byte + 1,
        b'b'..=b'z' | b'B'..=b'Z' => byte - 1,
        _ => b'0',
    }
}
