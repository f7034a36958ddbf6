//! The other service's own object store, and its adapter to the port.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix, Timestamp};
use crypt_keeper_domain::ports::{
    BlobError, BlobStore, Clock, Entropy, EntropyExt, GetTerms, ObjectInfo, PresignedUrl, PutTerms,
};
use tokio::sync::Mutex;

/// An archive that gives out permits: URLs that are good for one verb on one object for a time.
#[derive(Debug)]
pub(crate) struct Archive {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    permits: Mutex<HashMap<String, (&'static str, ObjectKey, Timestamp)>>,
    objects: Mutex<BTreeMap<ObjectKey, Vec<u8>>>,
}

/// Status, header and body.
pub(crate) type Response = (u16, Vec<(&'static str, &'static str)>, Vec<u8>);

/// What keeps a browser from showing or running an object.
const INERT: [(&str, &str); 2] = [
    ("content-type", "application/octet-stream"),
    ("content-disposition", "attachment"),
];

type Answer<T> = Result<T, BlobError>;

impl Archive {
    pub(crate) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            permits: Mutex::default(),
            objects: Mutex::default(),
        }
    }

    /// The archive's server.
    pub(crate) async fn serve(&self, method: &str, url: &str, body: &[u8]) -> Response {
        let key = match self.permits.lock().await.get(url) {
            Some((verb, key, end)) if *verb == method && self.clock.now() < *end => key.clone(),
            _ => return (403, Vec::new(), Vec::new()),
        };
        let mut objects = self.objects.lock().await;
        if method == "PUT" {
            objects.insert(key, body.to_vec());
            return (200, Vec::new(), Vec::new());
        }
        match objects.get(&key) {
            Some(object) => (200, INERT.to_vec(), object.clone()),
            None => (404, Vec::new(), Vec::new()),
        }
    }

    async fn permit(&self, verb: &'static str, key: &ObjectKey, life: Duration) -> Answer<String> {
        let ticket: [u8; 16] = self
            .entropy
            .bytes()
            .map_err(|error| BlobError::Backend(error.into()))?;
        let url = format!("archive:/{key}?ticket={:032x}", u128::from_be_bytes(ticket));
        let permit = (verb, key.clone(), self.clock.now().plus(life));
        self.permits.lock().await.insert(url.clone(), permit);
        Ok(url)
    }
}

#[async_trait]
impl BlobStore for Archive {
    async fn presign_put(&self, key: &ObjectKey, terms: &PutTerms) -> Answer<PresignedUrl> {
        let url = self.permit("PUT", key, terms.expires_in).await?;
        Ok(PresignedUrl::new(url))
    }

    async fn presign_get(&self, key: &ObjectKey, terms: &GetTerms) -> Answer<PresignedUrl> {
        let url = self.permit("GET", key, terms.expires_in).await?;
        Ok(PresignedUrl::new(url))
    }

    async fn head(&self, key: &ObjectKey) -> Answer<Option<ObjectInfo>> {
        let objects = self.objects.lock().await;
        Ok(objects.get(key).map(|object| ObjectInfo {
            size: object.len() as u64,
            etag: None,
            version_id: None,
        }))
    }

    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Answer<u64> {
        let mut objects = self.objects.lock().await;
        let before = objects.len();
        objects.retain(|key, _| !prefix.contains(key));
        Ok((before - objects.len()) as u64)
    }
}
