//! A store of the service, opened as the service opens it.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{Accounts, Clock, MetadataStore, MetadataTransfer, Partitions};
use crypt_keeper_secret::SecretString;
use crypt_keeper_store_dynamodb::{DynamoDbConfig, DynamoDbStore};
use crypt_keeper_store_sql::{PostgresOptions, PostgresStore, SqliteStore};
use tokio::runtime::Handle;

use super::Result;

/// What every store of the service can do, and a measurement asks for.
pub(crate) trait Store: MetadataStore + MetadataTransfer + Partitions + Accounts {}

impl<S: MetadataStore + MetadataTransfer + Partitions + Accounts> Store for S {}

/// Opens a database, works with it, and closes it: `postgres://..`, `dynamodb:PREFIX@ENDPOINT`, or
/// the path of a SQLite file.
pub(crate) fn with_store<T, W>(database: &str, work: impl FnOnce(Arc<dyn Store>) -> W) -> Result<T>
where
    W: Future<Output = Result<T>>,
{
    // As the service has it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if let Some(place) = database.strip_prefix("dynamodb:") {
            let (prefix, endpoint) = place
                .split_once('@')
                .ok_or("dynamodb:PREFIX@ENDPOINT is needed")?;
            let config = DynamoDbConfig {
                region: None,
                endpoint: Some(endpoint.to_owned()),
                table_prefix: prefix.to_owned(),
            };
            let clock = Arc::new(RealClock);
            let store = DynamoDbStore::connect(&config, clock, Handle::current()).await?;
            work(Arc::new(store)).await
        } else if database.starts_with("postgres") {
            let options = PostgresOptions {
                url: SecretString::from(database.to_owned()),
                pool_size: 8,
                runtime: Handle::current(),
            };
            let store = PostgresStore::connect(options).await?;
            let done = work(Arc::new(store.clone())).await;
            store.shutdown().await;
            done
        } else {
            let store = SqliteStore::open(Path::new(database), Handle::current()).await?;
            let done = work(Arc::new(store.clone())).await;
            store.shutdown().await;
            done
        }
    })
}

#[derive(Debug)]
struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        // Before 1970 there were no documents.
        now().unwrap_or(Timestamp::EPOCH)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement on a real clock: the store compares it with its own"
)]
pub(crate) fn now() -> Result<Timestamp> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::EPOCH.plus(since_epoch))
}

pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    crypt_keeper_crypto::random_bytes(&mut bytes)?;
    Ok(bytes)
}
