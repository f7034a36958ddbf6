//! Making the bucket, and looking whether all is well.

use std::time::Duration;

use crypt_keeper_blobs_s3::BucketSetup;
use crypt_keeper_domain::ports::Probe;
use crypt_keeper_test_services as services;

use crate::support::{Bucket, now};

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_made_once() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::missing(&access);
        assert_eq!(bucket.blobs.part(), "blobs");
        let missing = bucket.blobs.check().await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            format!(
                "HeadBucket on bucket `{}`: there is no such bucket: make it with `crypt-keeper \
                 setup`, or name the right one",
                bucket.name
            )
        );
        let made = bucket.blobs.ensure_bucket().await.unwrap();
        assert_eq!(made, BucketSetup::Made, "{}", access.server);
        let again = bucket.blobs.ensure_bucket().await.unwrap();
        assert_eq!(again, BucketSetup::Existed, "{}", access.server);
        bucket.blobs.check().await.unwrap();
        bucket.remove().await;
    }
}

/// Two instances that are set up at once both succeed.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_set_up_at_once_do_not_fail() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::missing(&access);
        let both = futures_util::future::join_all((0..4).map(|_| bucket.blobs.ensure_bucket()));
        let made = both.await.into_iter().map(Result::unwrap);
        assert!(made.filter(|setup| *setup == BucketSetup::Made).count() >= 1);
        bucket.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_are_compared() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        let close = bucket.blobs.clock_skew().await.unwrap().unwrap();
        assert!(close.by < Duration::from_secs(5), "{close:?}");
        let hour = Duration::from_secs(3600);
        bucket.clock.set(now().minus(hour));
        let behind = bucket.blobs.clock_skew().await.unwrap().unwrap();
        assert!(behind.store_is_ahead, "{behind:?}");
        assert!(
            behind.by.abs_diff(hour) < Duration::from_secs(5),
            "{behind:?}"
        );
        bucket.clock.set(now().plus(hour));
        let ahead = bucket.blobs.clock_skew().await.unwrap().unwrap();
        assert!(!ahead.store_is_ahead, "{ahead:?}");
        bucket.remove().await;
    }
}
