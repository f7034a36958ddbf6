use crypt_keeper_domain::model::{DocumentId, DocumentState, Record};
use crypt_keeper_domain::ports::{Change, DocumentChange, StoreError};

use crate::expression::Expression;
use crate::items::{document_key, number, stored_size, text, time};
use crate::store::Core;
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
        match self.document_item(*id).await? {
            None => return Ok(Change::Missing),
            Some(item) if item.version()? != *seen_version => return Ok(Change::Stale),
            Some(_) => {}
        }
        self.ready_for(record).await?;
        let expression = Expression::is_there()
            .and_is("version", Some(number(*seen_version)))
            .set("version", Some(number(seen_version + 1)));
        let expression = match change {
            DocumentChange::Confirm(object) => expression
                .set("state", Some(text(DocumentState::Available.as_str())))
                .set("size", Some(number(stored_size(object))))
                .set("etag", object.etag.as_ref().map(text))
                .set("version_id", object.version_id.as_ref().map(text)),
            DocumentChange::State(state) => expression.set("state", Some(text(state.as_str()))),
            DocumentChange::ExpiresAt(end) => expression.set("expires_at", end.map(time)),
        };
        let table = self.calls.tables.documents(id.partition());
        let committed = Transaction::new()
            .update(TheDocument, &table, document_key(*id), &expression)
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, None)
            .await?;
        Ok(match committed {
            Committed::Done => Change::Changed,
            Committed::Refused(_) => Change::Stale,
        })
    }
}
