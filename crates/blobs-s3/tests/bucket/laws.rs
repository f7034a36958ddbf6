//! A bucket keeps every law of `BlobStore` and `ObjectCopy`, on MinIO and on versitygw.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_blobs_s3::CopySizes;
use crypt_keeper_conformance::{BareAnswer, BlobStoreHarness, Harness, ObjectCopyHarness};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{BlobStore, ObjectCopy};
use crypt_keeper_test_services::S3Access;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::support::{Bucket, bare_client, now};

struct Blobs {
    bucket: Bucket,
    client: reqwest::Client,
}

async fn blobs(access: Option<S3Access>) -> Option<Blobs> {
    Some(Blobs {
        bucket: Bucket::new(&access?).await,
        client: bare_client(),
    })
}

#[async_trait]
impl Harness for Blobs {
    async fn teardown(self) {
        self.bucket.remove().await;
    }
}

#[async_trait]
impl BlobStoreHarness for Blobs {
    fn blob_store(&self) -> Arc<dyn BlobStore> {
        // The servers' clocks are real, so URLs are signed at the real moment.
        self.bucket.clock.set(now());
        Arc::new(self.bucket.blobs.clone())
    }

    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer {
        let method: Method = method.parse().unwrap();
        let answer = self.client.request(method, url).body(body).send().await;
        let answer = answer.unwrap();
        let field = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        BareAnswer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(field).collect(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    fn now(&self) -> Timestamp {
        now()
    }

    async fn pass_time(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.bucket.clock.set(now());
    }

    fn bounds_length(&self) -> bool {
        false
    }
}

impl ObjectCopyHarness for Blobs {
    /// In parts as small as S3 allows, so that the larger objects of the laws are copied in parts.
    fn object_copy(&self) -> Arc<dyn ObjectCopy> {
        let sizes = CopySizes {
            at_once: 5 << 20,
            part: 5 << 20,
        };
        Arc::new(self.bucket.blobs.clone().with_copy_sizes(sizes))
    }
}

mod minio {
    use super::blobs;
    use crypt_keeper_conformance::{blob_store_laws, object_copy_laws};

    blob_store_laws!(blobs(crypt_keeper_test_services::minio()));
    object_copy_laws!(blobs(crypt_keeper_test_services::minio()));
}

mod versitygw {
    use super::blobs;
    use crypt_keeper_conformance::{blob_store_laws, object_copy_laws};

    blob_store_laws!(blobs(crypt_keeper_test_services::versitygw()));
    object_copy_laws!(blobs(crypt_keeper_test_services::versitygw()));
}
