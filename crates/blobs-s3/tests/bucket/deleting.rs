//! Deleting by prefix leaves nothing that could be brought back.

use aws_sdk_s3::types::{
    BucketVersioningStatus, ObjectLockLegalHold, ObjectLockLegalHoldStatus, VersioningConfiguration,
};
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::{BlobError, BlobStore};
use crypt_keeper_test_services as services;

use crate::support::{Bucket, words};

async fn delete(bucket: &Bucket, prefix: &str) -> u64 {
    let prefix = ObjectPrefix::parse(prefix).unwrap();
    bucket.blobs.delete_prefix(&prefix).await.unwrap()
}

/// Versions and delete markers under a prefix.
async fn left(bucket: &Bucket, prefix: &str) -> usize {
    let listed = bucket
        .admin
        .list_object_versions()
        .bucket(&bucket.name)
        .prefix(prefix)
        .send()
        .await
        .unwrap();
    listed.versions().len() + listed.delete_markers().len()
}

async fn keep_versions(bucket: &Bucket) {
    let on = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    bucket
        .admin
        .put_bucket_versioning()
        .bucket(&bucket.name)
        .versioning_configuration(on)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_delete_markers_go_too() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        keep_versions(&bucket).await;
        for _ in 0..3 {
            bucket.put("0/20260301/a/1", b"again").await;
            bucket.put("0/20260301/b/1", b"again").await;
        }
        bucket.put("0/20260301x/a/1", b"neighbour").await;
        let delete_b = bucket.admin.delete_object().bucket(&bucket.name);
        delete_b.key("0/20260301/b/1").send().await.unwrap();
        assert_eq!(left(&bucket, "0/20260301/").await, 7, "{}", access.server);
        assert_eq!(bucket.head("0/20260301/b/1").await, None);
        let version = bucket.head("0/20260301/a/1").await.unwrap().version_id;
        assert!(version.is_some(), "{}", access.server);

        // Of `b` only versions were left.
        assert_eq!(delete(&bucket, "0/20260301").await, 1, "{}", access.server);
        assert_eq!(left(&bucket, "0/20260301/").await, 0, "{}", access.server);
        assert_eq!(delete(&bucket, "0/20260301").await, 0);
        assert!(bucket.head("0/20260301x/a/1").await.is_some());
        bucket.remove().await;
    }
}

/// MinIO lists them only where no prefix is given.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_go_too() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        let begin = async |key: &str| {
            let begun = bucket.admin.create_multipart_upload();
            let begun = begun.bucket(&bucket.name).key(key).send().await.unwrap();
            begun.upload_id().unwrap().to_owned()
        };
        let doomed = begin("0/20260301/a/1").await;
        let neighbour = begin("0/20260301x/a/1").await;
        delete(&bucket, "0/20260301").await;
        let parts = async |key: &str, id: &str| {
            let listed = bucket.admin.list_parts().bucket(&bucket.name);
            listed.key(key).upload_id(id).send().await.is_ok()
        };
        assert!(!parts("0/20260301/a/1", &doomed).await, "{}", access.server);
        assert!(parts("0/20260301x/a/1", &neighbour).await);
        let abort = bucket.admin.abort_multipart_upload().bucket(&bucket.name);
        let abort = abort.key("0/20260301x/a/1").upload_id(&neighbour);
        abort.send().await.unwrap();
        bucket.remove().await;
    }
}

/// More than S3 lists on one page, or deletes at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_and_more_objects_go() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        for batch in 0..43 {
            let puts = (0..24).map(|number| {
                let key = format!("0/20260301/{batch}-{number}/1");
                let bucket = &bucket;
                async move { bucket.put(&key, b"x").await }
            });
            futures_util::future::join_all(puts).await;
        }
        assert_eq!(
            delete(&bucket, "0/20260301").await,
            43 * 24,
            "{}",
            access.server
        );
        assert_eq!(left(&bucket, "0/").await, 0, "{}", access.server);
        bucket.remove().await;
    }
}

/// One object is locked in the bucket itself. It stays, and says so; the others go, on every page;
/// and once the lock is gone, the next call deletes the rest.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_bucket_refuses_to_delete_is_an_error_and_is_gone_on_with() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::missing(&access);
        let made = bucket.admin.create_bucket().bucket(&bucket.name);
        let made = made.object_lock_enabled_for_bucket(true).send().await;
        made.unwrap();
        let key = |number: usize| format!("0/20260301/{number:04}/1");
        for chunk in (0..1010).collect::<Vec<_>>().chunks(24) {
            let puts = chunk
                .iter()
                .map(async |number| bucket.put(&key(*number), b"x").await);
            futures_util::future::join_all(puts).await;
        }
        bucket.put("0/20260302/a/1", b"neighbour").await;
        let hold = async |status: ObjectLockLegalHoldStatus| {
            let hold = ObjectLockLegalHold::builder().status(status).build();
            let put = bucket.admin.put_object_legal_hold().bucket(&bucket.name);
            put.key(key(7)).legal_hold(hold).send().await.unwrap();
        };
        hold(ObjectLockLegalHoldStatus::On).await;

        let prefix = ObjectPrefix::parse("0/20260301").unwrap();
        for _ in 0..2 {
            let error = bucket.blobs.delete_prefix(&prefix).await.unwrap_err();
            assert!(matches!(error, BlobError::Backend(_)), "{error:?}");
            let words = words(&error);
            assert!(
                words.contains("1 of the objects, the first with"),
                "{words}"
            );
            assert_eq!(left(&bucket, "0/20260301/").await, 1, "{}", access.server);
        }

        hold(ObjectLockLegalHoldStatus::Off).await;
        assert_eq!(delete(&bucket, "0/20260301").await, 1, "{}", access.server);
        assert_eq!(left(&bucket, "0/20260301/").await, 0, "{}", access.server);
        assert_eq!(left(&bucket, "0/20260302/").await, 1, "{}", access.server);
        bucket.remove().await;
    }
}
