use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{KeyVault, Purpose, VaultError, WrapContext};
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
}
