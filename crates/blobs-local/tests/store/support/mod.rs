//! A blob store in a temporary folder, and a small server that mounts it.

mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_blobs_local::{
    GetPermit, LocalBlobs, LocalBlobsConfig, ObjectWriter, Permit, PutError, PutPermit, UrlKeys,
};
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::{ObjectKey, Timestamp};
use crypt_keeper_domain::ports::{BlobStore, GetTerms, PutTerms};
use crypt_keeper_secret::SecretBytes;
use tempfile::TempDir;

pub(crate) use server::DevServer;

/// 2026-03-01T12:00:00.000001Z
pub(crate) const NOON: i64 = 1_772_366_400_000_001;
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const PUBLIC_URL: &str = "https://keeper.example";

pub(crate) struct Store {
    pub(crate) blobs: Arc<LocalBlobs>,
    pub(crate) clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::at(PUBLIC_URL)
    }

    pub(crate) fn at(public_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
        let blobs = open(folder.path(), public_url, clock.clone());
        Self {
            blobs,
            clock,
            folder,
        }
    }

    /// As after a restart.
    pub(crate) fn reopen(&mut self) {
        self.blobs = open(self.folder.path(), PUBLIC_URL, self.clock.clone());
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.root().join("objects").join(key)
    }

    pub(crate) fn incoming(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.root().join("incoming")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) async fn put_url(&self, key: &str, max_length: u64) -> String {
        let terms = PutTerms {
            expires_in: MINUTE,
            max_length,
        };
        let url = self.blobs.presign_put(&object_key(key), &terms).await;
        path_and_query(url.unwrap().as_str())
    }

    pub(crate) async fn get_url(&self, key: &str) -> String {
        let terms = GetTerms { expires_in: MINUTE };
        let url = self.blobs.presign_get(&object_key(key), &terms).await;
        path_and_query(url.unwrap().as_str())
    }

    pub(crate) async fn put_permit(&self, key: &str, max_length: u64) -> PutPermit {
        match self
            .blobs
            .verify("PUT", &self.put_url(key, max_length).await)
        {
            Ok(Permit::Put(permit)) => permit,
            other => panic!("no leave to write: {other:?}"),
        }
    }

    pub(crate) async fn get_permit(&self, key: &str) -> GetPermit {
        match self.blobs.verify("GET", &self.get_url(key).await) {
            Ok(Permit::Get(permit)) => permit,
            other => panic!("no leave to read: {other:?}"),
        }
    }

    pub(crate) async fn begin(&self, key: &str) -> Result<ObjectWriter, PutError> {
        let permit = self.put_permit(key, 1 << 30).await;
        self.blobs.begin_write(&permit, None).await
    }

    pub(crate) async fn put(&self, key: &str, body: &[u8]) -> Result<(), PutError> {
        let mut writer = self.begin(key).await?;
        writer.write(body).await?;
        writer.finish().await.map(drop)
    }
}

pub(crate) fn open(folder: &Path, public_url: &str, clock: Arc<ManualClock>) -> Arc<LocalBlobs> {
    let config = LocalBlobsConfig {
        folder: folder.join("blobs"),
        public_url: public_url.to_owned(),
    };
    Arc::new(LocalBlobs::open(&config, keys(&[7]), clock).unwrap())
}

/// Keys of these bytes; the first signs.
pub(crate) fn keys(bytes: &[u8]) -> UrlKeys {
    let keys: Vec<_> = bytes
        .iter()
        .map(|byte| SecretBytes::new(vec![*byte; 32]))
        .collect();
    UrlKeys::new(&keys[0], &keys[1..]).unwrap()
}

pub(crate) fn object_key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

/// As a server sees it.
pub(crate) fn path_and_query(url: &str) -> String {
    url.strip_prefix(PUBLIC_URL).unwrap().to_owned()
}
