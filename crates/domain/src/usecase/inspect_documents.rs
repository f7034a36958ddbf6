use std::collections::HashMap;
use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    CallContext, Document, DocumentId, Entry, KeyState, Page, PageLimit, PageRequest, Principal,
    Scopes, Serial, UserId, UserName,
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
    /// Those of them that a user uploaded.
    KeyExposedOf(&'a UserName),
}

/// An owner of documents whose keys were ever wrapped under a compromised key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// Who.
    pub owner: UserId,
    /// His name; `None` if his account is gone.
    pub name: Option<UserName>,
    /// How many of his documents.
    pub documents: u64,
}

impl InspectDocuments {
    /// A page of documents, and their owners' names: those of one owner with the newest first (see
    /// [`DocumentId::newest_first`]), others in order of class and id, as a walk finds them.
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
            Which::OwnedBy(name) | Which::KeyExposedOf(name) => {
                let user = self
                    .accounts
                    .find_user(name)
                    .await?
                    .ok_or(Error::NoSuchUser)?;
                DocumentFilter::OwnedBy(user.id)
            }
        };
        let page = match which {
            Which::KeyExposedOf(_) => self.exposed_among(&filter, page).await?,
            _ => self.store.list(&filter, page).await?,
        };
        let names = self
            .names(page.items.iter().map(|document| document.owner))
            .await?;
        Ok((page, names))
    }

    /// The owners of all exposed documents, in order of their names.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn exposed_owners(&self, context: &CallContext) -> Result<Vec<Exposed>, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::MAX,
        };
        let mut counts: HashMap<UserId, u64> = HashMap::new();
        loop {
            let listed = self.store.list(&DocumentFilter::KeyExposed, &page).await?;
            for document in listed.items {
                *counts.entry(document.owner).or_default() += 1;
            }
            match listed.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        let names = self.names(counts.keys().copied()).await?;
        let mut owners: Vec<_> = counts
            .into_iter()
            .map(|(owner, documents)| Exposed {
                owner,
                name: names.get(&owner).cloned(),
                documents,
            })
            .collect();
        owners.sort_by_cached_key(|one| (one.name.as_ref().map(ToString::to_string), one.owner));
        Ok(owners)
    }

    /// A page of exposed documents, of those that `filter` selects.
    async fn exposed_among(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, Error> {
        let mut request = PageRequest {
            after: page.after,
            limit: PageLimit::MAX,
        };
        let mut found = Vec::new();
        loop {
            let listed = self.store.list(filter, &request).await?;
            let exposed = listed.items.into_iter().filter(|one| one.key_exposed);
            found.extend(exposed);
            match listed.next {
                Some(next) if found.len() <= page.limit.get() => request.after = Some(next),
                _ => return Ok(Page::cut(found, page.limit, |one: &Document| one.id)),
            }
        }
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
