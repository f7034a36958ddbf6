//! The bucket's own rules: what it deletes by itself, and whom it lets in.

mod cors;
mod lifecycle;

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{
    BucketVersioningStatus, PublicAccessBlockConfiguration, VersioningConfiguration,
};
use crypt_keeper_domain::model::{BucketState, PublicAccess, Seen, Versioning};
use crypt_keeper_domain::ports::{BlobError, BucketChange, BucketRules, Written};

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

#[async_trait]
impl BucketRules for S3Blobs {
    async fn look(&self) -> Result<BucketState, BlobError> {
        let store = self.clone();
        let look = async move {
            Ok(BucketState {
                lifecycle: seen(store.lifecycle().await)?,
                cors: seen(store.cors().await)?,
                public_access: seen(store.open_to_the_public().await)?,
                versioning: seen(store.versioning().await)?,
                may_drop_uploads: !store.is_amazon,
            })
        };
        Ok(self.on_runtime(look).await?)
    }

    async fn write(&self, change: &BucketChange) -> Result<Written, BlobError> {
        let (store, change) = (self.clone(), change.clone());
        let write = async move {
            written(match &change {
                BucketChange::Lifecycle(ours) => store.replace_lifecycle(ours).await,
                BucketChange::Cors(ours) => store.replace_cors(ours.as_ref()).await,
                BucketChange::BlockPublicAccess => store.block_public_access().await,
                BucketChange::KeepVersions => store.keep_versions().await,
            })
        };
        Ok(self.on_runtime(write).await?)
    }
}

/// Whether a call failed for what the store is, or what the credentials may do; then in its words.
fn refusal(error: &S3Error) -> Option<String> {
    match error.fault() {
        Fault::AccessDenied | Fault::Other => Some(error.to_string()),
        _ => None,
    }
}

fn seen<T>(found: Result<T, S3Error>) -> Result<Seen<T>, S3Error> {
    match found {
        Ok(found) => Ok(Seen::Is(found)),
        Err(error) if error.fault() == Fault::NotImplemented => Ok(Seen::NotImplemented),
        Err(error) => refusal(&error).map(Seen::Refused).ok_or(error),
    }
}

fn written(done: Result<(), S3Error>) -> Result<Written, S3Error> {
    match done {
        Ok(()) => Ok(Written::Done),
        Err(error) if error.fault() == Fault::NotImplemented => Ok(Written::NotImplemented),
        Err(error) => refusal(&error).map(Written::Refused).ok_or(error),
    }
}

impl S3Blobs {
    async fn open_to_the_public(&self) -> Result<Vec<PublicAccess>, S3Error> {
        let found = self.calls.get_public_access_block().bucket(&*self.bucket);
        let found = match found.send().await {
            Ok(found) => found.public_access_block_configuration,
            Err(error) if error.code() == Some("NoSuchPublicAccessBlockConfiguration") => None,
            Err(error) => return Err(self.call("GetPublicAccessBlock").failed(&error)),
        };
        let is_shut = |way| {
            found.as_ref().is_some_and(|found| {
                let shut = match way {
                    PublicAccess::NewAccessLists => found.block_public_acls(),
                    PublicAccess::AccessLists => found.ignore_public_acls(),
                    PublicAccess::NewPolicies => found.block_public_policy(),
                    PublicAccess::Policies => found.restrict_public_buckets(),
                };
                shut == Some(true)
            })
        };
        Ok(PublicAccess::ALL
            .into_iter()
            .filter(|way| !is_shut(*way))
            .collect())
    }

    async fn block_public_access(&self) -> Result<(), S3Error> {
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        self.calls
            .put_public_access_block()
            .bucket(&*self.bucket)
            .public_access_block_configuration(all)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.call("PutPublicAccessBlock").failed(&error))
    }

    async fn versioning(&self) -> Result<Versioning, S3Error> {
        let found = self.calls.get_bucket_versioning().bucket(&*self.bucket);
        let found = found.send().await;
        let found = found.map_err(|error| self.call("GetBucketVersioning").failed(&error))?;
        Ok(match found.status() {
            Some(BucketVersioningStatus::Enabled) => Versioning::On,
            Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
            _ => Versioning::Never,
        })
    }

    async fn keep_versions(&self) -> Result<(), S3Error> {
        let on = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        self.calls
            .put_bucket_versioning()
            .bucket(&*self.bucket)
            .versioning_configuration(on)
            .send()
            .await
            .map(drop)
            .map_err(|error| self.call("PutBucketVersioning").failed(&error))
    }
}
