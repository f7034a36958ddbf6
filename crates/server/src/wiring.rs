//! The only file that names adapters, and the only one with `cfg(feature)`.
//!
//! Commands take what they need and no more: [`Stores`] needs no master key, [`open_vault`] needs
//! one, [`open_blobs`] needs one where the service signs URLs itself.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_blobs_local::{LocalBlobsConfig, UrlKeys};
use crypt_keeper_crypto::{MasterKeyRing, Purpose};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{
    Accounts, AuditLog, BlobStore, Clock, Entropy, KeyRegistry, MetadataStore, PrivateKeys, Probe,
};
use crypt_keeper_keys_sealed::SealedVaultConfig;
use crypt_keeper_keys_sealed::master_key::{
    MasterKeyCommand, make_master_key_file, read_master_key_file,
};
pub use crypt_keeper_keys_sealed::{PairInspection, SealedVault};
pub use crypt_keeper_store_sql::{OpenError as DatabaseError, SchemaStatus};
use tokio::runtime::Handle;

use crate::config::{BlobsBackend, KeysBackend, MasterKey, MetadataBackend, PublicUrl, Settings};
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::ports::Ports;
use local_objects::LocalBlobs;

/// The HTTP face of the local folder, for the route that serves its signed URLs.
pub mod local_objects {
    pub use crypt_keeper_blobs_local::{
        GET_HEADERS, GetPermit, LocalBlobs, PATH_PREFIX, Permit, PutError, PutPermit,
        RequestedRange, UrlRefused, requested_range,
    };
}

/// The buckets of S3, for the commands that set them up and examine them.
#[cfg(feature = "s3")]
pub type S3 = crypt_keeper_blobs_s3::S3Blobs;

/// How long the master key command may take.
const MASTER_KEY_PATIENCE: Duration = Duration::from_secs(30);

/// What operators ask of a database, beyond the domain's ports.
#[async_trait]
pub trait Database: Debug + Send + Sync {
    /// Which one: `metadata database` or `key store`.
    fn name(&self) -> &'static str;
    /// Applies the migrations that are missing, all or none, and gives their names.
    async fn migrate(&self) -> Result<Vec<String>, DatabaseError>;
    /// How its tables compare with what this program needs.
    async fn schema_status(&self) -> Result<SchemaStatus, DatabaseError>;
    /// Milliseconds that its clock is ahead of `now`; `None` if it has no clock of its own.
    async fn clock_skew(&self, now: Timestamp) -> Result<Option<i64>, DatabaseError>;
    /// Answers what waits, and closes it.
    async fn shutdown(&self);
}

/// The databases, through the domain's ports and as databases.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Documents and their access lists.
    pub store: Arc<dyn MetadataStore>,
    /// Users and API keys.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Key pairs.
    pub registry: Arc<dyn KeyRegistry>,
    /// Sealed private halves.
    pub private_keys: Arc<dyn PrivateKeys>,
    /// Whether the metadata database is ready.
    pub probe: Arc<dyn Probe>,
    /// The metadata database and the key store, in this order.
    pub databases: [Arc<dyn Database>; 2],
}

/// Whether a database that is not there may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made.
    Make,
    /// It is an error: the command is for a service that was set up.
    Refuse,
}

impl Stores {
    /// Opens the databases that are configured. Their tables are neither looked at nor changed.
    ///
    /// # Errors
    /// [`StartError::NotCompiledIn`], [`StartError::NoDatabase`], [`StartError::Part`].
    pub async fn open(
        settings: &Settings,
        missing: Missing,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        match &settings.metadata.backend {
            MetadataBackend::Sqlite => {
                let folder = DataDir::new(&settings.data_dir);
                if missing == Missing::Refuse && !folder.metadata().exists() {
                    return Err(StartError::NoDatabase(folder.metadata()));
                }
                folder.make()?;
                open_sqlite(&folder, runtime).await
            }
            MetadataBackend::Postgres(postgres) => {
                let keys = settings.keys.sealed_url.as_ref();
                open_postgres(postgres, keys, runtime).await
            }
        }
    }

    /// Brings the tables up to date if `migrate`, and gives what was applied to which database;
    /// else refuses tables that are not.
    ///
    /// # Errors
    /// [`StartError::Outdated`], [`StartError::Part`] (a database of a newer version, too).
    pub async fn ready_schema(&self, migrate: bool) -> Result<Vec<Applied>, StartError> {
        let mut all = Vec::new();
        for database in &self.databases {
            let part = database.name();
            if migrate {
                let migrations = database.migrate().await.map_err(StartError::part(part))?;
                if !migrations.is_empty() {
                    all.push(Applied { part, migrations });
                }
                continue;
            }
            let status = database.schema_status().await;
            match status.map_err(StartError::part(part))? {
                SchemaStatus::UpToDate => {}
                SchemaStatus::NeedsMigration(pending) => {
                    return Err(StartError::Outdated { part, pending });
                }
                SchemaStatus::Newer { version } => {
                    let error = DatabaseError::Newer { version };
                    return Err(StartError::part(part)(error));
                }
            }
        }
        Ok(all)
    }

    /// Answers what waits, and closes the databases.
    pub async fn shutdown(&self) {
        for database in &self.databases {
            database.shutdown().await;
        }
    }
}

/// Migrations that were applied to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which database.
    pub part: &'static str,
    /// The names of the migrations.
    pub migrations: Vec<String>,
}

/// Reads the master key from where it is configured; in the embedded default, from the data folder.
///
/// # Errors
/// [`StartError::NoMasterKey`], [`StartError::Part`].
pub async fn read_master_key(settings: &Settings) -> Result<MasterKeyRing, StartError> {
    let failed = StartError::part("master key");
    match &settings.keys.master_key {
        Some(MasterKey::File(path)) => read_master_key_file(path).map_err(failed),
        Some(MasterKey::Command(line)) => {
            let command = MasterKeyCommand::parse(line).map_err(StartError::part("master key"))?;
            command.run(MASTER_KEY_PATIENCE).await.map_err(failed)
        }
        None if settings.is_embedded() => {
            let path = DataDir::new(&settings.data_dir).master_key();
            if !path.exists() {
                return Err(StartError::LostMasterKey(path));
            }
            read_master_key_file(&path).map_err(failed)
        }
        None => Err(StartError::NoMasterKey),
    }
}

/// Makes a file with a new master key, mode 0600; never overwrites one.
///
/// # Errors
/// [`StartError::Part`].
pub fn make_master_key(path: &Path) -> Result<MasterKeyRing, StartError> {
    make_master_key_file(path).map_err(StartError::part("master key"))
}

/// The vault over the key store and the registry.
///
/// # Errors
/// [`StartError::System`] if there are no threads to be had.
pub fn open_vault(
    settings: &Settings,
    stores: &Stores,
    ring: &MasterKeyRing,
) -> Result<Arc<SealedVault>, StartError> {
    match settings.keys.backend {
        KeysBackend::Sealed => {
            let vault = SealedVault::new(
                Arc::clone(&stores.registry),
                Arc::clone(&stores.private_keys),
                ring.clone(),
                SealedVaultConfig {
                    algorithm: settings.keys.algorithm,
                    ..SealedVaultConfig::default()
                },
            )?;
            Ok(Arc::new(vault))
        }
    }
}

/// Refuses a master key that opens none of the private halves there are.
///
/// # Errors
/// [`StartError::WrongMasterKey`], [`StartError::Part`].
pub async fn check_master_key(vault: &SealedVault) -> Result<(), StartError> {
    let inspected = vault.inspect_pairs().await;
    let inspected = inspected.map_err(StartError::part("key store"))?;
    let faults: Vec<_> = inspected
        .iter()
        .filter_map(PairInspection::fault_in_words)
        .collect();
    match faults.first() {
        Some(words) if faults.len() == inspected.len() => {
            Err(StartError::WrongMasterKey(words.clone()))
        }
        Some(words) => {
            tracing::error!(
                faulty = faults.len(),
                of = inspected.len(),
                first = words,
                "private halves do not open: run `crypt-keeper doctor`"
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// Where objects lie.
#[derive(Clone, Debug)]
pub struct Objects {
    /// What signs URLs to them.
    pub blobs: Arc<dyn BlobStore>,
    /// Whether the store is ready.
    pub probe: Arc<dyn Probe>,
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

/// Opens the object store. `public_url` is where clients reach this service.
///
/// # Errors
/// [`StartError::NotCompiledIn`], [`StartError::Part`].
pub async fn open_blobs(
    settings: &Settings,
    public_url: &PublicUrl,
    ring: &MasterKeyRing,
    clock: Arc<dyn Clock>,
    runtime: &Handle,
) -> Result<Objects, StartError> {
    match &settings.blobs.backend {
        BlobsBackend::Local => {
            let folder = DataDir::new(&settings.data_dir);
            folder.make()?;
            let config = LocalBlobsConfig {
                folder: folder.blobs(),
                public_url: public_url.as_str().to_owned(),
            };
            let keys = url_keys(ring)?;
            let opened = LocalBlobs::open(&config, keys, clock);
            let local = Arc::new(opened.map_err(StartError::part("folder of objects"))?);
            Ok(Objects {
                blobs: Arc::clone(&local) as _,
                probe: Arc::clone(&local) as _,
                local: Some(local),
                #[cfg(feature = "s3")]
                s3: None,
            })
        }
        BlobsBackend::S3(s3) => open_s3(s3, clock, runtime).await,
    }
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

/// All ports of the service.
#[must_use]
pub fn ports(
    stores: &Stores,
    vault: &Arc<SealedVault>,
    objects: &Objects,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Ports {
    Ports {
        store: Arc::clone(&stores.store),
        accounts: Arc::clone(&stores.accounts),
        audit: Arc::clone(&stores.audit),
        registry: Arc::clone(&stores.registry),
        vault: Arc::clone(vault) as _,
        blobs: Arc::clone(&objects.blobs),
        probes: vec![
            Arc::clone(&stores.probe),
            Arc::clone(vault) as _,
            Arc::clone(&objects.probe),
        ],
        clock,
        entropy,
    }
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
        probe: Arc::clone(&opened) as _,
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
    })
}

/// A store that is every port of the metadata database at once.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn stores<S, K>(store: S, keys: K) -> Stores
where
    S: MetadataStore + Accounts + AuditLog + KeyRegistry + Probe + Database,
    K: PrivateKeys + Database,
{
    let store = Arc::new(store);
    let keys = Arc::new(keys);
    Stores {
        store: Arc::clone(&store) as _,
        accounts: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        registry: Arc::clone(&store) as _,
        private_keys: Arc::clone(&keys) as _,
        probe: Arc::clone(&store) as _,
        databases: [store, keys],
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! database {
    ($type:ty, $name:literal, |$database:ident, $now:ident| $skew:expr) => {
        #[async_trait]
        impl Database for $type {
            fn name(&self) -> &'static str {
                $name
            }

            async fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
                <$type>::migrate(self).await
            }

            async fn schema_status(&self) -> Result<SchemaStatus, DatabaseError> {
                <$type>::schema_status(self).await
            }

            async fn clock_skew(&self, $now: Timestamp) -> Result<Option<i64>, DatabaseError> {
                let $database = self;
                $skew
            }

            async fn shutdown(&self) {
                <$type>::shutdown(self).await;
            }
        }
    };
}

#[cfg(feature = "sqlite")]
async fn open_sqlite(folder: &DataDir, runtime: &Handle) -> Result<Stores, StartError> {
    use crypt_keeper_store_sql::{SqlitePrivateKeys, SqliteStore};
    let store = SqliteStore::open(&folder.metadata(), runtime.clone()).await;
    let keys = SqlitePrivateKeys::open(&folder.keys(), runtime.clone()).await;
    Ok(stores(
        store.map_err(StartError::part("metadata database"))?,
        keys.map_err(StartError::part("key store"))?,
    ))
}

#[cfg(feature = "sqlite")]
database!(
    crypt_keeper_store_sql::SqliteStore,
    "metadata database",
    |database, now| database.clock_skew(now).await.map(Some)
);

#[cfg(feature = "sqlite")]
database!(
    crypt_keeper_store_sql::SqlitePrivateKeys,
    "key store",
    |_database, _now| Ok(None)
);

#[cfg(not(feature = "sqlite"))]
async fn open_sqlite(_folder: &DataDir, _runtime: &Handle) -> Result<Stores, StartError> {
    Err(StartError::NotCompiledIn {
        key: "metadata.backend",
        backend: "sqlite",
    })
}

#[cfg(feature = "postgres")]
async fn open_postgres(
    postgres: &crate::config::Postgres,
    keys_url: Option<&crate::config::SecretUrl>,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    use crypt_keeper_store_sql::{PostgresOptions, PostgresPrivateKeys, PostgresStore};
    let options = |url: &crate::config::SecretUrl, pool_size| PostgresOptions {
        url: url.to_secret(),
        pool_size,
        runtime: runtime.clone(),
    };
    let store = PostgresStore::connect(options(&postgres.url, postgres.pool_size)).await;
    let store = store.map_err(StartError::part("metadata database"))?;
    let keys_options = options(keys_url.unwrap_or(&postgres.url), KEY_STORE_POOL);
    let keys = PostgresPrivateKeys::connect(keys_options).await;
    Ok(stores(store, keys.map_err(StartError::part("key store"))?))
}

/// Private halves are read once in ten minutes.
#[cfg(feature = "postgres")]
const KEY_STORE_POOL: u16 = 2;

#[cfg(feature = "postgres")]
database!(
    crypt_keeper_store_sql::PostgresStore,
    "metadata database",
    |database, now| database.clock_skew(now).await.map(Some)
);

#[cfg(feature = "postgres")]
database!(
    crypt_keeper_store_sql::PostgresPrivateKeys,
    "key store",
    |_database, _now| Ok(None)
);

#[cfg(not(feature = "postgres"))]
async fn open_postgres(
    _postgres: &crate::config::Postgres,
    _keys: Option<&crate::config::SecretUrl>,
    _runtime: &Handle,
) -> Result<Stores, StartError> {
    Err(StartError::NotCompiledIn {
        key: "metadata.backend",
        backend: "postgres",
    })
}
