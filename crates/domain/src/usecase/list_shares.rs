use std::collections::HashMap;
use std::sync::Arc;

use super::require;
use crate::Error;
use crate::access::{self, Decision};
use crate::model::{
    CallContext, Document, DocumentId, Principal, Rights, Scopes, UserId, UserName,
};
use crate::ports::{Accounts, MetadataStore};

/// Says who may read a document.
#[derive(Clone, Debug)]
pub struct ListShares {
    /// Where the access list is.
    pub store: Arc<dyn MetadataStore>,
    /// Where the users' names are.
    pub accounts: Arc<dyn Accounts>,
}

impl ListShares {
    /// The names of those who have a live entry, the owner first, then in order of sharing.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, id: DocumentId) -> Result<Vec<UserName>, Error> {
        require(context, Scopes::DOCUMENTS)?;
        let document = find_with_right(&*self.store, context, id, Rights::ADMINISTER).await?;
        let entries = self.store.entries(id).await?;
        let mut ids: Vec<UserId> = entries
            .iter()
            .filter(|entry| entry.is_live(context.at))
            .map(|entry| match entry.principal {
                Principal::User(user) => user,
            })
            .collect();
        // A stable sort: the others stay in order of sharing.
        ids.sort_by_key(|user| *user != document.owner);

        let users = self.accounts.users(&ids).await?;
        let mut names: HashMap<_, _> = users.into_iter().map(|user| (user.id, user.name)).collect();
        Ok(ids.iter().filter_map(|id| names.remove(id)).collect())
    }
}

/// The document, if it is there and one of the caller's entries gives him `need`.
pub(super) async fn find_with_right(
    store: &dyn MetadataStore,
    context: &CallContext,
    id: DocumentId,
    need: Rights,
) -> Result<Document, Error> {
    let principals = &context.caller.principals;
    let found = store
        .find(id, principals)
        .await?
        .ok_or(Error::NoSuchDocument)?;
    if !found.document.state.is_releasable() || found.document.is_expired(context.at) {
        return Err(Error::NoSuchDocument);
    }
    match access::decide(&found.entries, principals, need, context.at) {
        Decision::Allow(_) => Ok(found.document),
        Decision::Deny => Err(Error::Forbidden),
    }
}
