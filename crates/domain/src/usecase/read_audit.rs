use std::collections::HashMap;
use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    Actor, AuditAction, AuditEntry, AuditId, CallContext, DocumentId, Page, PageRequest, Principal,
    Scopes, Timestamp, UserId, UserName,
};
use crate::ports::{Accounts, AuditFilter, AuditLog};

/// Shows operators and auditors what was done, by whom, and when.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Where it is written.
    pub audit: Arc<dyn AuditLog>,
    /// Where the users' names are.
    pub accounts: Arc<dyn Accounts>,
}

/// Which acts are asked for: those that meet every condition given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// On this document.
    pub document: Option<DocumentId>,
    /// By, on, or to the good of this user.
    pub user: Option<UserName>,
    /// Of this kind.
    pub action: Option<AuditAction>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl ReadAudit {
    /// A page of acts, the newest first, and the names of all users that they speak of.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        query: &AuditQuery,
        page: &PageRequest<AuditId>,
    ) -> Result<(Page<AuditEntry, AuditId>, HashMap<UserId, UserName>), Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let user = match &query.user {
            None => None,
            Some(name) => Some(
                self.accounts
                    .find_user(name)
                    .await?
                    .ok_or(Error::NoSuchUser)?
                    .id,
            ),
        };
        let filter = AuditFilter {
            document: query.document,
            user,
            action: query.action,
            since: query.since,
            until: query.until,
        };
        let found = self.audit.list_audit(&filter, page).await?;
        let mut ids: Vec<UserId> = found.items.iter().flat_map(people).collect();
        ids.sort_unstable();
        ids.dedup();
        let users = self.accounts.users(&ids).await?;
        let names = users.into_iter().map(|user| (user.id, user.name)).collect();
        Ok((found, names))
    }
}

fn people(entry: &AuditEntry) -> impl Iterator<Item = UserId> + use<> {
    let actor = match entry.actor {
        Actor::User { id, .. } => Some(id),
        Actor::Operator | Actor::System => None,
    };
    let principal = entry.principal.map(|Principal::User(user)| user);
    [actor, principal, entry.user].into_iter().flatten()
}
