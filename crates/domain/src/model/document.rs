use super::identifier::named;
use super::{DocumentId, DocumentMetadata, ObjectKey, Scope, Timestamp, UserId, WrappedKey};

named! {
    /// Where a document is in its life.
    DocumentState("document state") {
        /// Registered; its object may or may not be there. API v1 knows no other state.
        Pending = "pending",
        /// Its object is there and was confirmed.
        Available = "available",
        /// Deleted: nothing of it is released any more.
        Deleted = "deleted",
    }
}

impl DocumentState {
    /// Whether its key may be handed out.
    #[must_use]
    pub fn is_releasable(self) -> bool {
        matches!(self, Self::Pending | Self::Available)
    }
}

/// What the object store said of a confirmed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// Length of the ciphertext in bytes.
    pub size: u64,
    /// Entity tag, without quotes.
    pub etag: Option<String>,
    /// Version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

/// All that the service knows of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its id; class, period and partition are functions of it.
    pub id: DocumentId,
    /// Where it is in its life.
    pub state: DocumentState,
    /// Counts changes, from 1; every change names the version it saw.
    pub version: i64,
    /// Who uploaded it.
    pub owner: UserId,
    /// What the uploader said of it.
    pub metadata: DocumentMetadata,
    /// Its document key, wrapped.
    pub wrapped_key: WrappedKey,
    /// Where its object lies; stored, never computed again.
    pub object_key: ObjectKey,
    /// The confirmed object; `None` until confirmed.
    pub object: Option<StoredObject>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// From when on it is refused, unless a legal hold keeps it: fixed when it is made, or moved
    /// nearer; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Whether that is sooner than its class says, so that it is removed on its own and not with
    /// its partition.
    pub expires_early: bool,
    /// Whether a legal hold keeps it.
    pub hold: bool,
    /// Whether its key was ever wrapped under a key pair that was found compromised: whoever has
    /// that private half and an old copy of the wrap has the key. Wrapping anew does not cure it,
    /// so this is never taken back; only a new upload, under a new key, helps.
    pub key_exposed: bool,
}

impl Document {
    /// Whether it has expired at `at`: what a legal hold keeps does not.
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        !self.hold && self.expires_at.is_some_and(|end| at >= end)
    }

    /// The set of documents whose key pairs may wrap this one's key.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.wrapped_key.scope
    }
}
