use std::cmp::Reverse;

use async_trait::async_trait;

use super::copy_canonical::Canonical;
use super::copy_kinds::{CopySide, Copying, Kind, RowOutcome, page_after};
use super::copy_report::{Copied, CopiedKind};
use super::copy_store::CopyStore;
use super::require;
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, AuditId, CallContext, Page, PageLimit, PageRequest, Scopes,
};
use crate::ports::{AuditFilter, EntropyExt as _, StoreError};

/// The audit log, the newest first, as it is listed.
pub(super) struct Audit;

#[async_trait]
impl Kind for Audit {
    type Row = AuditEntry;
    type Key = Reverse<AuditId>;
    type Cursor = AuditId;

    const KIND: CopiedKind = CopiedKind::Audit;

    fn key(row: &AuditEntry) -> Self::Key {
        Reverse(row.id)
    }

    fn name(row: &AuditEntry) -> String {
        row.id.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, Error> {
        let filter = AuditFilter::default();
        Ok(side.audit.list_audit(&filter, &page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &AuditEntry) -> Canonical {
        Canonical::audit(row)
    }

    fn found(_: &Copying, row: &AuditEntry) -> Canonical {
        Canonical::audit(row)
    }

    async fn put(copying: &Copying, rows: Vec<AuditEntry>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.transfer.put_audit(&rows).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

impl CopyStore {
    /// Writes into the target's audit log that the copy is complete, by whom and when; nothing if
    /// `done` is not whole, or a run that has copied nothing finds it written. The source is only
    /// read: its log says nothing of it.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like: to be repeated by another run.
    pub async fn record_completion(
        &self,
        context: &CallContext,
        done: &Copied,
    ) -> Result<(), Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let has_copied = done.kinds.iter().any(|kind| kind.copied > 0) || done.private_halves > 0;
        if !done.is_whole() || (!has_copied && self.is_recorded().await?) {
            return Ok(());
        }
        let action = AuditAction::InstallationCopied;
        let entry = AuditEntry::new(context, action, self.entropy.bytes()?);
        self.target.transfer.put_audit(&[entry]).await?;
        Ok(())
    }

    /// Whether the target's log has such an entry of its own: those that came with the copy tell of
    /// how the source itself came about.
    async fn is_recorded(&self) -> Result<bool, StoreError> {
        let of_target = latest_completion(&self.target).await?;
        Ok(of_target.is_some() && of_target != latest_completion(&self.source).await?)
    }
}

async fn latest_completion(side: &CopySide) -> Result<Option<AuditId>, StoreError> {
    let filter = AuditFilter {
        action: Some(AuditAction::InstallationCopied),
        ..AuditFilter::default()
    };
    let page = PageRequest {
        after: None,
        limit: PageLimit::clamped(1),
    };
    let found = side.audit.list_audit(&filter, &page).await?;
    Ok(found.items.first().map(|entry| entry.id))
}
