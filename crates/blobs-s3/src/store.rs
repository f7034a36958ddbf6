use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Region;
use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix};
use crypt_keeper_domain::ports::{
    BlobError, BlobStore, Clock, GetTerms, ObjectInfo, PresignedUrl, PutTerms,
};
use tokio::runtime::Handle;

use crate::config::{S3Config, S3ConfigError};
use crate::copy::CopySizes;
use crate::error::{Call, Fault, S3Error};

/// A bucket of an S3 server.
///
/// A connection lives on the runtime that opened it, and stalls when that does. Calls to the store
/// are therefore made on one runtime, named at the start, whose threads are never blocked; which
/// runtime asks does not matter.
#[derive(Clone)]
pub struct S3Blobs {
    pub(crate) bucket: Arc<str>,
    pub(crate) region: Region,
    pub(crate) calls: Client,
    pub(crate) signs: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) copy_sizes: CopySizes,
    /// Amazon's own, and not one of its kin.
    pub(crate) is_amazon: bool,
    runtime: Handle,
}

impl S3Blobs {
    /// A bucket, by the AWS environment, profile and credential chain. Says nothing of whether it
    /// is there: see [`Probe::check`](crypt_keeper_domain::ports::Probe::check).
    ///
    /// # Errors
    /// [`S3ConfigError`].
    pub async fn connect(
        config: &S3Config,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, S3ConfigError> {
        let sdk = config.load().await;
        Self::connect_with(config, &sdk, clock, runtime)
    }

    /// A bucket, with the SDK's settings given: credentials from elsewhere, another HTTP client.
    ///
    /// # Errors
    /// [`S3ConfigError`].
    pub fn connect_with(
        config: &S3Config,
        sdk: &SdkConfig,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, S3ConfigError> {
        let clients = config.clients(sdk)?;
        Ok(Self {
            bucket: config.bucket.as_str().into(),
            region: clients.region,
            calls: clients.calls,
            signs: clients.signs,
            clock,
            copy_sizes: CopySizes::default(),
            is_amazon: clients.is_amazon,
            runtime,
        })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(crate) fn call(&self, name: &'static str) -> Call<'_> {
        Call {
            name,
            bucket: &self.bucket,
        }
    }

    /// Runs a call on the runtime of the connections.
    pub(crate) async fn on_runtime<T, F>(&self, work: F) -> Result<T, S3Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, S3Error>> + Send + 'static,
    {
        match self.runtime.spawn(work).await {
            Ok(done) => done,
            // The runtime is being shut down.
            Err(error) => Err(self
                .call("a call")
                .fault(Fault::Unreachable, Some(error.to_string()))),
        }
    }

    pub(crate) async fn head_object(&self, key: &str) -> Result<Option<ObjectInfo>, S3Error> {
        let sent = self
            .calls
            .head_object()
            .bucket(&*self.bucket)
            .key(key)
            .send()
            .await;
        let failed = match sent {
            Ok(found) => {
                let size = found.content_length().unwrap_or_default();
                return Ok(Some(ObjectInfo {
                    size: u64::try_from(size).unwrap_or_default(),
                    etag: found.e_tag().map(|tag| tag.trim_matches('"').to_owned()),
                    version_id: found
                        .version_id()
                        .filter(|version| *version != "null")
                        .map(str::to_owned),
                }));
            }
            Err(failed) => failed,
        };
        let is_missing = failed
            .as_service_error()
            .is_some_and(|error| error.is_not_found());
        if !is_missing {
            return Err(self.call("HeadObject").failed(&failed));
        }
        // An answer to HEAD has no body to say which of the two is missing.
        self.head_bucket().await?;
        Ok(None)
    }

    pub(crate) async fn head_bucket(&self) -> Result<(), S3Error> {
        match self.calls.head_bucket().bucket(&*self.bucket).send().await {
            Ok(_) => Ok(()),
            Err(failed)
                if failed
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found()) =>
            {
                Err(self.call("HeadBucket").fault(Fault::NoSuchBucket, None))
            }
            Err(failed) => Err(self.call("HeadBucket").failed(&failed)),
        }
    }
}

/// Presigned PUTs write as often as they are used until they expire, and are not held to a length:
/// both would take headers that the client had to send. Their expiry is also that of the
/// credentials that signed them.
#[async_trait]
impl BlobStore for S3Blobs {
    async fn presign_put(
        &self,
        key: &ObjectKey,
        terms: &PutTerms,
    ) -> Result<PresignedUrl, BlobError> {
        Ok(self.sign_put(key, terms.expires_in).await?)
    }

    async fn presign_get(
        &self,
        key: &ObjectKey,
        terms: &GetTerms,
    ) -> Result<PresignedUrl, BlobError> {
        Ok(self.sign_get(key, terms.expires_in).await?)
    }

    /// Without the right `s3:ListBucket`, Amazon answers 403 for an object that is not there; that
    /// is [`BlobError::Backend`] here, with the right named.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BlobError> {
        let (store, key) = (self.clone(), key.clone());
        let head = async move { store.head_object(key.as_str()).await };
        Ok(self.on_runtime(head).await?)
    }

    /// Uploads that are unfinished are found where the store can list them: MinIO forgets them when
    /// it is restarted, and drops them by itself after a day.
    async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<u64, BlobError> {
        let (store, prefix) = (self.clone(), prefix.clone());
        let delete = async move { store.delete_all(prefix.as_str()).await };
        Ok(self.on_runtime(delete).await?)
    }
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Blobs")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
