use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, DocumentId, DocumentState, ObjectPrefix, PageLimit,
    PageRequest, Record, Scopes,
};
use crate::ports::{
    BlobStore, Change, DocumentChange, Entropy, EntropyExt, ExpiredDocument, MetadataStore, Sweeps,
};

/// Removes documents that expired before their partition, one by one, with their objects.
/// They were refused to everybody from the moment of their expiry on. Any number of instances may
/// run it at once.
#[derive(Clone, Debug)]
pub struct SweepDocuments {
    /// Where they are found and removed.
    pub sweeps: Arc<dyn Sweeps>,
    /// Where they are registered.
    pub store: Arc<dyn MetadataStore>,
    /// Where their objects lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Where ids of audit entries are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// What was swept.
#[derive(Debug, Default)]
pub struct Swept {
    /// Documents that were removed.
    pub removed: u64,
    /// Objects that were deleted.
    pub objects: u64,
    /// Documents for which it did not work; they are found the next time again.
    pub failures: Vec<(DocumentId, Error)>,
    /// Whether there may be more: the run has ended at its limit.
    pub more: bool,
}

impl SweepDocuments {
    /// How many documents one run removes at most.
    pub const LIMIT: u64 = 10_000;

    /// Removes those that have expired at the call's moment and by the store's clock,
    /// [`LIMIT`](Self::LIMIT) at most.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like if it cannot be known which.
    pub async fn run(&self, context: &CallContext) -> Result<Swept, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut swept = Swept::default();
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::default(),
        };
        loop {
            let found = self.sweeps.expired_early(context.at, &page).await?;
            for document in &found.items {
                match self.remove(context, document, &mut swept.objects).await {
                    Ok(removed) => swept.removed += u64::from(removed),
                    Err(error) => swept.failures.push((document.id, error)),
                }
            }
            page.after = found.next;
            swept.more = page.after.is_some();
            if !swept.more || swept.removed >= Self::LIMIT {
                return Ok(swept);
            }
        }
    }

    /// Of this and a legal hold that begins at the same time one is refused: the document is marked
    /// as deleted before its object is, and a hold counts its version up. The row goes last: one
    /// that is gone leads nobody to its object any more.
    async fn remove(
        &self,
        context: &CallContext,
        document: &ExpiredDocument,
        objects: &mut u64,
    ) -> Result<bool, Error> {
        let id = document.id;
        let record = |action| {
            let mut audit = AuditEntry::new(context, action, self.entropy.bytes()?);
            audit.document = Some(id);
            Ok::<_, Error>(Record::from(audit))
        };
        let mark = DocumentChange::State(DocumentState::Deleted);
        let marked = self
            .store
            .change(
                id,
                document.version,
                &mark,
                &record(AuditAction::DocumentChanged)?,
            )
            .await?;
        if marked != Change::Changed {
            return Ok(false);
        }
        *objects += self
            .blobs
            .delete_prefix(&ObjectPrefix::document(id))
            .await?;
        let removed = self
            .sweeps
            .remove_document(
                id,
                document.version + 1,
                &record(AuditAction::DocumentExpired)?,
            )
            .await?;
        Ok(removed == Change::Changed)
    }
}
