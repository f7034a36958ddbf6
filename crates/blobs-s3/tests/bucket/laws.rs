//! A bucket keeps every law of `BlobStore`, on MinIO and on versitygw.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{BareAnswer, BlobStoreHarness, Harness};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::BlobStore;
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

mod minio {
    use super::blobs;
    use crypt_keeper_conformance::blob_store_laws;

    blob_store_laws!(blobs(crypt_keeper_test_services::minio()));
}

mod versitygw {
    use super::blobs;
    use crypt_keeper_conformance::blob_store_laws;

    blob_store_laws!(blobs(crypt_keeper_test_services::versitygw()));
}
