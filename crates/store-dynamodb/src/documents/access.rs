use crypt_keeper_domain::model::{DocumentId, Entry, Principal, Record};
use crypt_keeper_domain::ports::{Change, StoreError};

use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{REMOVING, document_key, entry_item, entry_key, number, time};
use crate::retry::Retry;
use crate::store::{Core, Place};
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
enum Part {
    Document,
    Entry,
}

/// The entry is still as it was seen.
pub(crate) fn is_still(entry: &Entry) -> Expression {
    Expression::is_there()
        .and_is("rights", Some(number(i64::from(entry.rights.mask()))))
        .and_is("expires_at", entry.expires_at.map(time))
}

impl Core {
    pub(crate) async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let table = self.table_of(entry.document);
        let mut retry = Retry::new();
        for round in 0.. {
            let found = self.together(entry.document, &[entry.principal]).await?;
            if found.document.is_none_or(|document| document.is_going()) {
                return Ok(Change::Missing);
            }
            let mut granted = entry.clone();
            let act = Transaction::new();
            let act = match found.entries.first() {
                Some(held) => {
                    if held.rights.contains(entry.rights) && held.expires_at == entry.expires_at {
                        return Ok(Change::Unchanged);
                    }
                    granted.rights = held.rights.union(entry.rights);
                    act.replace(Part::Entry, &table, entry_item(&granted), &is_still(held))
                }
                None => act.insert(Part::Entry, &table, entry_item(&granted)),
            };
            let document = document_key(entry.document);
            let takes_entries = Expression::is_there().and_is(REMOVING, None);
            let committed = act
                .check(Part::Document, &table, document, &takes_entries)
                .record(&self.calls.tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                return Ok(Change::Changed);
            }
            // Somebody else has changed the entry meanwhile.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same entry all the time"))
    }

    pub(crate) async fn revoke(
        &self,
        id: &DocumentId,
        principal: &Principal,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let (table, held) = (self.table_of(*id), self.calls.tables.held());
        let key = entry_key(*id, *principal);
        let mut retry = Retry::new();
        for round in 0.. {
            let found = self.together(*id, &[*principal]).await?;
            let Some(document) = found.document else {
                return Ok(Change::Missing);
            };
            let is_there = Expression::is_there();
            let act = Transaction::new();
            let act = if !found.entries.is_empty() {
                let act = act.delete(Part::Entry, &table, key.clone(), &is_there);
                // A copy that a hold makes at this moment lacks it too, whatever was seen of the hold.
                match self.place {
                    Place::Partitions => act.remove(&held, key.clone()),
                    Place::Held => act,
                }
            } else if self.place == Place::Partitions
                && document.hold()?
                && self.calls.get(&held, &key).await?.is_some()
            {
                act.delete(Part::Entry, &held, key.clone(), &is_there)
            } else {
                return Ok(Change::Unchanged);
            };
            let committed = act
                .record(&self.calls.tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                return Ok(Change::Changed);
            }
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same entry all the time"))
    }
}
