//! Deleting by prefix leaves nothing that could be brought back.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::BlobStore;
use crypt_keeper_test_services as services;

use crate::support::Bucket;

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

/// MinIO lists unfinished uploads by whole key only: there nothing is found, and nothing fails.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_go_too_where_they_can_be_found() {
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
        let goes = access.server == "versitygw";
        assert_eq!(parts("0/20260301/a/1", &doomed).await, !goes);
        assert!(parts("0/20260301x/a/1", &neighbour).await);
        for (key, id) in [("0/20260301/a/1", &doomed), ("0/20260301x/a/1", &neighbour)] {
            let abort = bucket.admin.abort_multipart_upload();
            let abort = abort.bucket(&bucket.name).key(key).upload_id(id);
            drop(abort.send().await);
        }
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
