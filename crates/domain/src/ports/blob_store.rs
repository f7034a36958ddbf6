use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use super::BoxError;
use crate::model::{ObjectKey, ObjectPrefix};

/// The objects, encrypted by clients. The service only ever signs URLs to them.
///
/// Laws, each a test of `crypt_keeper_conformance::blob_store`; those of presigned URLs use a
/// bare HTTP client that sends no header of its own:
/// - `presigned_put_then_get`: from 0 bytes up, byte for byte.
/// - `presigned_url_is_held_to_its_terms`: tampered with, expired, for another verb or another
///   key, it is refused.
/// - `objects_are_whole`: whoever gets an object while it is being put gets all of it, or none.
/// - `fetched_objects_are_inert`: a browser saves them, and never shows or runs them.
/// - `head_tells_of_the_object`, and a miss is `None`.
/// - `delete_by_prefix_spares_the_neighbours`, and deleting nothing is no error.
/// - `delete_by_prefix_walks_every_page`.
#[async_trait]
pub trait BlobStore: Debug + Send + Sync + 'static {
    /// A URL that lets its holder PUT the object, once or more often, until it expires.
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError>;

    /// A URL that lets its holder GET the object until it expires, whether it is there or not.
    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError>;

    /// What the store knows of an object.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError>;

    /// Deletes every object under a prefix, versions and unfinished uploads too; how many
    /// objects there were.
    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError>;
}

/// Terms of a URL to PUT to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutTerms {
    /// How long the URL lives.
    pub expires_in: Duration,
    /// The longest body taken, in bytes, where the store can hold a URL to it without a signed
    /// header.
    pub max_length: u64,
}

/// Terms of a URL to GET from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetTerms {
    /// How long the URL lives.
    pub expires_in: Duration,
}

/// What the store knows of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Length in bytes.
    pub size: u64,
    /// Entity tag, without quotes.
    pub etag: Option<String>,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// A URL that carries its own permission: whoever has it may use it. Not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// Takes the whole URL.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self(url)
    }

    /// The whole URL, signature and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Debug for PresignedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.split('?').next().unwrap_or_default();
        write!(f, "PresignedUrl({shown}?[redacted])")
    }
}

/// Why the object store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It cannot be reached, or is too busy.
    #[error("the object store is unavailable")]
    Unavailable(#[source] BoxError),
    /// Anything else: the bucket is missing, access is denied, the disk fails.
    #[error("the object store failed")]
    Backend(#[source] BoxError),
}
