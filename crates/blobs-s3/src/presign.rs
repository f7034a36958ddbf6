use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::presigning::PresigningConfig;
use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::PresignedUrl;

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

/// What a client's upload is handed out as, whatever it is: never as a page of the store's origin.
const CONTENT_TYPE: &str = "application/octet-stream";
const DISPOSITION: &str = "attachment";

impl S3Blobs {
    /// Only `host` is signed, so that a client that sends no header of its own can use it.
    pub(crate) async fn sign_put(
        &self,
        key: &ObjectKey,
        life: Duration,
    ) -> Result<PresignedUrl, S3Error> {
        let signed = self
            .signs
            .put_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .presigned(self.presigning("PutObject", life)?)
            .await
            .map_err(|error| self.call("signing PutObject").failed(&error))?;
        Ok(PresignedUrl::new(signed.uri().to_owned()))
    }

    pub(crate) async fn sign_get(
        &self,
        key: &ObjectKey,
        life: Duration,
    ) -> Result<PresignedUrl, S3Error> {
        let signed = self
            .signs
            .get_object()
            .bucket(&*self.bucket)
            .key(key.as_str())
            .response_content_type(CONTENT_TYPE)
            .response_content_disposition(DISPOSITION)
            .presigned(self.presigning("GetObject", life)?)
            .await
            .map_err(|error| self.call("signing GetObject").failed(&error))?;
        Ok(PresignedUrl::new(signed.uri().to_owned()))
    }

    fn presigning(&self, call: &'static str, life: Duration) -> Result<PresigningConfig, S3Error> {
        let now = UNIX_EPOCH + Duration::from_micros(self.clock.now().as_micros().unsigned_abs());
        PresigningConfig::builder()
            .start_time(now)
            .expires_in(life)
            .build()
            // S3 knows no URL that lives longer than a week.
            .map_err(|error| self.call(call).fault(Fault::Other, Some(error.to_string())))
    }
}
