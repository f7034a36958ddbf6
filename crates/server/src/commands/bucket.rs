//! What the bucket of the configuration should do by itself, and whom it should let in.

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{BucketPlan, PartitionEntry};

use crate::config::{BlobsBackend, Settings};
use crate::wiring::Stores;

/// The plan by the configuration, and by the documents that were uploaded under earlier ones, of
/// which the catalogue of partitions knows. `None` if objects lie in no bucket.
pub(super) fn plan(settings: &Settings, catalogue: &[PartitionEntry]) -> Option<BucketPlan> {
    let BlobsBackend::S3(s3) = &settings.blobs.backend else {
        return None;
    };
    Some(BucketPlan::new(
        BucketPlan::lifetimes(&settings.retention, catalogue),
        s3.cors_origins.clone(),
        s3.versioning,
    ))
}

/// What the catalogue of partitions knows of documents that were uploaded under an earlier
/// configuration.
pub(super) async fn catalogue(stores: &Stores) -> Result<Vec<PartitionEntry>, Error> {
    Ok(stores.partitions.list_partitions().await?)
}
