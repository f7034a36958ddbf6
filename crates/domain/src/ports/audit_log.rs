use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::{
    AuditAction, AuditEntry, AuditId, DocumentId, Page, PageRequest, Record, Timestamp, UserId,
};

/// Reads the audit log. It is written by the acts themselves, through their records; only what is
/// done outside of the store is written by itself.
///
/// Laws, each a test of `crypt_keeper_conformance::audit_log`:
/// - `every_column_survives`.
/// - `filters_select_and_pages_show_each_entry_once`, the newest first.
/// - `an_act_whose_audit_id_is_taken_is_not_done`.
/// - `an_entry_without_an_act_is_written_once`.
#[async_trait]
pub trait AuditLog: Debug + Send + Sync + 'static {
    /// Entries that `filter` selects, the newest first, in order of their ids. A page may be short, or
    /// empty, and not the last: a store may bound how many entries it looks at for one.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        page: &PageRequest<AuditId>,
    ) -> Result<Page<AuditEntry, AuditId>, StoreError>;

    /// Writes an entry for an act that the store has no part in.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken.
    async fn append_audit(&self, record: &Record) -> Result<(), StoreError>;
}

/// Which audit entries to list: those that meet every condition given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// On this document.
    pub document: Option<DocumentId>,
    /// By, on, or to the good of this user.
    pub user: Option<UserId>,
    /// Of this kind.
    pub action: Option<AuditAction>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}
