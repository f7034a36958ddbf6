use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Algorithm, Document, DocumentId, Entry, Page, PageRequest, Principal, PublicHalf, Record,
    Scope, Serial, WrappedKey,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, Found, InsertOutcome, KeyVault, MetadataStore, OldWrap,
    Purpose, Release, ReleaseOutcome, Rewrap, RewrapOutcome, StoreError, VaultError, WalkStep,
    Walked, WrapContext, Wraps,
};
use crypt_keeper_secret::DocumentKey;

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A vault after whose acts something happens, as if another process had done it just then: the
/// first deed after the first act, and so on.
pub(crate) struct MeddledVault {
    inner: Arc<dyn KeyVault>,
    deeds: Mutex<VecDeque<Deed>>,
}

impl MeddledVault {
    pub(crate) fn new(inner: Arc<dyn KeyVault>) -> Self {
        Self {
            inner,
            deeds: Mutex::default(),
        }
    }

    /// Something more that happens.
    pub(crate) fn then(self, deed: impl Future<Output = ()> + Send + 'static) -> Self {
        self.deeds.lock().unwrap().push_back(Box::pin(deed));
        self
    }

    async fn meddle(&self) {
        let deed = self.deeds.lock().unwrap().pop_front();
        if let Some(deed) = deed {
            deed.await;
        }
    }
}

impl std::fmt::Debug for MeddledVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeddledVault").finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyVault for MeddledVault {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        let answer = self.inner.create(serial, scope, algorithm).await;
        self.meddle().await;
        answer
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.inner.destroy(serial).await
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        let answer = self.inner.wrap(key, context).await;
        self.meddle().await;
        answer
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        let answer = self.inner.unwrap(wrapped, document, purpose).await;
        self.meddle().await;
        answer
    }

    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        let answers = self.inner.rewrap(old).await;
        self.meddle().await;
        answers
    }
}

/// A store whose first releases meet a row that is being changed: they are refused, and the change
/// is made. Its first rewraps meet an outage, in which it is made. One deed for each.
pub(crate) struct MeddledStore {
    inner: Arc<dyn MetadataStore>,
    deeds: Mutex<VecDeque<Deed>>,
}

impl MeddledStore {
    pub(crate) fn new(inner: Arc<dyn MetadataStore>) -> Self {
        Self {
            inner,
            deeds: Mutex::default(),
        }
    }

    /// Something more that happens.
    pub(crate) fn then(self, deed: impl Future<Output = ()> + Send + 'static) -> Self {
        self.deeds.lock().unwrap().push_back(Box::pin(deed));
        self
    }
}

impl std::fmt::Debug for MeddledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeddledStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl MetadataStore for MeddledStore {
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        self.inner.insert(document, owner_entry, record).await
    }

    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        self.inner.find(id, principals).await
    }

    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries(id).await
    }

    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        self.inner.list(filter, page).await
    }

    async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        self.inner.grant(entry, record).await
    }

    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.inner.revoke(id, principal, record).await
    }

    async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        let deed = self.deeds.lock().unwrap().pop_front();
        match deed {
            Some(deed) => {
                deed.await;
                Ok(ReleaseOutcome::Refused)
            }
            None => self.inner.record_release(release, record).await,
        }
    }

    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.inner.change(id, seen_version, change, record).await
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError> {
        let deed = self.deeds.lock().unwrap().pop_front();
        match deed {
            Some(deed) => {
                deed.await;
                Err(StoreError::Unavailable("it is away".into()))
            }
            None => self.inner.rewrap(rewraps).await,
        }
    }

    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError> {
        self.inner.mark_exposed(serial, step).await
    }

    async fn count_wrapped_by(
        &self,
        serial: Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        self.inner.count_wrapped_by(serial, step).await
    }

    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError> {
        self.inner.wraps_under(serial, step).await
    }
}
