use std::collections::HashMap;
use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    CallContext, Document, DocumentId, Entry, KeyState, Page, PageRequest, Principal, Scopes,
    Serial, UserId, UserName,
};
use crate::ports::{Accounts, DocumentFilter, MetadataStore};

/// Shows operators what the service knows of documents: never a key, never a URL.
#[derive(Clone, Debug)]
pub struct InspectDocuments {
    /// Where the documents are.
    pub store: Arc<dyn MetadataStore>,
    /// Where the users' names are.
    pub accounts: Arc<dyn Accounts>,
}

/// What is known of one document.
#[derive(Clone, Debug)]
pub struct DocumentDetails {
    /// The document.
    pub document: Document,
    /// The state of its key pair.
    pub key_state: KeyState,
    /// Its access list, in order of granting.
    pub entries: Vec<Entry>,
    /// The names of all users that it speaks of.
    pub names: HashMap<UserId, UserName>,
}

/// Which documents to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// All of them.
    All,
    /// Those that a user uploaded.
    OwnedBy(&'a UserName),
    /// Those whose keys are wrapped under a key pair.
    WrappedBy(Serial),
    /// Those whose keys were ever wrapped under a compromised key pair.
    KeyExposed,
}

impl InspectDocuments {
    /// A page of documents in order of class and id, and their owners' names.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn list(
        &self,
        context: &CallContext,
        which: Which<'_>,
        page: &PageRequest<DocumentId>,
    ) -> Result<(Page<Document, DocumentId>, HashMap<UserId, UserName>), Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let filter = match which {
            Which::All => DocumentFilter::Every,
            Which::WrappedBy(serial) => DocumentFilter::WrappedBy(serial),
            Which::KeyExposed => DocumentFilter::KeyExposed,
            Which::OwnedBy(name) => {
                let user = self
                    .accounts
                    .find_user(name)
                    .await?
                    .ok_or(Error::NoSuchUser)?;
                DocumentFilter::OwnedBy(user.id)
            }
        };
        let page = self.store.list(&filter, page).await?;
        let names = self
            .names(page.items.iter().map(|document| document.owner))
            .await?;
        Ok((page, names))
    }

    /// One document, whatever its state.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn show(
        &self,
        context: &CallContext,
        id: DocumentId,
    ) -> Result<DocumentDetails, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let found = self
            .store
            .find(id, &[])
            .await?
            .ok_or(Error::NoSuchDocument)?;
        let entries = self.store.entries(id).await?;
        let people = entries.iter().flat_map(|entry| {
            let Principal::User(user) = entry.principal;
            [user, entry.granted_by]
        });
        let names = self.names(people.chain([found.document.owner])).await?;
        Ok(DocumentDetails {
            document: found.document,
            key_state: found.key_state,
            entries,
            names,
        })
    }

    async fn names(
        &self,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, UserName>, Error> {
        let mut ids: Vec<UserId> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let users = self.accounts.users(&ids).await?;
        Ok(users.into_iter().map(|user| (user.id, user.name)).collect())
    }
}
