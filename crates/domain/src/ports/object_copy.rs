use std::fmt::Debug;

use async_trait::async_trait;

use super::{BlobError, ObjectInfo};
use crate::model::ObjectKey;

/// Copies of objects within the store, for a legal hold: the bytes do not pass through the
/// service. An optional power of a [`BlobStore`](super::BlobStore).
///
/// Laws, each a test of `crypt_keeper_conformance::object_copy`:
/// - `a_copy_is_the_same_byte_for_byte`, and the source stays as it is.
/// - `a_copy_outlives_its_source`, and the source its copy.
/// - `a_copy_replaces_what_was_there`, and copying again changes nothing.
/// - `what_is_not_there_is_not_copied`: `None`, and what was at the target stays.
/// - `a_copy_onto_itself_changes_nothing`.
/// - `copies_are_whole`: whoever gets the copy while it is being made gets all of it, what was
///   there before, or none.
#[async_trait]
pub trait ObjectCopy: Debug + Send + Sync + 'static {
    /// Copies the object at `from` to `to`, replacing what is there; what the store then knows of
    /// the copy. `None` if there is no object at `from`: nothing was done.
    ///
    /// # Errors
    /// [`BlobError`]: nothing was done, or all of it. Calling again is safe.
    async fn copy(&self, from: &ObjectKey, to: &ObjectKey)
    -> Result<Option<ObjectInfo>, BlobError>;
}
