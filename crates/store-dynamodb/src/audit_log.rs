//! The audit log. It is written by the acts themselves, in their transactions.

use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{AuditEntry, AuditId, Page, PageRequest, Record, Timestamp};
use crypt_keeper_domain::ports::{AuditFilter, AuditLog, StoreError};

use crate::catalogue::Catalogue;
use crate::items::{audit_entry, audit_hash, audit_shards, month_of, text, time, uuid_text};
use crate::query::{Filter, Range};
use crate::store::{Core, DynamoDbStore, on_runtime};
use crate::transaction::{Committed, Transaction};

/// An entry's id is made at the moment that the entry tells: months that end this long before what
/// is asked for, or begin this long after it, are not read.
const SLACK: Duration = Duration::from_secs(24 * 3600);

/// How many entries are looked at for one page: conditions are applied to what was read. 370 bytes
/// each, it is some 3,700 read units, and less than a second.
const LOOKED_AT: usize = 40_000;

#[async_trait]
impl AuditLog for DynamoDbStore {
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        on_runtime!(self.list_audit(filter, page))
    }

    async fn append_audit(&self, record: &Record) -> Result<(), StoreError> {
        on_runtime!(self.append_audit(record))
    }
}

impl Core {
    pub(crate) async fn append_audit(&self, record: &Record) -> Result<(), StoreError> {
        self.ready_for(record).await?;
        let committed = Transaction::<()>::new()
            .record(&self.calls.tables.audit(), record, 0)
            .never_repeated()
            .commit(&self.calls, None)
            .await?;
        match committed {
            Committed::Done => Ok(()),
            Committed::Refused(_) => Err(StoreError::Conflict),
        }
    }

    /// Reads month after month, the newest first, and in each the collections that its entries are
    /// spread over, as all acknowledged writes have left them.
    pub(crate) async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        let months = months_of(filter, page.after, Catalogue::months(&self.calls).await?);
        self.read_months(filter, page, months, LOOKED_AT).await
    }

    /// A page of the months' entries, for which no more than about so many are looked at: it may be
    /// short then, and says where the next one goes on.
    async fn read_months(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
        months: Vec<String>,
        mut looking_at: usize,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        let wanted = page.limit.get() + 1;
        let mut entries = Vec::new();
        for month in months {
            let mut range = Range::of_table(self.calls.tables.audit(), audit_shards(&month));
            range.descending = true;
            range.before = page.after.map(|id| uuid_text(id.uuid()));
            range.filter = conditions(filter);
            let mut merged = range.merge(&self.calls);
            let left = wanted - entries.len();
            let taken = merged.take_within(left, looking_at).await?;
            for item in taken.items {
                entries.push(audit_entry(&item)?);
            }
            if entries.len() >= wanted {
                break;
            }
            if let Some(stopped_at) = taken.stopped_at {
                let id = stopped_at.parse().map_err(StoreError::corrupt)?;
                return Ok(Page {
                    items: entries,
                    next: Some(AuditId::from_uuid(id)),
                });
            }
            // Of each month something is looked at.
            looking_at = looking_at.saturating_sub(merged.looked_at()).max(1);
        }
        Ok(Page::cut(entries, page.limit, |entry: &AuditEntry| {
            entry.id
        }))
    }
}

/// Those of the months that may have what is asked for.
fn months_of(filter: &AuditFilter, after: Option<AuditId>, mut months: Vec<String>) -> Vec<String> {
    let first = filter.since.map(|since| month_of(since.minus(SLACK)));
    let last = filter.until.map(|until| month_of(until.plus(SLACK)));
    let newest = after.map(|id| audit_hash(id).0);
    let is_within = |month: &String| {
        first.as_ref().is_none_or(|first| month >= first)
            && last.as_ref().is_none_or(|last| month <= last)
            && newest.as_ref().is_none_or(|newest| month <= newest)
    };
    months.retain(is_within);
    months
}

fn conditions(filter: &AuditFilter) -> Option<Filter> {
    let mut all = Filter::default();
    if let Some(document) = filter.document {
        all = all.and(
            "{name} = {value}",
            "document_id",
            text(document.to_string()),
        );
    }
    if let Some(action) = filter.action {
        all = all.and("{name} = {value}", "action", text(action.as_str()));
    }
    let at = |all: Filter, condition: &str, moment: Option<Timestamp>| match moment {
        Some(moment) => all.and(condition, "at", time(moment)),
        None => all,
    };
    all = at(all, "{name} >= {value}", filter.since);
    all = at(all, "{name} < {value}", filter.until);
    if let Some(user) = filter.user {
        // Three ways of being concerned, of which one is enough. Ids of accounts are no ids of
        // principals of another kind: both are UUIDs made at random.
        let id = text(user.to_string());
        all = all.and_any(vec![
            ("actor_id", id.clone()),
            ("user_id", id.clone()),
            ("principal_id", id),
        ]);
    }
    (!all.conditions.is_empty()).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_that_cannot_have_what_is_asked_for_are_not_read() {
        let all = || ["202603", "202602", "202601"].map(str::to_owned).to_vec();
        let at = Timestamp::from_millis;
        let (february, march) = (at(1_770_000_000_000), at(1_772_366_400_000));
        let filter = |since, until| AuditFilter {
            since,
            until,
            ..AuditFilter::default()
        };
        let months = |filter: AuditFilter| months_of(&filter, None, all());
        assert_eq!(months(filter(None, None)), all());
        // 2026-02-02: a day before it is still February.
        assert_eq!(months(filter(Some(february), None)), all()[..2]);
        assert_eq!(months(filter(None, Some(february))), all()[1..]);
        assert_eq!(months(filter(Some(march), Some(march))), all()[..2]);
        let after = AuditId::new(february, [0; 10]);
        let later = months_of(&AuditFilter::default(), Some(after), all());
        assert_eq!(later, all()[1..]);
    }
}
