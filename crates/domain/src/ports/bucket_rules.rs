use std::fmt::Debug;

use async_trait::async_trait;

use super::BlobError;
use crate::model::{BucketState, CorsRule, LifecycleRule};

/// The rules of the bucket that objects lie in. An optional power of a
/// [`BlobStore`](super::BlobStore): a folder has none.
///
/// Laws, each a test of `crypt_keeper_conformance::bucket_rules`:
/// - `what_was_written_is_found`, unless the store has no such thing or refused.
/// - `rules_of_others_stay` through all that is written.
/// - `writing_replaces_our_own_rules`, and writing none removes them.
/// - `looking_changes_nothing`.
#[async_trait]
pub trait BucketRules: Debug + Send + Sync + 'static {
    /// What the bucket does, and whom it lets in. What the store does not have, or refuses to
    /// tell, is part of the answer.
    ///
    /// # Errors
    /// [`BlobError`] if the bucket is not there, or the store cannot be reached.
    async fn look(&self) -> Result<BucketState, BlobError>;

    /// Writes one part of it, whole. It is not atomic against somebody else who writes the same
    /// part at the same moment: S3 replaces it as it is.
    ///
    /// # Errors
    /// [`BlobError`] if the bucket is not there, or the store cannot be reached.
    async fn write(&self, change: &BucketChange) -> Result<Written, BlobError>;
}

/// A change of a bucket's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketChange {
    /// These are our lifecycle rules; those of others stay.
    Lifecycle(Vec<LifecycleRule>),
    /// This is our rule for web pages, or there is none; those of others stay.
    Cors(Option<CorsRule>),
    /// All ways to make it public are shut.
    BlockPublicAccess,
    /// What is overwritten or deleted is kept from now on.
    KeepVersions,
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The store took it.
    Done,
    /// The store has no such thing.
    NotImplemented,
    /// The store refused, in its words: by right, or because it cannot do all of it.
    Refused(String),
}
