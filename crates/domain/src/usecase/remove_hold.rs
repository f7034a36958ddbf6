use std::sync::Arc;

use super::{PlaceHold, require};
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, DocumentId, ObjectPrefix, PartitionState, Record, Scopes,
};
use crate::ports::{BlobStore, Change, Entropy, EntropyExt, Holds, Partitions, StoreError};

/// Takes a legal hold off: its copies are deleted. The document lives on as its class says, if its
/// partition is still there; else it is gone.
#[derive(Clone, Debug)]
pub struct RemoveHold {
    /// Where the hold is.
    pub holds: Arc<dyn Holds>,
    /// Where its object's copy lies.
    pub blobs: Arc<dyn BlobStore>,
    /// Whether the document lives on.
    pub partitions: Arc<dyn Partitions>,
    /// Where ids of audit entries are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// A hold that was taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedHold {
    /// The document that was held.
    pub document: DocumentId,
    /// How many objects were deleted: versions too.
    pub objects: u64,
    /// Whether the document lives on in its partition.
    pub lives_on: bool,
}

impl RemoveHold {
    /// Whether a document lives on without its hold.
    ///
    /// # Errors
    /// [`Error::NoSuchHold`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn lives_on(&self, context: &CallContext, id: DocumentId) -> Result<bool, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let hold = self.holds.find_hold(id).await?;
        hold.ok_or(Error::NoSuchHold(id))?;
        let partition = self.partitions.find_partition(id.partition()).await?;
        Ok(partition.is_none_or(|entry| entry.state == PartitionState::Open))
    }

    /// Deletes the copy of the object, then the hold and the copy of the row: after a crash the
    /// hold is still there, and taking it off again goes on.
    ///
    /// # Errors
    /// [`Error::NoSuchHold`], [`Error::Forbidden`], [`Error::Unavailable`] and the like.
    pub async fn run(&self, context: &CallContext, id: DocumentId) -> Result<RemovedHold, Error> {
        let lives_on = self.lives_on(context, id).await?;
        let folder = format!("{}/{}", PlaceHold::FOLDER, ObjectPrefix::document(id));
        let prefix = ObjectPrefix::parse(&folder)
            .map_err(|invalid| StoreError::Backend(Box::new(invalid)))?;
        let objects = self.blobs.delete_prefix(&prefix).await?;
        let mut audit = AuditEntry::new(context, AuditAction::HoldRemoved, self.entropy.bytes()?);
        audit.document = Some(id);
        match self.holds.end_hold(id, &Record::from(audit)).await? {
            Change::Changed | Change::Unchanged => Ok(RemovedHold {
                document: id,
                objects,
                lives_on,
            }),
            Change::Stale => Err(Error::Conflict),
            Change::Missing => Err(Error::NoSuchHold(id)),
        }
    }
}
