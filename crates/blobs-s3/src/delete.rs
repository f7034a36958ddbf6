use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::error::{Call, Fault, S3Error, of_answer};
use crate::store::S3Blobs;

/// The most that S3 deletes at once, and lists on a page.
const BATCH: i32 = 1000;

impl S3Blobs {
    /// Ends unfinished uploads, then deletes every version and delete marker; how many objects
    /// there were, not counting those that were deleted before and only had versions left.
    pub(crate) async fn delete_all(&self, prefix: &str) -> Result<u64, S3Error> {
        self.abort_uploads(prefix).await?;
        self.delete_versions(prefix).await
    }

    async fn abort_uploads(&self, prefix: &str) -> Result<(), S3Error> {
        let (mut key_marker, mut upload_marker) = (None, None);
        loop {
            let listed = self
                .calls
                .list_multipart_uploads()
                .bucket(&*self.bucket)
                .prefix(prefix)
                .max_uploads(BATCH)
                .set_key_marker(key_marker)
                .set_upload_id_marker(upload_marker)
                .send()
                .await;
            let page = match listed {
                Ok(page) => page,
                Err(error) if is_not_implemented(&error) => return Ok(()),
                Err(error) => return Err(self.call("ListMultipartUploads").failed(&error)),
            };
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    continue;
                };
                // A store that passes over the prefix must not cost a neighbour his upload.
                if key.starts_with(prefix) {
                    self.abort_upload(key, id).await?;
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
            let call = self.call("ListMultipartUploads");
            key_marker = Some(next_page(call, page.next_key_marker())?);
            upload_marker = page.next_upload_id_marker().map(str::to_owned);
        }
    }

    pub(crate) async fn abort_upload(&self, key: &str, id: &str) -> Result<(), S3Error> {
        let aborted = self
            .calls
            .abort_multipart_upload()
            .bucket(&*self.bucket)
            .key(key)
            .upload_id(id)
            .send()
            .await;
        match aborted {
            Ok(_) => Ok(()),
            // It was completed or ended meanwhile.
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(self.call("AbortMultipartUpload").failed(&error)),
        }
    }

    async fn delete_versions(&self, prefix: &str) -> Result<u64, S3Error> {
        let mut objects = 0;
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let page = self
                .calls
                .list_object_versions()
                .bucket(&*self.bucket)
                .prefix(prefix)
                .max_keys(BATCH)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| self.call("ListObjectVersions").failed(&error))?;
            let mut batch = Vec::new();
            for version in page.versions() {
                let Some(doomed) = identifier(version.key(), version.version_id(), prefix) else {
                    continue;
                };
                objects += u64::from(version.is_latest() == Some(true));
                batch.push(doomed);
            }
            for marker in page.delete_markers() {
                batch.extend(identifier(marker.key(), marker.version_id(), prefix));
            }
            self.delete_batch(batch).await?;
            if page.is_truncated() != Some(true) {
                return Ok(objects);
            }
            let call = self.call("ListObjectVersions");
            key_marker = Some(next_page(call, page.next_key_marker())?);
            version_marker = page.next_version_id_marker().map(str::to_owned);
        }
    }

    async fn delete_batch(&self, batch: Vec<ObjectIdentifier>) -> Result<(), S3Error> {
        if batch.is_empty() {
            return Ok(());
        }
        let call = self.call("DeleteObjects");
        let delete = Delete::builder()
            .set_objects(Some(batch))
            .quiet(true)
            .build()
            .map_err(|error| call.fault(Fault::Other, Some(error.to_string())))?;
        let deleted = self
            .calls
            .delete_objects()
            .bucket(&*self.bucket)
            .delete(delete)
            .send()
            .await
            .map_err(|error| call.failed(&error))?;
        // The call as a whole succeeds even if every single deletion failed.
        match deleted.errors() {
            [] => Ok(()),
            [first, ..] => {
                let fault = of_answer(200, first.code());
                let detail = format!(
                    "{} of the objects, the first with {}",
                    deleted.errors().len(),
                    first.code().unwrap_or("no code")
                );
                Err(call.fault(fault, Some(detail)))
            }
        }
    }
}

/// Where the next page begins. A page that is not the last and does not say so must not pass for
/// the last: something would be left.
fn next_page(call: Call<'_>, marker: Option<&str>) -> Result<String, S3Error> {
    match marker {
        Some(marker) if !marker.is_empty() => Ok(marker.to_owned()),
        _ => {
            let detail = "the list goes on, but not where".to_owned();
            Err(call.fault(Fault::Other, Some(detail)))
        }
    }
}

/// `None` for a key outside of the prefix: deleting is the one mistake that cannot be mended.
fn identifier(key: Option<&str>, version: Option<&str>, prefix: &str) -> Option<ObjectIdentifier> {
    let key = key.filter(|key| key.starts_with(prefix))?;
    ObjectIdentifier::builder()
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .build()
        .ok()
}

fn is_not_implemented<E: ProvideErrorMetadata>(
    error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
) -> bool {
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    status == Some(501) || error.code() == Some("NotImplemented")
}
