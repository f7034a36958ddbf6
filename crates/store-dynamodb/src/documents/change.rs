use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, DocumentState, Record, Timestamp};
use crypt_keeper_domain::ports::{Change, DocumentChange, StoreError};

use crate::expression::Expression;
use crate::items::{
    DocumentItem, REMOVING, document_key, early_key, number, stored_size, text, time,
};
use crate::store::{Core, Place};
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
struct TheDocument;

impl Core {
    pub(crate) async fn change(
        &self,
        id: &DocumentId,
        seen_version: &i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let Some(seen) = self.document_item(*id).await? else {
            return Ok(Change::Missing);
        };
        if seen.version()? != *seen_version {
            return Ok(Change::Stale);
        }
        self.ready_for(record).await?;
        let expression = Expression::is_there()
            .and_is("version", Some(number(*seen_version)))
            .set("version", Some(number(seen_version + 1)))
            // A removal that was begun needs the version that it saw: it is off.
            .set(REMOVING, None);
        let expression = match change {
            DocumentChange::Confirm(object) => expression
                .set("state", Some(text(DocumentState::Available.as_str())))
                .set("size", Some(number(stored_size(object))))
                .set("etag", object.etag.as_ref().map(text))
                .set("version_id", object.version_id.as_ref().map(text)),
            DocumentChange::State(state) => expression.set("state", Some(text(state.as_str()))),
            DocumentChange::ExpiresAt(end) => expression
                .set("expires_at", end.map(time))
                .set("expires_early", Some(AttributeValue::Bool(end.is_some()))),
        };
        let table = self.table_of(*id);
        let mut act =
            Transaction::new().update(TheDocument, &table, document_key(*id), &expression);
        if let DocumentChange::ExpiresAt(end) = change {
            act = self.move_expiry(act, &seen, *end).await?;
        }
        let committed = act
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, None)
            .await?;
        Ok(match committed {
            Committed::Done => Change::Changed,
            Committed::Refused(_) => Change::Stale,
        })
    }

    /// Where the document stands among those that expire early, in the same act. What a hold keeps
    /// is not among them.
    async fn move_expiry(
        &self,
        mut act: Transaction<TheDocument>,
        seen: &DocumentItem,
        end: Option<Timestamp>,
    ) -> Result<Transaction<TheDocument>, StoreError> {
        if self.place == Place::Held || seen.hold()? {
            return Ok(act);
        }
        let id = seen.id()?;
        let table = self.table_of(id);
        let (before, after) = (seen.early_key()?, end.map(|end| early_key(id, end)));
        if before == after {
            return Ok(act);
        }
        if let Some(before) = before {
            act = act.remove(&table, before);
        }
        if let Some(after) = after {
            self.catalogue
                .ensure_early(&self.calls, id.partition())
                .await?;
            act = act.put(&table, after);
        }
        Ok(act)
    }
}
