use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::{BlobError, ObjectCopy, ObjectInfo};

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

/// Until the store has copied what it copies at once; it answers only then.
const ATTEMPT: Duration = Duration::from_secs(300);
const CALL: Duration = Duration::from_secs(600);
/// S3 takes no more parts of one object.
const MOST_PARTS: u64 = 10_000;

/// How much the store copies in one call.
///
/// S3 allows 5 GiB, and 5 MiB at least for a part that is not the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopySizes {
    /// The largest object that is copied at once, in bytes.
    pub at_once: u64,
    /// The size of the parts that a larger one is copied in, in bytes; larger still where there
    /// would be more than 10,000.
    pub part: u64,
}

/// Far enough below what S3 allows that no call takes minutes.
impl Default for CopySizes {
    fn default() -> Self {
        Self {
            at_once: 1 << 30,
            part: 512 << 20,
        }
    }
}

/// The bytes stay within the store. An object that is replaced while it is copied is not mixed with
/// its successor: the copy fails, and may be tried again.
#[async_trait]
impl ObjectCopy for S3Blobs {
    async fn copy(
        &self,
        from: &ObjectKey,
        to: &ObjectKey,
    ) -> Result<Option<ObjectInfo>, BlobError> {
        let (store, from, to) = (self.clone(), from.clone(), to.clone());
        let copy = async move { store.copy_object(from.as_str(), to.as_str()).await };
        Ok(self.on_runtime(copy).await?)
    }
}

impl S3Blobs {
    /// Copies in other sizes.
    #[must_use]
    pub fn with_copy_sizes(mut self, sizes: CopySizes) -> Self {
        self.copy_sizes = sizes;
        self
    }

    async fn copy_object(&self, from: &str, to: &str) -> Result<Option<ObjectInfo>, S3Error> {
        let Some(source) = self.head_object(from).await? else {
            return Ok(None);
        };
        // S3 refuses to copy an object onto itself where nothing of it changes.
        if from == to {
            return Ok(Some(source));
        }
        let source = Source {
            place: format!("{}/{from}", self.bucket),
            if_match: source.etag.map(|tag| format!("\"{tag}\"")),
            size: source.size,
        };
        let copied = if source.size <= self.copy_sizes.at_once {
            self.copy_at_once(&source, to).await?
        } else {
            self.copy_in_parts(&source, to).await?
        };
        if copied.is_none() {
            // Gone since, or the bucket is.
            self.head_bucket().await?;
            return Ok(None);
        }
        self.head_object(to).await
    }

    /// `None` if the source is gone.
    async fn copy_at_once(&self, source: &Source, to: &str) -> Result<Option<()>, S3Error> {
        let copied = self
            .calls
            .copy_object()
            .bucket(&*self.bucket)
            .key(to)
            .copy_source(&source.place)
            .set_copy_source_if_match(source.if_match.clone())
            .customize()
            .config_override(patience())
            .send()
            .await;
        match copied {
            Ok(_) => Ok(Some(())),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(self.call("CopyObject").failed(&error)),
        }
    }

    async fn copy_in_parts(&self, source: &Source, to: &str) -> Result<Option<()>, S3Error> {
        let begun = self
            .calls
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(to)
            .send()
            .await
            .map_err(|error| self.call("CreateMultipartUpload").failed(&error))?;
        let Some(upload) = begun.upload_id() else {
            let detail = "an upload without a name".to_owned();
            let call = self.call("CreateMultipartUpload");
            return Err(call.fault(Fault::Other, Some(detail)));
        };
        let copied = self.copy_parts(source, to, upload).await;
        if !matches!(copied, Ok(Some(()))) {
            // What is left would cost room until the bucket's own rule ends it.
            if let Err(error) = self.abort_upload(to, upload).await {
                tracing::warn!(%error, "a copy that was given up has left its parts behind");
            }
        }
        copied
    }

    async fn copy_parts(
        &self,
        source: &Source,
        to: &str,
        upload: &str,
    ) -> Result<Option<()>, S3Error> {
        let mut done = CompletedMultipartUpload::builder();
        for (number, range) in (1..).zip(parts(source.size, self.copy_sizes.part)) {
            let copied = self
                .calls
                .upload_part_copy()
                .bucket(&*self.bucket)
                .key(to)
                .upload_id(upload)
                .part_number(number)
                .copy_source(&source.place)
                .set_copy_source_if_match(source.if_match.clone())
                .copy_source_range(range)
                .customize()
                .config_override(patience())
                .send()
                .await;
            let copied = match copied {
                Ok(copied) => copied,
                Err(error) if is_gone(&error) => return Ok(None),
                Err(error) => return Err(self.call("UploadPartCopy").failed(&error)),
            };
            let tag = copied.copy_part_result().and_then(|part| part.e_tag());
            let part = CompletedPart::builder().part_number(number);
            done = done.parts(part.set_e_tag(tag.map(str::to_owned)).build());
        }
        self.calls
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(to)
            .upload_id(upload)
            .multipart_upload(done.build())
            .customize()
            .config_override(patience())
            .send()
            .await
            .map_err(|error| self.call("CompleteMultipartUpload").failed(&error))?;
        Ok(Some(()))
    }
}

struct Source {
    /// `bucket/key`. Neither has a character that would have to be encoded.
    place: String,
    if_match: Option<String>,
    size: u64,
}

/// The ranges of the parts, as S3 wants them said.
fn parts(size: u64, part: u64) -> impl Iterator<Item = String> {
    let part = part.max(size.div_ceil(MOST_PARTS)).max(1);
    (0..size.div_ceil(part)).map(move |number| {
        let first = number * part;
        let last = (first + part).min(size) - 1;
        format!("bytes={first}-{last}")
    })
}

fn patience() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::config::Builder::new().timeout_config(
        TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build(),
    )
}

fn is_gone<E: ProvideErrorMetadata>(
    error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
) -> bool {
    matches!(error.code(), Some("NoSuchKey" | "NotFound"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_byte_once() {
        let whole: Vec<_> = parts(10, 4).collect();
        assert_eq!(whole, ["bytes=0-3", "bytes=4-7", "bytes=8-9"]);
        assert_eq!(parts(8, 4).last(), Some("bytes=4-7".to_owned()));
        assert_eq!(parts(1, 4).collect::<Vec<_>>(), ["bytes=0-0"]);
        // 50 TiB, the largest object of S3.
        let (count, last) = parts(50 << 40, 512 << 20)
            .fold((0, String::new()), |(count, _), part| (count + 1, part));
        assert!(count <= MOST_PARTS, "{count}");
        assert!(
            last.ends_with(&format!("-{}", (50_u64 << 40) - 1)),
            "{last}"
        );
    }
}
