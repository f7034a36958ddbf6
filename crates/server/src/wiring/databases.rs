//! The databases: which store, and where its private halves lie.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::PartitionGate;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{
    Accounts, AuditLog, HoldTransfer, Holds, KeyRegistry, MetadataStore, MetadataTransfer,
    Partitions, PrivateKeys, Probe, Sweeps,
};
pub use crypt_keeper_store_sql::{OpenError as DatabaseError, SchemaStatus};
use tokio::runtime::Handle;

use crate::clock::SystemClock;
use crate::config::{MetadataBackend, Role, Settings};
use crate::data_dir::DataDir;
use crate::error::StartError;

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
    /// Partitions of its catalogue whose tables it lacks, by the tables' names: what was in them can
    /// not be read.
    async fn lost_partitions(&self) -> Result<Vec<String>, DatabaseError> {
        Ok(Vec::new())
    }
    /// Answers what waits, and closes it.
    async fn shutdown(&self);
}

/// The databases, through the domain's ports and as databases.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Documents and their access lists, behind the gate that minds their partitions.
    pub store: Arc<dyn MetadataStore>,
    /// The time partitions of documents.
    pub partitions: Arc<dyn Partitions>,
    /// Documents that expire before their partition.
    pub sweeps: Arc<dyn Sweeps>,
    /// Legal holds.
    pub holds: Arc<dyn Holds>,
    /// Users and API keys.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Key pairs.
    pub registry: Arc<dyn KeyRegistry>,
    /// What moves rows as they are.
    pub transfer: Arc<dyn MetadataTransfer>,
    /// What moves legal holds as they are.
    pub hold_transfer: Arc<dyn HoldTransfer>,
    /// What moves the copies that they keep.
    pub held_transfer: Arc<dyn MetadataTransfer>,
    /// Sealed private halves; `None` where the role of the server keeps them out of reach.
    pub private_keys: Option<Arc<dyn PrivateKeys>>,
    /// Whether the metadata database is ready.
    pub probe: Arc<dyn Probe>,
    /// The metadata database and, if it is within reach, the key store.
    pub databases: Vec<Arc<dyn Database>>,
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
    /// [`StartError::NotCompiledIn`], [`StartError::NoDatabase`], [`StartError::File`],
    /// [`StartError::Part`].
    pub async fn open(
        settings: &Settings,
        missing: Missing,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        match &settings.metadata.backend {
            MetadataBackend::Sqlite => {
                let folder = DataDir::new(&settings.data_dir);
                if missing == Missing::Refuse {
                    let file = folder.metadata();
                    // A folder that may not be looked into does not lack it.
                    let exists = file.try_exists().map_err(StartError::file("open", &file))?;
                    if !exists {
                        return Err(StartError::NoDatabase(file));
                    }
                }
                folder.make()?;
                open_sqlite(&folder, runtime).await
            }
            MetadataBackend::Postgres(postgres) if settings.role == Role::Ingest => {
                open_postgres_for_ingest(postgres, runtime).await
            }
            MetadataBackend::Postgres(postgres) => {
                let keys = settings.keys.sealed_url.as_ref();
                open_postgres(postgres, keys, runtime).await
            }
            MetadataBackend::DynamoDb(dynamodb) => {
                let may_make = settings.role == Role::Full;
                let stores = open_dynamodb(dynamodb, may_make, runtime).await?;
                match &settings.keys.sealed_url {
                    Some(url) if settings.role == Role::Full => {
                        open_postgres_keys(stores, url, runtime).await
                    }
                    // The private halves are in Vault, or out of this server's reach.
                    _ => Ok(stores),
                }
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

/// A store that is every port of the metadata database at once, and its place of held documents. It
/// makes partitions on the spot if it may.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "dynamo"))]
fn metadata<S>(store: S, held: S, may_make: bool) -> Stores
where
    S: MetadataStore
        + Partitions
        + Sweeps
        + Holds
        + Accounts
        + AuditLog
        + KeyRegistry
        + MetadataTransfer
        + HoldTransfer
        + Probe
        + Database,
{
    let (store, held) = (Arc::new(store), Arc::new(held));
    let gate = PartitionGate::new(
        Arc::clone(&store) as _,
        Arc::clone(&held) as _,
        Arc::clone(&store) as _,
        Arc::new(SystemClock),
        may_make,
    );
    Stores {
        store: Arc::new(gate),
        partitions: Arc::clone(&store) as _,
        sweeps: Arc::clone(&store) as _,
        holds: Arc::clone(&store) as _,
        accounts: Arc::clone(&store) as _,
        audit: Arc::clone(&store) as _,
        registry: Arc::clone(&store) as _,
        transfer: Arc::clone(&store) as _,
        hold_transfer: Arc::clone(&store) as _,
        held_transfer: held,
        private_keys: None,
        probe: Arc::clone(&store) as _,
        databases: vec![store],
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Stores {
    fn with_keys<K: PrivateKeys + Database>(mut self, keys: K) -> Self {
        let keys = Arc::new(keys);
        self.private_keys = Some(Arc::clone(&keys) as _);
        self.databases.push(keys);
        self
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
macro_rules! database {
    ($type:ty, $name:literal, |$database:ident, $now:ident| $skew:expr $(, lost: $lost:expr)?) => {
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

            $(
                async fn lost_partitions(&self) -> Result<Vec<String>, DatabaseError> {
                    $lost(self).await
                }
            )?

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
    let store = store.map_err(StartError::part("metadata database"))?;
    let keys = keys.map_err(StartError::part("key store"))?;
    let held = store.held();
    Ok(metadata(store, held, true).with_keys(keys))
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
        feature: "sqlite",
    })
}

#[cfg(feature = "postgres")]
async fn open_postgres(
    postgres: &crate::config::Postgres,
    keys_url: Option<&crate::config::SecretUrl>,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    use crypt_keeper_store_sql::PostgresStore;
    let options = postgres_options(&postgres.url, postgres.pool_size, runtime);
    let store = PostgresStore::connect(options).await;
    let store = store.map_err(StartError::part("metadata database"))?;
    let held = store.held();
    let stores = metadata(store, held, true);
    open_postgres_keys(stores, keys_url.unwrap_or(&postgres.url), runtime).await
}

/// The key store beside a metadata database of any kind.
#[cfg(feature = "postgres")]
async fn open_postgres_keys(
    stores: Stores,
    url: &crate::config::SecretUrl,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    let options = postgres_options(url, KEY_STORE_POOL, runtime);
    let keys = crypt_keeper_store_sql::PostgresPrivateKeys::connect(options).await;
    Ok(stores.with_keys(keys.map_err(StartError::part("key store"))?))
}

#[cfg(not(feature = "postgres"))]
async fn open_postgres_keys(
    _stores: Stores,
    _url: &crate::config::SecretUrl,
    _runtime: &Handle,
) -> Result<Stores, StartError> {
    Err(StartError::NotCompiledIn {
        key: "keys.sealed.url",
        backend: "postgres://..",
        feature: "postgres",
    })
}

#[cfg(feature = "dynamo")]
async fn open_dynamodb(
    dynamodb: &crate::config::DynamoDb,
    may_make: bool,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    let store = super::dynamodb::open(dynamodb, runtime).await?;
    let held = store.held();
    Ok(metadata(store, held, may_make))
}

#[cfg(not(feature = "dynamo"))]
async fn open_dynamodb(
    _dynamodb: &crate::config::DynamoDb,
    _may_make: bool,
    _runtime: &Handle,
) -> Result<Stores, StartError> {
    Err(StartError::NotCompiledIn {
        key: "metadata.backend",
        backend: "dynamodb",
        feature: "dynamo",
    })
}

#[cfg(feature = "postgres")]
async fn open_postgres_for_ingest(
    postgres: &crate::config::Postgres,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    use crypt_keeper_store_sql::PostgresStore;
    let options = postgres_options(&postgres.url, postgres.pool_size, runtime);
    let store = PostgresStore::connect_for_ingest(options).await;
    let store = store.map_err(StartError::part("metadata database"))?;
    let held = store.held();
    Ok(metadata(store, held, false))
}

#[cfg(feature = "postgres")]
fn postgres_options(
    url: &crate::config::SecretUrl,
    pool_size: u16,
    runtime: &Handle,
) -> crypt_keeper_store_sql::PostgresOptions {
    crypt_keeper_store_sql::PostgresOptions {
        url: url.to_secret(),
        pool_size,
        runtime: runtime.clone(),
    }
}

/// Private halves are read once in ten minutes.
#[cfg(feature = "postgres")]
const KEY_STORE_POOL: u16 = 2;

#[cfg(feature = "postgres")]
database!(
    crypt_keeper_store_sql::PostgresStore,
    "metadata database",
    |database, now| database.clock_skew(now).await.map(Some),
    lost: crypt_keeper_store_sql::PostgresStore::lost_tables
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
        feature: "postgres",
    })
}

#[cfg(not(feature = "postgres"))]
async fn open_postgres_for_ingest(
    postgres: &crate::config::Postgres,
    runtime: &Handle,
) -> Result<Stores, StartError> {
    open_postgres(postgres, None, runtime).await
}
