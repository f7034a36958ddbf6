use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix, Timestamp};
use crypt_keeper_domain::ports::{
    BlobError, BlobStore, Clock, GetTerms, ObjectInfo, PresignedUrl, PutTerms,
};

use crate::error::{FolderError, OpenError, PutError, blocking};
use crate::folder::Folder;
use crate::read::{ObjectReader, log_miss, object_info};
use crate::signed_url::{GetPermit, Permit, PutPermit, UrlKeys, UrlRefused, UrlSigner};
use crate::write::ObjectWriter;

/// How often the uploads that begin see to it that what crashed ones left is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// What a local blob store needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalBlobsConfig {
    /// The folder; made, for its owner alone, if it is not there.
    pub folder: PathBuf,
    /// The address under which clients reach this service, like `https://keeper.example`.
    pub public_url: String,
}

/// A blob store in a folder.
#[derive(Debug)]
pub struct LocalBlobs {
    folder: Arc<Folder>,
    signer: UrlSigner,
    clock: Arc<dyn Clock>,
    /// When leftovers were last looked for, in microseconds.
    swept_at: AtomicI64,
}

impl LocalBlobs {
    /// Opens the folder, makes what is missing of it, and removes what uploads that crashed a day
    /// ago or earlier have left, as uploads do from then on. It blocks: call it while starting.
    ///
    /// # Errors
    /// [`OpenError`] if the folder cannot be used, or the public URL is none.
    pub fn open(
        config: &LocalBlobsConfig,
        keys: UrlKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let signer = UrlSigner::new(&config.public_url, keys)?;
        let folder = Folder::open(&config.folder)?;
        let now = clock.now();
        sweep(&folder, now)?;
        Ok(Self {
            folder: Arc::new(folder),
            signer,
            clock,
            swept_at: AtomicI64::new(now.as_micros()),
        })
    }

    /// Signs and judges by other keys from now on.
    pub fn replace_keys(&self, keys: UrlKeys) {
        self.signer.replace_keys(keys);
    }

    /// Judges a request by its method and its path and query as they were sent
    /// (`/blobs/..?expires=..`).
    ///
    /// # Errors
    /// [`UrlRefused`]: its words are fit for the answer.
    pub fn verify(&self, method: &str, path_and_query: &str) -> Result<Permit, UrlRefused> {
        self.signer.verify(method, path_and_query, self.clock.now())
    }

    /// Opens an object for reading; `None` if it is not there.
    ///
    /// # Errors
    /// [`BlobError`] if the folder fails.
    pub async fn open_read(&self, permit: &GetPermit) -> Result<Option<ObjectReader>, BlobError> {
        let folder = Arc::clone(&self.folder);
        let key = permit.key().clone();
        blocking(move || {
            let found = folder.open_object(&key)?;
            if found.is_none() {
                log_miss(&key);
            }
            Ok(found.map(|(file, metadata)| ObjectReader::new(file, &metadata)))
        })
        .await
    }

    /// Begins an upload. `content_length` is what the client announced, if it did.
    ///
    /// # Errors
    /// [`PutError`] if the object is there already, the body would be too long, or the folder
    /// fails.
    pub async fn begin_write(
        &self,
        permit: &PutPermit,
        content_length: Option<u64>,
    ) -> Result<ObjectWriter, PutError> {
        self.sweep_if_due();
        ObjectWriter::begin(Arc::clone(&self.folder), permit, content_length).await
    }

    /// What a crash left is too young when the service starts again, and may be another process's
    /// upload. So a later upload sees to it, behind its own back.
    fn sweep_if_due(&self) {
        let now = self.clock.now();
        let last = self.swept_at.load(Ordering::Relaxed);
        if now.since(Timestamp::from_micros(last)) < SWEEP_EVERY {
            return;
        }
        let exchanged = self.swept_at.compare_exchange(
            last,
            now.as_micros(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if exchanged.is_err() {
            return;
        }
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = sweep(&folder, now) {
                let why = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, why, "what crashed uploads left could not be removed");
            }
        });
    }

    pub(crate) async fn in_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(&folder).map_err(BlobError::from)).await
    }
}

/// Removes what uploads that crashed a day ago or earlier have left. Blocks.
fn sweep(folder: &Folder, now: Timestamp) -> Result<(), FolderError> {
    let removed = folder.remove_leftovers(now)?;
    if removed > 0 {
        tracing::info!(removed, "removed what crashed uploads had left");
    }
    Ok(())
}

/// Presigned PUTs create and never overwrite; they hold the body to the length bound.
#[async_trait]
impl BlobStore for LocalBlobs {
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError> {
        let expires = self.clock.now().plus(terms.expires_in);
        self.signer
            .presign_put(key, expires, terms.max_length)
            .map_err(|error| BlobError::Backend(Box::new(error)))
    }

    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError> {
        let expires = self.clock.now().plus(terms.expires_in);
        self.signer
            .presign_get(key, expires)
            .map_err(|error| BlobError::Backend(Box::new(error)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError> {
        let key = key.clone();
        self.in_folder(move |folder| {
            let found = folder.open_object(&key)?;
            Ok(found.map(|(_, metadata)| object_info(&metadata)))
        })
        .await
    }

    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError> {
        let prefix = prefix.clone();
        self.in_folder(move |folder| folder.remove(&prefix)).await
    }
}
