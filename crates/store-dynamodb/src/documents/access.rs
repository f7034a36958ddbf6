use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, Entry, Principal, Record};
use crypt_keeper_domain::ports::{Change, StoreError};

use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    DocumentItem, GRANTS, REMOVING, document_key, entry, entry_item, entry_key, number, time,
};
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

/// The copy that a legal hold keeps of a document, as a grant sees it.
enum HeldCopy {
    /// The grant is one on the copy itself.
    NotConcerned,
    /// There is no hold.
    NotHeld,
    /// It is not made yet, or is being made.
    Absent,
    /// It is being removed.
    Going,
    /// It is there, with the entry of whom the grant is for, if he has one.
    There(Option<Entry>),
}

impl Transaction<Part> {
    /// Adds to an entry as it was seen; whether that changes anything.
    fn and_grant(self, table: &str, entry: &Entry, seen: Option<&Entry>) -> (Self, bool) {
        let mut granted = entry.clone();
        let Some(seen) = seen else {
            return (self.insert(Part::Entry, table, entry_item(&granted)), true);
        };
        if seen.rights.contains(entry.rights) && seen.expires_at == entry.expires_at {
            return (self, false);
        }
        granted.rights = seen.rights.union(entry.rights);
        let item = entry_item(&granted);
        (
            self.replace(Part::Entry, table, item, &is_still(seen)),
            true,
        )
    }

    /// The document takes entries, and its copy is still as it was seen. Where a copy may be in the
    /// making, whoever makes it is told to look again.
    fn and_checks(self, table: &str, held: &str, id: DocumentId, copy: &HeldCopy) -> Self {
        let takes_entries = || Expression::is_there().and_is(REMOVING, None);
        let of_hold = |hold: bool| takes_entries().and_is("hold", Some(AttributeValue::Bool(hold)));
        let key = || document_key(id);
        match copy {
            HeldCopy::NotConcerned | HeldCopy::Going => {
                self.check(Part::Document, table, key(), &takes_entries())
            }
            HeldCopy::NotHeld => self.check(Part::Document, table, key(), &of_hold(false)),
            HeldCopy::Absent => {
                let tells = of_hold(true).add(GRANTS, number(1));
                self.update(Part::Document, table, key(), &tells).check(
                    Part::Document,
                    held,
                    key(),
                    &Expression::is_absent(),
                )
            }
            HeldCopy::There(_) => self
                .check(Part::Document, table, key(), &of_hold(true))
                .check(Part::Document, held, key(), &takes_entries()),
        }
    }
}

impl Core {
    pub(crate) async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let (table, held) = (self.table_of(entry.document), self.calls.tables.held());
        let mut retry = Retry::new();
        for round in 0.. {
            let found = self.together(entry.document, &[entry.principal]).await?;
            let Some(document) = found.document.filter(|document| !document.is_going()) else {
                return Ok(Change::Missing);
            };
            let copy = self.held_copy_of(&document, entry).await?;
            let act = Transaction::new();
            let seen = found.entries.first();
            let (act, mut changes) = act.and_grant(&table, entry, seen);
            let act = match &copy {
                HeldCopy::There(seen) => {
                    let (act, more) = act.and_grant(&held, entry, seen.as_ref());
                    changes |= more;
                    act
                }
                _ => act,
            };
            if !changes {
                return Ok(Change::Unchanged);
            }
            let committed = act
                .and_checks(&table, &held, entry.document, &copy)
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

    /// What is to be seen to of the document's held copy.
    async fn held_copy_of(
        &self,
        document: &DocumentItem,
        granted: &Entry,
    ) -> Result<HeldCopy, StoreError> {
        if self.place == Place::Held {
            return Ok(HeldCopy::NotConcerned);
        }
        if !document.hold()? {
            return Ok(HeldCopy::NotHeld);
        }
        let held = self.calls.tables.held();
        let (id, principal) = (granted.document, granted.principal);
        let Some(copy) = self.calls.get(&held, &document_key(id)).await? else {
            return Ok(HeldCopy::Absent);
        };
        if copy.contains_key(REMOVING) {
            return Ok(HeldCopy::Going);
        }
        let seen = self.calls.get(&held, &entry_key(id, principal)).await?;
        Ok(HeldCopy::There(seen.as_ref().map(entry).transpose()?))
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
