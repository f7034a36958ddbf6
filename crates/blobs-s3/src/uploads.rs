use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::EncodingType;

use crate::error::{Fault, S3Error};
use crate::listing::{PAGE, decoded, next_page};
use crate::store::S3Blobs;

impl S3Blobs {
    /// Ends the unfinished uploads under a prefix, where they can be found.
    ///
    /// MinIO takes the prefix for a whole key, and lists all that it remembers where none is
    /// given. So a store that is not Amazon's and has listed nothing is asked for all of them.
    pub(crate) async fn abort_uploads(&self, prefix: &str) -> Result<(), S3Error> {
        let found = self.abort_listed(Some(prefix), prefix).await?;
        if found == 0 && !self.is_amazon {
            self.abort_listed(None, prefix).await?;
        }
        Ok(())
    }

    /// How many of those that are listed are under the prefix.
    async fn abort_listed(&self, listed: Option<&str>, prefix: &str) -> Result<u64, S3Error> {
        let mut found = 0;
        let (mut key_marker, mut upload_marker) = (None, None);
        loop {
            let page = self
                .calls
                .list_multipart_uploads()
                .bucket(&*self.bucket)
                .set_prefix(listed.map(str::to_owned))
                .encoding_type(EncodingType::Url)
                .max_uploads(PAGE)
                .set_key_marker(key_marker)
                .set_upload_id_marker(upload_marker)
                .send()
                .await;
            let call = self.call("ListMultipartUploads");
            let page = match page {
                Ok(page) => page,
                Err(error) => match call.failed(&error) {
                    failed if failed.fault() == Fault::NotImplemented => return Ok(found),
                    failed => return Err(failed),
                },
            };
            let encoding = page.encoding_type();
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else {
                    continue;
                };
                let key = decoded(key, encoding);
                // A store that passes over the prefix must not cost a neighbour his upload.
                if key.starts_with(prefix) {
                    self.abort_upload(&key, id).await?;
                    found += 1;
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            key_marker = Some(next_page(call, page.next_key_marker(), encoding)?);
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
}
