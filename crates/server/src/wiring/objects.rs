//! Where objects lie: a local folder, or a bucket.

use std::sync::Arc;

use crypt_keeper_blobs_local::{LocalBlobs, LocalBlobsConfig, UrlKeys};
use crypt_keeper_crypto::{MasterKeyRing, Purpose};
use crypt_keeper_domain::ports::{BlobStore, BucketRules, Clock, ObjectCopy, Probe};
use tokio::runtime::Handle;

use crate::config::{BlobsBackend, PublicUrl, Settings};
use crate::data_dir::DataDir;
use crate::error::{Chain, StartError};
use crate::wiring::MasterKeys;

/// The buckets of S3, for the commands that set them up and examine them.
#[cfg(feature = "s3")]
pub type S3 = crypt_keeper_blobs_s3::S3Blobs;

/// Where objects lie.
#[derive(Clone, Debug)]
pub struct Objects {
    /// What signs URLs to them.
    pub blobs: Arc<dyn BlobStore>,
    /// What copies them, for legal holds.
    pub copies: Arc<dyn ObjectCopy>,
    /// Whether the store is ready; `None` if the credentials may not ask.
    pub probe: Option<Arc<dyn Probe>>,
    /// The local folder, if it is one: the service itself serves its URLs.
    pub local: Option<Arc<LocalBlobs>>,
    /// The bucket, if it is one.
    #[cfg(feature = "s3")]
    pub s3: Option<Arc<S3>>,
}

impl Objects {
    /// Makes the bucket if it is not there; whether it was made. `None` if none is needed.
    ///
    /// # Errors
    /// [`StartError::Part`].
    pub async fn ensure_bucket(&self) -> Result<Option<bool>, StartError> {
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.s3 {
            let setup = s3.ensure_bucket().await;
            let setup = setup.map_err(StartError::part("object store"))?;
            return Ok(Some(setup == crypt_keeper_blobs_s3::BucketSetup::Made));
        }
        Ok(None)
    }

    /// Whether the bucket is there; `None` if none is needed.
    ///
    /// # Errors
    /// [`StartError::Part`].
    pub async fn has_bucket(&self) -> Result<Option<bool>, StartError> {
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.s3 {
            return match s3.look().await {
                Ok(()) => Ok(Some(true)),
                Err(error) if error.fault() == crypt_keeper_blobs_s3::Fault::NoSuchBucket => {
                    Ok(Some(false))
                }
                Err(error) => Err(StartError::part("object store")(error)),
            };
        }
        Ok(None)
    }

    /// The bucket's own rules; `None` if objects lie in none.
    #[must_use]
    pub fn bucket_rules(&self) -> Option<Arc<dyn BucketRules>> {
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.s3 {
            return Some(Arc::clone(s3) as _);
        }
        None
    }

    /// Refuses a bucket that is not there, or not open to the credentials. A store that is away at
    /// this moment is no reason not to start: readiness says so until it is back.
    ///
    /// # Errors
    /// [`StartError::Part`].
    pub async fn require_bucket(&self) -> Result<(), StartError> {
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.s3 {
            match s3.look().await {
                Err(error) if !error.fault().may_pass() => {
                    return Err(StartError::part("object store")(error));
                }
                Err(error) => tracing::warn!(%error, "the object store is away"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Milliseconds that the store's clock is ahead of this machine's; `None` if it has no clock
    /// of its own, or does not tell.
    ///
    /// # Errors
    /// [`StartError::Part`].
    pub async fn clock_skew(&self) -> Result<Option<i64>, StartError> {
        #[cfg(feature = "s3")]
        if let Some(s3) = &self.s3 {
            let skew = s3.clock_skew().await;
            let skew = skew.map_err(StartError::part("object store"))?;
            return Ok(skew.map(|skew| {
                let by = i64::try_from(skew.by.as_millis()).unwrap_or(i64::MAX);
                if skew.store_is_ahead { by } else { -by }
            }));
        }
        Ok(None)
    }
}

/// Opens the object store. `public_url` is where clients reach this service; the master keys sign
/// where the service serves objects itself.
///
/// # Errors
/// [`StartError::NotCompiledIn`], [`StartError::NoMasterKey`], [`StartError::Part`].
pub async fn open_blobs(
    settings: &Settings,
    public_url: &PublicUrl,
    master_keys: Option<&MasterKeys>,
    clock: Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Objects, StartError> {
    match &settings.blobs.backend {
        BlobsBackend::Local => {
            let master_keys = master_keys.ok_or(StartError::NoMasterKey)?;
            let folder = DataDir::new(&settings.data_dir);
            folder.make()?;
            let config = LocalBlobsConfig {
                folder: folder.blobs(),
                public_url: public_url.as_str().to_owned(),
            };
            let keys = url_keys(&master_keys.current())?;
            let opened = LocalBlobs::open(&config, keys, clock);
            let local = Arc::new(opened.map_err(StartError::part("folder of objects"))?);
            follow(master_keys, &local);
            Ok(Objects {
                blobs: Arc::clone(&local) as _,
                copies: Arc::clone(&local) as _,
                probe: Some(Arc::clone(&local) as _),
                local: Some(local),
                #[cfg(feature = "s3")]
                s3: None,
            })
        }
        BlobsBackend::S3(s3) => open_s3(s3, clock, runtime).await,
    }
}

/// Opens the object store for a server whose credentials may put objects and do nothing else. It
/// signs URLs without a word to the store, so nothing is asked of it.
///
/// # Errors
/// [`StartError::NotCompiledIn`], [`StartError::IngestRole`], [`StartError::Part`].
pub async fn open_blobs_for_ingest(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Objects, StartError> {
    match &settings.blobs.backend {
        BlobsBackend::Local => Err(StartError::IngestRole),
        BlobsBackend::S3(s3) => Ok(Objects {
            probe: None,
            ..open_s3(s3, clock, runtime).await?
        }),
    }
}

/// Signs and judges by the master keys in force, whichever these are.
fn follow(master_keys: &MasterKeys, local: &Arc<LocalBlobs>) {
    let local = Arc::clone(local);
    master_keys.on_change(move |ring| match url_keys(ring) {
        Ok(keys) => local.replace_keys(keys),
        Err(error) => tracing::error!(
            error = %Chain(&error),
            "URLs are still signed by the master key of before"
        ),
    });
}

/// The first key of the ring signs, all verify: a change of master key spares URLs that are out.
fn url_keys(ring: &MasterKeyRing) -> Result<UrlKeys, StartError> {
    let failed = "folder of objects";
    let subkeys: Result<Vec<_>, _> = ring
        .keys()
        .map(|key| key.subkey(Purpose::BlobUrl))
        .collect();
    let subkeys = subkeys.map_err(StartError::part(failed))?;
    let (first, others) = subkeys.split_first().ok_or(StartError::NoMasterKey)?;
    UrlKeys::new(first, others).map_err(StartError::part(failed))
}

#[cfg(feature = "s3")]
async fn open_s3(
    s3: &crate::config::S3,
    clock: Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Objects, StartError> {
    let config = crypt_keeper_blobs_s3::S3Config {
        bucket: s3.bucket.clone(),
        region: s3.region.clone(),
        endpoint: s3.endpoint.clone(),
        public_endpoint: s3.public_endpoint.clone(),
        path_style: s3.path_style,
    };
    let opened = S3::connect(&config, clock, runtime.clone()).await;
    let opened = Arc::new(opened.map_err(StartError::part("object store"))?);
    Ok(Objects {
        blobs: Arc::clone(&opened) as _,
        copies: Arc::clone(&opened) as _,
        probe: Some(Arc::clone(&opened) as _),
        local: None,
        s3: Some(opened),
    })
}

#[cfg(not(feature = "s3"))]
async fn open_s3(
    _s3: &crate::config::S3,
    _clock: Arc<dyn Clock>,
    _runtime: &Handle,
) -> Result<Objects, StartError> {
    Err(StartError::NotCompiledIn {
        key: "blobs.backend",
        backend: "s3",
        feature: "s3",
    })
}
