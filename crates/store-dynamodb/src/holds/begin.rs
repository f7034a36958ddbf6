use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentState, Hold, PartitionState, Record};
use crypt_keeper_domain::ports::{HoldOutcome, StoreError};

use crate::catalogue::Catalogue;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    INCOMPLETE_HOLDS, REMOVING, document_key, hold_item, number, partition_key, text,
};
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
enum Part {
    Hold,
    Document,
    Partition,
}

impl Core {
    /// The partition counts its holds that are not complete, in the item that says whether deletion
    /// has begun: so of a hold and a deletion one sees the other.
    pub(crate) async fn begin_hold(
        &self,
        hold: &Hold,
        record: &Record,
    ) -> Result<HoldOutcome, StoreError> {
        self.ready_for(record).await?;
        let id = hold.document;
        let partition = id.partition();
        let begun = Hold {
            completed_at: None,
            ..hold.clone()
        };
        let tables = &self.calls.tables;
        let table = self.table_of(id);
        let mut retry = Retry::new();
        for round in 0.. {
            if self.hold_item(id).await?.is_some() {
                return Ok(HoldOutcome::AlreadyHeld);
            }
            let found = Catalogue::partition(&self.calls, partition).await?;
            if found.is_some_and(|found| found.entry.state >= PartitionState::Emptying) {
                return Ok(HoldOutcome::TooLate);
            }
            let Some(document) = self.document_item(id).await? else {
                return Ok(HoldOutcome::Missing);
            };
            if document.state()? == DocumentState::Deleted || document.is_going() {
                return Ok(HoldOutcome::Missing);
            }
            let version = document.version()?;
            let mark = Expression::is_there()
                .and_is("version", Some(number(version)))
                .and_is(REMOVING, None)
                .set("version", Some(number(version + 1)))
                .set("hold", Some(AttributeValue::Bool(true)));
            let may_be_held = [PartitionState::Open, PartitionState::Closed];
            let counted = Expression::is_there()
                .and_one_of("state", may_be_held.map(|state| text(state.as_str())))
                .add(INCOMPLETE_HOLDS, number(1));
            let key = partition_key(partition);
            let mut act = Transaction::new()
                .insert(Part::Hold, &tables.held(), hold_item(&begun))
                .update(Part::Document, &table, document_key(id), &mark)
                .update(Part::Partition, &tables.catalogue(), key, &counted);
            if let Some(early) = document.early_key()? {
                act = act.remove(&table, early);
            }
            let committed = act
                .record(&tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                return Ok(HoldOutcome::Begun);
            }
            // Something has changed that decides.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same document all the time"))
    }
}
