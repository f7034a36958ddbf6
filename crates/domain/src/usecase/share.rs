use std::sync::Arc;

use super::list_shares::find_with_right;
use super::require;
use crate::Error;
use crate::model::{
    Actor, AuditAction, AuditEntry, CallContext, DocumentId, Entry, Principal, Record, Rights,
    Scopes, UserName, UserState,
};
use crate::ports::{Accounts, Change, Entropy, EntropyExt, MetadataStore};

/// Gives another user the right to read a document.
#[derive(Clone, Debug)]
pub struct Share {
    /// Where the access list is.
    pub store: Arc<dyn MetadataStore>,
    /// Where the other user is.
    pub accounts: Arc<dyn Accounts>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl Share {
    /// Grants `rights` to the user of a name. Whether that user exists is told only to those who
    /// may share the document. Granting again changes nothing, and is no error.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], [`Error::Forbidden`], [`Error::NoSuchUser`] (disabled ones
    /// too), [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        id: DocumentId,
        name: &str,
        rights: Rights,
    ) -> Result<(), Error> {
        require(context, Scopes::DOCUMENTS)?;
        let Actor::User { id: giver, .. } = context.caller.actor else {
            return Err(Error::Forbidden);
        };
        // Nobody gives what he does not have.
        find_with_right(&*self.store, context, id, Rights::SHARE.union(rights)).await?;

        let name = UserName::parse(name).map_err(|_| Error::NoSuchUser)?;
        let user = self.accounts.find_user(&name).await?;
        let user = user
            .filter(|user| user.state == UserState::Active)
            .ok_or(Error::NoSuchUser)?;
        let entry = Entry {
            document: id,
            principal: Principal::User(user.id),
            rights,
            granted_by: giver,
            granted_at: context.at,
            expires_at: None,
        };
        let mut audit = AuditEntry::new(context, AuditAction::EntryGranted, self.entropy.bytes()?);
        audit.document = Some(id);
        audit.principal = Some(entry.principal);
        audit.rights = Some(rights);
        match self.store.grant(&entry, &Record::from(audit)).await? {
            Change::Changed | Change::Unchanged => Ok(()),
            Change::Missing => Err(Error::NoSuchDocument),
            Change::Stale => Err(Error::Conflict),
        }
    }
}
