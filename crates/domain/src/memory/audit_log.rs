use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryStore;
use crate::model::{Actor, AuditEntry, AuditId, Page, PageRequest, Principal, Record, UserId};
use crate::ports::{AuditFilter, AuditLog, StoreError};

#[async_trait]
impl AuditLog for MemoryStore {
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError> {
        let rows = self.rows()?;
        let before = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let items = rows
            .audit
            .range((Bound::Unbounded, before))
            .rev()
            .map(|(_, entry)| entry)
            .filter(|entry| selects(filter, entry))
            .take(page.limit.get() + 1)
            .cloned()
            .collect();
        Ok(Page::cut(items, page.limit, |entry: &AuditEntry| entry.id))
    }

    async fn append_audit(&self, record: &Record) -> Result<(), StoreError> {
        self.rows()?.record(std::slice::from_ref(record))
    }
}

fn selects(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    filter.document.is_none_or(|id| entry.document == Some(id))
        && filter.user.is_none_or(|user| concerns(entry, user))
        && filter.action.is_none_or(|action| entry.action == action)
        && filter.since.is_none_or(|since| entry.at >= since)
        && filter.until.is_none_or(|until| entry.at < until)
}

fn concerns(entry: &AuditEntry, user: UserId) -> bool {
    let acted = matches!(entry.actor, Actor::User { id, .. } if id == user);
    acted || entry.user == Some(user) || entry.principal == Some(Principal::User(user))
}
