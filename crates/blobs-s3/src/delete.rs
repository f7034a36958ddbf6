use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};

use crate::error::{Fault, S3Error, of_answer};
use crate::listing::{PAGE, decoded, next_page};
use crate::store::S3Blobs;

/// What was found under a prefix, and deleted.
#[derive(Debug, Default)]
struct Walked {
    /// Objects, not counting those that were deleted before and only had versions left.
    objects: u64,
    /// The versions and delete markers that were found first; none if there was nothing.
    beginning: Vec<ObjectIdentifier>,
}

impl S3Blobs {
    /// Ends unfinished uploads, then deletes every version and delete marker, and looks whether
    /// something is left; how many objects there were.
    ///
    /// What cannot be deleted does not keep the rest of its page from being deleted, but is an error
    /// in the end. Called again, it goes on with what is left.
    pub(crate) async fn delete_all(&self, prefix: &str) -> Result<u64, S3Error> {
        self.abort_uploads(prefix).await?;
        let mut walked = self.delete_versions(prefix).await?;
        let mut objects = walked.objects;
        // Uploads by URLs that are still out may come in meanwhile. Of a page that begins after a
        // version that is gone, versitygw says that there is nothing on it; and MinIO lists `a/b`
        // only once there is no object `a`.
        while !walked.beginning.is_empty() {
            let next = self.delete_versions(prefix).await?;
            objects += next.objects;
            if next.beginning == walked.beginning {
                let detail = "objects that were deleted are listed again and again".to_owned();
                let call = self.call("ListObjectVersions");
                return Err(call.fault(Fault::Busy, Some(detail)));
            }
            walked = next;
        }
        Ok(objects)
    }

    async fn delete_versions(&self, prefix: &str) -> Result<Walked, S3Error> {
        let mut walked = Walked::default();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let call = self.call("ListObjectVersions");
            let page = self
                .calls
                .list_object_versions()
                .bucket(&*self.bucket)
                .prefix(prefix)
                .encoding_type(EncodingType::Url)
                .max_keys(PAGE)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .send()
                .await
                .map_err(|error| call.failed(&error))?;
            let encoding = page.encoding_type();
            let mut batch = Vec::new();
            for version in page.versions() {
                let doomed = identifier(version.key(), version.version_id(), prefix, encoding);
                walked.objects += u64::from(doomed.is_some() && version.is_latest() == Some(true));
                batch.extend(doomed);
            }
            for marker in page.delete_markers() {
                let (key, version) = (marker.key(), marker.version_id());
                batch.extend(identifier(key, version, prefix, encoding));
            }
            if walked.beginning.is_empty() {
                walked.beginning.clone_from(&batch);
            }
            let (batch, odd): (Vec<_>, Vec<_>) = batch
                .into_iter()
                .partition(|doomed| doomed.key().chars().all(is_xml_character));
            self.delete_batch(&batch).await?;
            for doomed in &odd {
                self.delete_one(doomed).await?;
            }
            if page.is_truncated() != Some(true) {
                break;
            }
            key_marker = Some(next_page(call, page.next_key_marker(), encoding)?);
            version_marker = page.next_version_id_marker().map(str::to_owned);
        }
        Ok(walked)
    }

    /// Fails where nothing of a batch was deleted. What else was refused is found again on the next
    /// walk, alone in the end.
    async fn delete_batch(&self, batch: &[ObjectIdentifier]) -> Result<(), S3Error> {
        // A store may list more on a page than it was asked for.
        for batch in batch.chunks(PAGE.unsigned_abs() as usize) {
            let call = self.call("DeleteObjects");
            let delete = Delete::builder()
                .set_objects(Some(batch.to_vec()))
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
            if let [first, ..] = deleted.errors()
                && deleted.errors().len() >= batch.len()
            {
                let fault = of_answer(200, first.code());
                let detail = format!(
                    "{} of the objects, the first with {}",
                    deleted.errors().len(),
                    first.code().unwrap_or("no code")
                );
                return Err(call.fault(fault, Some(detail)));
            }
        }
        Ok(())
    }

    async fn delete_one(&self, doomed: &ObjectIdentifier) -> Result<(), S3Error> {
        self.calls
            .delete_object()
            .bucket(&*self.bucket)
            .key(doomed.key())
            .set_version_id(doomed.version_id().map(str::to_owned))
            .send()
            .await
            .map(drop)
            .map_err(|error| self.call("DeleteObject").failed(&error))
    }
}

/// What XML can say at all (XML 1.0, section 2.2), and so the body of `DeleteObjects`.
fn is_xml_character(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

/// `None` for a key outside of the prefix: deleting is the one mistake that cannot be mended.
fn identifier(
    key: Option<&str>,
    version: Option<&str>,
    prefix: &str,
    encoding: Option<&EncodingType>,
) -> Option<ObjectIdentifier> {
    let key = decoded(key?, encoding);
    if !key.starts_with(prefix) {
        return None;
    }
    ObjectIdentifier::builder()
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .build()
        .ok()
}
