use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::FaultSwitch;
use crate::model::{ObjectKey, ObjectPrefix, Timestamp};
use crate::ports::{
    BlobError, BlobStore, Clock, Entropy, EntropyExt, GetTerms, ObjectCopy, ObjectInfo,
    PresignedUrl, PutTerms,
};

/// Objects in memory. Its presigned URLs begin with `memory://`; [`request`](Self::request)
/// answers them in process, as an object store's server would.
#[derive(Debug)]
pub struct MemoryBlobs {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    faults: FaultSwitch,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    objects: BTreeMap<ObjectKey, Arc<[u8]>>,
    /// Every URL that was ever signed, by its whole text. A URL that is not among them was not
    /// signed here, or was altered.
    signed: HashMap<String, Signed>,
}

/// What a URL allows.
#[derive(Clone, Debug)]
struct Signed {
    method: &'static str,
    key: ObjectKey,
    expires_at: Timestamp,
    max_length: u64,
}

/// An answer of [`MemoryBlobs::request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Vec<u8>,
}

impl MemoryAnswer {
    fn new(status: u16, why: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: why.as_bytes().to_vec(),
        }
    }
}

impl MemoryBlobs {
    /// An empty store. `clock` says when URLs expire; `entropy` makes them unguessable.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            faults: FaultSwitch::default(),
            contents: Mutex::default(),
        }
    }

    /// How many objects lie under a prefix.
    #[must_use]
    pub fn count(&self, prefix: &ObjectPrefix) -> usize {
        let contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = contents.objects.keys();
        objects.filter(|key| prefix.contains(key)).count()
    }

    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    /// Answers a request as an object store's HTTP server would: 200, 403 for a URL that was not
    /// signed here, has expired or is for another method, 404, 413, and 503 while it is down.
    #[must_use]
    pub fn request(&self, method: &str, url: &str, body: &[u8]) -> MemoryAnswer {
        if self.faults.pass().is_err() {
            return MemoryAnswer::new(503, "the store is down");
        }
        let now = self.clock.now();
        let mut contents = self.contents();
        let Some(signed) = contents.signed.get(url).cloned() else {
            return MemoryAnswer::new(403, "this URL was not signed here");
        };
        if signed.method != method {
            return MemoryAnswer::new(403, "this URL is for another method");
        }
        if now >= signed.expires_at {
            return MemoryAnswer::new(403, "this URL has expired");
        }
        if method == "PUT" {
            if u64::try_from(body.len()).unwrap_or(u64::MAX) > signed.max_length {
                return MemoryAnswer::new(413, "the body is longer than this URL allows");
            }
            contents.objects.insert(signed.key, Arc::from(body));
            return MemoryAnswer::new(200, "");
        }
        match contents.objects.get(&signed.key) {
            Some(object) => MemoryAnswer {
                status: 200,
                headers: vec![
                    ("content-type", "application/octet-stream"),
                    ("content-disposition", "attachment"),
                ],
                body: object.to_vec(),
            },
            None => MemoryAnswer::new(404, "there is no such object"),
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sign(&self, signed: Signed) -> Result<PresignedUrl, BlobError> {
        self.faults.pass()?;
        let tag: [u8; 16] = self
            .entropy
            .bytes()
            .map_err(|error| BlobError::Backend(Box::new(error)))?;
        let url = format!(
            "memory://blobs/{}?method={}&expires={}&max-length={}&tag={}",
            signed.key,
            signed.method,
            signed.expires_at.as_micros(),
            signed.max_length,
            hexadecimal(&tag),
        );
        self.contents().signed.insert(url.clone(), signed);
        Ok(PresignedUrl::new(url))
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.sign(Signed {
            method: "PUT",
            key: key.clone(),
            expires_at: self.clock.now().plus(terms.expires_in),
            max_length: terms.max_length,
        })
    }

    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError> {
        self.sign(Signed {
            method: "GET",
            key: key.clone(),
            expires_at: self.clock.now().plus(terms.expires_in),
            max_length: 0,
        })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError> {
        self.faults.pass()?;
        let contents = self.contents();
        Ok(contents.objects.get(key).map(|object| info(object)))
    }

    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError> {
        self.faults.pass()?;
        let mut contents = self.contents();
        let before = contents.objects.len();
        contents.objects.retain(|key, _| !prefix.contains(key));
        Ok(u64::try_from(before - contents.objects.len()).unwrap_or(u64::MAX))
    }
}

#[async_trait]
impl ObjectCopy for MemoryBlobs {
    async fn copy(
        &self,
        from: &ObjectKey,
        to: &ObjectKey,
    ) -> Result<Option<ObjectInfo>, BlobError> {
        self.faults.pass()?;
        let mut contents = self.contents();
        let Some(object) = contents.objects.get(from).cloned() else {
            return Ok(None);
        };
        let copied = info(&object);
        contents.objects.insert(to.clone(), object);
        Ok(Some(copied))
    }
}

fn info(object: &[u8]) -> ObjectInfo {
    ObjectInfo {
        size: u64::try_from(object.len()).unwrap_or(u64::MAX),
        etag: Some(hexadecimal(&Sha256::digest(object))),
        version_id: None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
