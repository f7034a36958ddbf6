//! Ports that fail at one call: before it, or when it is done and nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use crypt_keeper_domain::memory::{MemoryBlobs, MemoryVault};
use crypt_keeper_domain::model::{
    Algorithm, DocumentId, KeyPair, KeyPairChange, Lifetime, ObjectKey, ObjectPrefix, PageLimit,
    Partition, PartitionEntry, PartitionState, PublicHalf, Record, Scope, Serial, Timestamp,
    WrappedKey,
};
use crypt_keeper_domain::ports::{
    BlobError, BlobStore, Change, DuePairs, GetTerms, KeyRegistry, KeyVault, ObjectInfo,
    Partitions, PresignedUrl, Purpose, PutTerms, RegistryChange, StoreError, VaultError,
    WrapContext,
};
use crypt_keeper_secret::DocumentKey;

/// Where an expiry is stopped.
#[derive(Debug)]
pub(super) struct Failpoint {
    /// Calls until then; from 0 on, none is stopped any more.
    left: AtomicU32,
    /// Whether the call takes place all the same, and only its answer is lost.
    is_late: bool,
}

impl Failpoint {
    /// Fails one call: the one after `calls`.
    pub(super) fn new(calls: u32, is_late: bool) -> Arc<Self> {
        let left = AtomicU32::new(calls + 1);
        Arc::new(Self { left, is_late })
    }

    /// Whether a call was stopped.
    pub(super) fn has_stopped(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    /// Makes a call, or is the end of it.
    async fn pass<T, E: From<Killed>>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let stops = |left: u32| left.checked_sub(1);
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, stops);
        match left {
            Ok(1) if self.is_late => {
                call.await?;
                Err(E::from(Killed))
            }
            Ok(1) => Err(E::from(Killed)),
            _ => call.await,
        }
    }
}

/// What a failpoint answers.
struct Killed;

const KILLED: &str = "killed at a failpoint";

impl From<Killed> for StoreError {
    fn from(_: Killed) -> Self {
        Self::Unavailable(KILLED.into())
    }
}

impl From<Killed> for VaultError {
    fn from(_: Killed) -> Self {
        Self::Unavailable(KILLED.into())
    }
}

impl From<Killed> for BlobError {
    fn from(_: Killed) -> Self {
        Self::Unavailable(KILLED.into())
    }
}

/// A port that fails once: everything that an expiry writes through.
#[derive(Debug)]
pub(super) struct Failing<P: ?Sized> {
    pub(super) port: Arc<P>,
    pub(super) at: Arc<Failpoint>,
}

#[async_trait]
impl Partitions for Failing<dyn Partitions> {
    async fn list_partitions(&self) -> Result<Vec<PartitionEntry>, StoreError> {
        self.at.pass(self.port.list_partitions()).await
    }

    async fn find_partition(
        &self,
        partition: Partition,
    ) -> Result<Option<PartitionEntry>, StoreError> {
        self.at.pass(self.port.find_partition(partition)).await
    }

    async fn ensure_partition(
        &self,
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
    ) -> Result<PartitionEntry, StoreError> {
        let call = self.port.ensure_partition(partition, lifetime, at);
        self.at.pass(call).await
    }

    async fn advance_partition(
        &self,
        partition: Partition,
        to: PartitionState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let call = self.port.advance_partition(partition, to, record);
        self.at.pass(call).await
    }

    async fn drop_partition(&self, partition: Partition) -> Result<(), StoreError> {
        self.at.pass(self.port.drop_partition(partition)).await
    }

    async fn estimate_documents(&self, partition: Partition) -> Result<Option<u64>, StoreError> {
        self.at.pass(self.port.estimate_documents(partition)).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.at.pass(self.port.now()).await
    }
}

#[async_trait]
impl BlobStore for Failing<MemoryBlobs> {
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.port.presign_put(key, terms).await
    }

    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.port.presign_get(key, terms).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError> {
        self.port.head(key).await
    }

    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError> {
        self.at.pass(self.port.delete_prefix(prefix)).await
    }
}

#[async_trait]
impl KeyRegistry for Failing<dyn KeyRegistry> {
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError> {
        self.at.pass(self.port.insert_pair(pair, record)).await
    }

    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        self.at.pass(self.port.find_pair(serial)).await
    }

    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        self.at.pass(self.port.active_pair(scope, algorithm)).await
    }

    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        self.at.pass(self.port.list_pairs()).await
    }

    async fn due_pairs(&self, due: DuePairs, limit: PageLimit) -> Result<Vec<KeyPair>, StoreError> {
        self.at.pass(self.port.due_pairs(due, limit)).await
    }

    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        self.at.pass(self.port.change_pairs(changes, records)).await
    }
}

#[async_trait]
impl KeyVault for Failing<MemoryVault> {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.at
            .pass(self.port.create(serial, scope, algorithm))
            .await
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.at.pass(self.port.destroy(serial)).await
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        self.at.pass(self.port.wrap(key, context)).await
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        self.at
            .pass(self.port.unwrap(wrapped, document, purpose))
            .await
    }
}
