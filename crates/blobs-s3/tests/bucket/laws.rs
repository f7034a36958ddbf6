//! A bucket keeps every law of `BlobStore`, `ObjectCopy` and `BucketRules`, on MinIO and on versitygw.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::types;
use crypt_keeper_blobs_s3::CopySizes;
use crypt_keeper_conformance::{
    BareAnswer, BlobStoreHarness, BucketRulesHarness, Harness, ObjectCopyHarness,
};
use crypt_keeper_domain::model::{CorsRule, LifecycleRule, ObjectExpiry, Timestamp};
use crypt_keeper_domain::ports::{BlobStore, BucketRules, ObjectCopy};
use crypt_keeper_test_services::S3Access;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::support::{Bucket, bare_client, now};

pub(crate) struct Blobs {
    bucket: Bucket,
    client: reqwest::Client,
}

pub(crate) async fn blobs(access: Option<S3Access>) -> Option<Blobs> {
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

#[async_trait]
impl BucketRulesHarness for Blobs {
    fn bucket_rules(&self) -> Arc<dyn BucketRules> {
        Arc::new(self.bucket.blobs.clone())
    }

    async fn plant_lifecycle(&self, rule: &LifecycleRule) -> bool {
        let Some(ObjectExpiry::Days(days)) = rule.expiry else {
            panic!("the laws plant no other: {rule:?}");
        };
        let expiry = types::LifecycleExpiration::builder();
        let expiry = expiry.days(days.try_into().unwrap()).build();
        let filter = types::LifecycleRuleFilter::builder().prefix(&rule.prefix);
        let rule = types::LifecycleRule::builder()
            .id(&rule.id)
            .status(types::ExpirationStatus::Enabled)
            .filter(filter.build())
            .expiration(expiry)
            .build();
        let all = types::BucketLifecycleConfiguration::builder().rules(rule.unwrap());
        let put = self.bucket.admin.put_bucket_lifecycle_configuration();
        let put = put.bucket(&self.bucket.name);
        has(put
            .lifecycle_configuration(all.build().unwrap())
            .send()
            .await)
    }

    async fn plant_cors(&self, rule: &CorsRule) -> bool {
        let rule = types::CorsRule::builder()
            .set_id(rule.id.clone())
            .set_allowed_origins(Some(rule.origins.clone()))
            .set_allowed_methods(Some(rule.methods.clone()))
            .set_allowed_headers(Some(rule.headers.clone()))
            .set_expose_headers(Some(rule.exposed.clone()))
            .build();
        let all = types::CorsConfiguration::builder().cors_rules(rule.unwrap());
        let put = self
            .bucket
            .admin
            .put_bucket_cors()
            .bucket(&self.bucket.name);
        has(put.cors_configuration(all.build().unwrap()).send().await)
    }
}

/// Whether the store has such a thing at all; it may fail for no other reason.
fn has<T, E: std::fmt::Debug>(
    put: Result<T, aws_sdk_s3::error::SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> bool {
    match put {
        Ok(_) => true,
        Err(error) => {
            let status = error.raw_response().map(|answer| answer.status().as_u16());
            assert_eq!(status, Some(501), "{error:?}");
            false
        }
    }
}

mod minio {
    use super::blobs;
    use crypt_keeper_conformance::{blob_store_laws, bucket_rules_laws, object_copy_laws};

    blob_store_laws!(blobs(crypt_keeper_test_services::minio()));
    object_copy_laws!(blobs(crypt_keeper_test_services::minio()));
    bucket_rules_laws!(blobs(crypt_keeper_test_services::minio()));
}

mod versitygw {
    use super::blobs;
    use crypt_keeper_conformance::{blob_store_laws, bucket_rules_laws, object_copy_laws};

    blob_store_laws!(blobs(crypt_keeper_test_services::versitygw()));
    object_copy_laws!(blobs(crypt_keeper_test_services::versitygw()));
    bucket_rules_laws!(blobs(crypt_keeper_test_services::versitygw()));
}
