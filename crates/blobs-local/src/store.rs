use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix};
use crypt_keeper_domain::ports::{
    BlobError, BlobStore, Clock, GetTerms, ObjectInfo, PresignedUrl, PutTerms,
};

use crate::error::{FolderError, OpenError, PutError, blocking};
use crate::folder::Folder;
use crate::read::{ObjectReader, log_miss, object_info};
use crate::signed_url::{GetPermit, Permit, PutPermit, UrlKeys, UrlRefused, UrlSigner};
use crate::write::ObjectWriter;

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
}

impl LocalBlobs {
    /// Opens the folder, makes what is missing of it, and removes what uploads that crashed a day
    /// ago or earlier have left. It blocks: call it while starting.
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
        let removed = folder.remove_leftovers(clock.now())?;
        if removed > 0 {
            tracing::info!(removed, "removed what crashed uploads had left");
        }
        Ok(Self {
            folder: Arc::new(folder),
            signer,
            clock,
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
        ObjectWriter::begin(Arc::clone(&self.folder), permit, content_length).await
    }

    /// Removes what uploads that crashed a day ago or earlier have left; how many files.
    ///
    /// # Errors
    /// [`BlobError`] if the folder fails.
    pub async fn remove_leftovers(&self) -> Result<u64, BlobError> {
        let now = self.clock.now();
        self.in_folder(move |folder| folder.remove_leftovers(now))
            .await
    }

    pub(crate) async fn in_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(&folder).map_err(BlobError::from)).await
    }
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
