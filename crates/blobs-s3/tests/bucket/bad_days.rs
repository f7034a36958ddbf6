//! A store that is away, and credentials and buckets that are wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use crypt_keeper_blobs_s3::{Fault, S3Blobs, S3Error};
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::{BlobError, BlobStore, GetTerms, Probe};
use crypt_keeper_test_services as services;
use crypt_keeper_test_services::{Fault as NetworkFault, FaultProxy, S3Access};
use tokio::runtime::Handle;

use crate::support::{Bucket, config, now, object_key, sdk, words};

/// The fault behind an error of the port; whether asking again may help must agree.
fn fault(error: &BlobError) -> Fault {
    let (source, may_pass) = match error {
        BlobError::Unavailable(source) => (source, true),
        BlobError::Backend(source) => (source, false),
    };
    let fault = source.downcast_ref::<S3Error>().unwrap().fault();
    assert_eq!(fault.may_pass(), may_pass, "{error:?}");
    fault
}

async fn faults(blobs: &S3Blobs) -> [Fault; 2] {
    let prefix = ObjectPrefix::parse("0").unwrap();
    let head = blobs.head(&object_key("0/a")).await.unwrap_err();
    let delete = blobs.delete_prefix(&prefix).await.unwrap_err();
    [fault(&head), fault(&delete)]
}

fn with_credentials(access: &S3Access, bucket: &str, access_key: &str, secret: &str) -> S3Blobs {
    let clock = Arc::new(ManualClock::new(now()));
    S3Blobs::connect_with(
        &config(access, bucket),
        &sdk(access_key, secret),
        clock,
        Handle::current(),
    )
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_unavailable_soon_and_comes_back() {
    let Some(access) = services::minio() else {
        return;
    };
    let upstream = access.endpoint.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(upstream.parse().unwrap()).unwrap();
    let through = S3Access {
        endpoint: format!("http://{}", proxy.address()),
        ..access.clone()
    };
    let bucket = Bucket::new(&through).await;
    bucket.put("0/a", b"x").await;

    proxy.set(NetworkFault::Refuse).unwrap();
    let began = Instant::now();
    assert_eq!(faults(&bucket.blobs).await, [Fault::Unreachable; 2]);
    assert!(began.elapsed() < Duration::from_secs(10));
    // URLs are signed all the same: nobody is asked.
    bucket.put_url("0/b").await;

    proxy.set(NetworkFault::Hang).unwrap();
    let began = Instant::now();
    let probed = bucket.blobs.check().await.unwrap_err();
    let expected = "the store has not answered in time (waited 2 s)";
    assert!(probed.to_string().ends_with(expected), "{probed}");
    assert!(began.elapsed() < Duration::from_secs(5));

    proxy.set(NetworkFault::None).unwrap();
    assert_eq!(bucket.head("0/a").await.unwrap().size, 1);
    bucket.blobs.check().await.unwrap();
    bucket.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_is_given_up() {
    let Some(access) = services::minio() else {
        return;
    };
    let upstream = access.endpoint.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(upstream.parse().unwrap()).unwrap();
    let through = S3Access {
        endpoint: format!("http://{}", proxy.address()),
        ..access
    };
    let bucket = Bucket::missing(&through);
    proxy.set(NetworkFault::Hang).unwrap();
    let began = Instant::now();
    let error = bucket.blobs.head(&object_key("0/a")).await.unwrap_err();
    assert_eq!(fault(&error), Fault::TimedOut, "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_said_to_be_missing() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::missing(&access);
        let expected = [Fault::NoSuchBucket; 2];
        assert_eq!(faults(&bucket.blobs).await, expected, "{}", access.server);
        let error = bucket.blobs.head(&object_key("0/a")).await.unwrap_err();
        let words = words(&error);
        assert!(words.contains(&bucket.name), "{words}");
        assert!(words.contains("crypt-keeper setup"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_said_to_be_and_not_repeated() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        for (access_key, secret) in [
            (access.access_key.as_str(), "hunter2hunter2"),
            ("somebodyelse", "hunter2hunter2"),
        ] {
            let blobs = with_credentials(&access, &bucket.name, access_key, secret);
            let prefix = ObjectPrefix::parse("0").unwrap();
            let error = blobs.delete_prefix(&prefix).await.unwrap_err();
            let server = access.server;
            assert_eq!(fault(&error), Fault::BadCredentials, "{server}: {error:?}");
            // An answer to HEAD has no body to say more.
            let head = blobs.head(&object_key("0/a")).await.unwrap_err();
            assert_eq!(fault(&head), Fault::AccessDenied, "{server}: {head:?}");
            for error in [error, head] {
                let shown = format!("{error:?} {}", words(&error));
                assert!(!shown.contains("hunter2"), "{shown}");
                assert!(!shown.contains("Signature="), "{shown}");
            }
        }
        bucket.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_said_to_be() {
    let access = S3Access {
        server: "none",
        endpoint: "http://127.0.0.1:9".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: String::new(),
        secret_key: String::new(),
    };
    for (error, expected) in [
        (Absent::NotSet, Fault::NoCredentials),
        (Absent::SourceFails, Fault::CredentialsSource),
    ] {
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(error))
            .build();
        let clock = Arc::new(ManualClock::new(now()));
        let config = config(&access, "documents");
        let blobs = S3Blobs::connect_with(&config, &sdk, clock, Handle::current()).unwrap();
        assert_eq!(faults(&blobs).await, [expected; 2]);
        let terms = GetTerms {
            expires_in: Duration::from_secs(60),
        };
        let signed = blobs.presign_get(&object_key("0/a"), &terms).await;
        assert_eq!(fault(&signed.unwrap_err()), expected);
    }
}

/// Credentials that are not to be had.
#[derive(Clone, Copy, Debug)]
enum Absent {
    NotSet,
    SourceFails,
}

impl ProvideCredentials for Absent {
    fn provide_credentials<'a>(&'a self) -> ProvidedCredentials<'a>
    where
        Self: 'a,
    {
        ProvidedCredentials::ready(Err(match self {
            Self::NotSet => CredentialsError::not_loaded("not set"),
            Self::SourceFails => CredentialsError::provider_error("no metadata service"),
        }))
    }
}
