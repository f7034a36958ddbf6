use async_trait::async_trait;

use super::copy_canonical::Canonical;
use super::copy_kinds::{CopySide, Copying, Kind, RowOutcome, page_after};
use super::copy_report::{CopiedKind, NotCopied};
use crate::Error;
use crate::model::{DocumentId, Hold, Page, RetentionClass};
use crate::ports::PutOutcome;

/// Legal holds.
pub(super) struct Holds;

#[async_trait]
impl Kind for Holds {
    type Row = Hold;
    type Key = (RetentionClass, DocumentId);
    type Cursor = DocumentId;

    const KIND: CopiedKind = CopiedKind::Holds;

    fn key(row: &Hold) -> Self::Key {
        (row.document.class(), row.document)
    }

    fn name(row: &Hold) -> String {
        row.document.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, Error> {
        Ok(side.holds.holds.list_holds(&page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &Hold) -> Canonical {
        Canonical::hold(row)
    }

    fn found(_: &Copying, row: &Hold) -> Canonical {
        Canonical::hold(row)
    }

    async fn put(copying: &Copying, rows: Vec<Hold>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.holds.transfer.put_holds(&rows).await?;
        let told = |(outcome, hold): (PutOutcome, &Hold)| match outcome {
            PutOutcome::Differs if hold.completed_at.is_none() => Err(NotCopied::HoldIncomplete),
            outcome => Ok(outcome),
        };
        Ok(outcomes.into_iter().zip(&rows).map(told).collect())
    }
}
