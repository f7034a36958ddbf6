//! A bucket of its own for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use crypt_keeper_blobs_s3::{S3Blobs, S3Config};
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::{ObjectKey, Timestamp};
use crypt_keeper_domain::ports::{BlobStore, GetTerms, ObjectInfo, PutTerms};
use crypt_keeper_test_services::S3Access;
use tokio::runtime::Handle;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Bucket {
    pub(crate) blobs: S3Blobs,
    pub(crate) clock: Arc<ManualClock>,
    /// The store as its administrator sees it.
    pub(crate) admin: Client,
    pub(crate) name: String,
}

impl Bucket {
    pub(crate) async fn new(access: &S3Access) -> Self {
        let bucket = Self::missing(access);
        bucket.blobs.ensure_bucket().await.unwrap();
        bucket
    }

    /// One that is not there.
    pub(crate) fn missing(access: &S3Access) -> Self {
        let name = fresh_name();
        let clock = Arc::new(ManualClock::new(now()));
        let blobs = S3Blobs::connect_with(
            &config(access, &name),
            &sdk(&access.access_key, &access.secret_key),
            clock.clone(),
            Handle::current(),
        )
        .unwrap();
        Self {
            blobs,
            clock,
            admin: admin(access),
            name,
        }
    }

    pub(crate) async fn put_url(&self, key: &str) -> String {
        let terms = PutTerms {
            expires_in: MINUTE,
            max_length: 1 << 30,
        };
        let url = self.blobs.presign_put(&object_key(key), &terms).await;
        url.unwrap().as_str().to_owned()
    }

    pub(crate) async fn get_url(&self, key: &str) -> String {
        let terms = GetTerms { expires_in: MINUTE };
        let url = self.blobs.presign_get(&object_key(key), &terms).await;
        url.unwrap().as_str().to_owned()
    }

    pub(crate) async fn put(&self, key: &str, body: &'static [u8]) {
        self.admin
            .put_object()
            .bucket(&self.name)
            .key(key)
            .body(ByteStream::from_static(body))
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn head(&self, key: &str) -> Option<ObjectInfo> {
        self.blobs.head(&object_key(key)).await.unwrap()
    }

    /// Empties the bucket, object by object and not by what is tested here, and removes it.
    pub(crate) async fn remove(self) {
        loop {
            let listed = self.admin.list_object_versions().bucket(&self.name);
            let listed = listed.send().await.unwrap();
            let versions = listed
                .versions()
                .iter()
                .map(|it| (it.key(), it.version_id()));
            let markers = listed.delete_markers().iter();
            let markers = markers.map(|it| (it.key(), it.version_id()));
            let found: Vec<_> = versions.chain(markers).collect();
            if found.is_empty() {
                break;
            }
            let deletions = found.into_iter().map(|(key, version)| {
                let delete = self.admin.delete_object().bucket(&self.name);
                let delete = delete.set_key(key.map(str::to_owned));
                delete.set_version_id(version.map(str::to_owned)).send()
            });
            for deleted in futures_util::future::join_all(deletions).await {
                deleted.unwrap();
            }
        }
        let removed = self.admin.delete_bucket().bucket(&self.name).send().await;
        removed.unwrap();
    }
}

pub(crate) fn config(access: &S3Access, bucket: &str) -> S3Config {
    S3Config {
        bucket: bucket.to_owned(),
        region: Some(access.region.clone()),
        endpoint: Some(access.endpoint.clone()),
        public_endpoint: None,
        path_style: true,
    }
}

pub(crate) fn sdk(access_key: &str, secret_key: &str) -> SdkConfig {
    let credentials = Credentials::builder()
        .access_key_id(access_key)
        .secret_access_key(secret_key)
        .provider_name("test")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn admin(access: &S3Access) -> Client {
    let sdk = sdk(&access.access_key, &access.secret_key);
    let config = aws_sdk_s3::config::Builder::from(&sdk)
        .region(aws_sdk_s3::config::Region::new(access.region.clone()))
        .endpoint_url(&access.endpoint)
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

pub(crate) fn object_key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// Real servers have real clocks.
#[expect(clippy::disallowed_methods, reason = "the time that the server knows")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::EPOCH.plus(since.unwrap())
}

/// Runs share their servers, so the name holds the process and the moment.
fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("ck-{}-{}-{count}", std::process::id(), now().as_micros())
}

/// A client that knows nothing but the URL.
pub(crate) fn bare_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// An error and all that is behind it.
pub(crate) fn words(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
