//! What is in a presigned URL, and what is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_blobs_s3::{S3Blobs, S3Config};
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{BlobError, BlobStore, GetTerms, PutTerms};
use crypt_keeper_test_services as services;
use tokio::runtime::Handle;

use crate::support::{Bucket, MINUTE, bare_client, object_key, sdk, words};

/// 2026-03-01T12:00:00.000001Z
const NOON: i64 = 1_772_366_400_000_001;

/// Signing asks no server, so none is needed.
fn offline(change: impl FnOnce(&mut S3Config)) -> S3Blobs {
    let mut config = S3Config {
        bucket: "documents".to_owned(),
        region: Some("eu-central-1".to_owned()),
        endpoint: Some("http://10.0.0.1:9000".to_owned()),
        public_endpoint: None,
        path_style: true,
    };
    change(&mut config);
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
    S3Blobs::connect_with(&config, &sdk("AKID", "SECRET"), clock, Handle::current()).unwrap()
}

const PUT: PutTerms = PutTerms {
    expires_in: MINUTE,
    max_length: 1000,
};
const GET: GetTerms = GetTerms { expires_in: MINUTE };

async fn put_url(blobs: &S3Blobs) -> String {
    let url = blobs.presign_put(&object_key("0/a/b"), &PUT).await;
    url.unwrap().as_str().to_owned()
}

async fn get_url(blobs: &S3Blobs) -> String {
    let url = blobs.presign_get(&object_key("0/a/b"), &GET).await;
    url.unwrap().as_str().to_owned()
}

fn query(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').unwrap();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A parameter more would be a header or a checksum that a bare client does not send.
#[tokio::test]
async fn nothing_but_host_is_signed() {
    let blobs = offline(|_| ());
    let put = put_url(&blobs).await;
    assert!(
        put.starts_with("http://10.0.0.1:9000/documents/0/a/b?"),
        "{put}"
    );
    let mut put = query(&put);
    assert_eq!(put.remove("X-Amz-Signature").unwrap().len(), 64);
    let expected = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        (
            "X-Amz-Credential",
            "AKID%2F20260301%2Feu-central-1%2Fs3%2Faws4_request",
        ),
        ("X-Amz-Date", "20260301T120000Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host"),
        ("x-id", "PutObject"),
    ];
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(put, expected);

    let mut get = query(&get_url(&blobs).await);
    get.remove("X-Amz-Signature").unwrap();
    let mut expected = expected;
    let more = [
        ("x-id", "GetObject"),
        ("response-content-disposition", "attachment"),
        ("response-content-type", "application%2Foctet-stream"),
    ];
    expected.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(get, expected);
}

#[tokio::test]
async fn urls_are_signed_for_the_endpoint_that_clients_see() {
    let blobs = offline(|config| {
        config.public_endpoint = Some("https://s3.keeper.example/".to_owned());
    });
    let path = offline(|config| {
        config.endpoint = Some("https://s3.keeper.example".to_owned());
    });
    for url in [put_url(&blobs).await, get_url(&blobs).await] {
        let expected = "https://s3.keeper.example/documents/0/a/b?";
        assert!(url.starts_with(expected), "{url}");
    }
    assert_eq!(put_url(&blobs).await, put_url(&path).await);

    let host = offline(|config| {
        config.public_endpoint = Some("https://s3.keeper.example".to_owned());
        config.path_style = false;
    });
    let url = put_url(&host).await;
    let expected = "https://documents.s3.keeper.example/0/a/b?";
    assert!(url.starts_with(expected), "{url}");
    let amazon = offline(|config| {
        config.endpoint = None;
        config.path_style = false;
    });
    let url = put_url(&amazon).await;
    let expected = "https://documents.s3.eu-central-1.amazonaws.com/0/a/b?";
    assert!(url.starts_with(expected), "{url}");
}

#[tokio::test]
async fn a_url_lives_a_week_at_most() {
    let blobs = offline(|_| ());
    let terms = GetTerms {
        expires_in: Duration::from_secs(7 * 24 * 60 * 60 + 1),
    };
    let refused = blobs.presign_get(&object_key("0/a/b"), &terms).await;
    let error = refused.unwrap_err();
    assert!(matches!(error, BlobError::Backend(_)), "{error:?}");
    assert!(words(&error).contains("week"), "{}", words(&error));
}

#[tokio::test]
async fn no_error_and_no_debug_output_shows_a_secret() {
    let blobs = offline(|_| ());
    let url = blobs.presign_put(&object_key("0/a/b"), &PUT).await.unwrap();
    let shown = format!("{blobs:?} {url:?}");
    assert!(
        !shown.contains("SECRET") && !shown.contains("X-Amz"),
        "{shown}"
    );
}

/// Both servers take the very body a bare client sends, and hand it out as nothing but a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_handed_a_file() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        let client = bare_client();
        let put = client.put(bucket.put_url("0/a").await).body("<script>");
        assert_eq!(put.send().await.unwrap().status(), 200, "{}", access.server);
        let answer = client
            .get(bucket.get_url("0/a").await)
            .send()
            .await
            .unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(header("content-disposition"), "attachment");
        assert_eq!(answer.text().await.unwrap(), "<script>");
        bucket.remove().await;
    }
}
