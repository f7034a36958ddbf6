use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

/// The one region that must not be named when a bucket is made in it.
const UNNAMED_REGION: &str = "us-east-1";

/// What setting up has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketSetup {
    /// The bucket was there.
    Existed,
    /// The bucket was made.
    Made,
}

impl S3Blobs {
    /// Makes the bucket if it is not there.
    ///
    /// # Errors
    /// [`S3Error`] if it cannot be seen or made; with [`Fault::AccessDenied`] it may also belong
    /// to somebody else.
    pub async fn ensure_bucket(&self) -> Result<BucketSetup, S3Error> {
        let store = self.clone();
        self.on_runtime(async move { store.look_or_make().await })
            .await
    }

    async fn look_or_make(&self) -> Result<BucketSetup, S3Error> {
        match self.head_bucket().await {
            Ok(()) => return Ok(BucketSetup::Existed),
            Err(error) if error.fault() == Fault::NoSuchBucket => {}
            Err(error) => return Err(error),
        }
        let mut create = self.calls.create_bucket().bucket(&*self.bucket);
        if self.region.as_ref() != UNNAMED_REGION {
            let place = BucketLocationConstraint::from(self.region.as_ref());
            create = create.create_bucket_configuration(
                CreateBucketConfiguration::builder()
                    .location_constraint(place)
                    .build(),
            );
        }
        match create.send().await {
            Ok(_) => Ok(BucketSetup::Made),
            // Somebody else set up at the same time.
            Err(failed)
                if failed
                    .as_service_error()
                    .is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
            {
                Ok(BucketSetup::Existed)
            }
            Err(failed) => Err(self.call("CreateBucket").failed(&failed)),
        }
    }
}
