//! The metadata database on DynamoDB; private halves lie in a store of their own beside it.

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_store_dynamodb::{
    DynamoDbConfig, DynamoDbStore, OpenError, SchemaStatus as TablesStatus,
};
use tokio::runtime::Handle;

use super::databases::{Database, DatabaseError, SchemaStatus};
use crate::clock::SystemClock;
use crate::config::DynamoDb;
use crate::error::StartError;

/// Opens the store. Nothing is asked of DynamoDB yet.
pub(super) async fn open(
    dynamodb: &DynamoDb,
    runtime: &Handle,
) -> Result<DynamoDbStore, StartError> {
    let config = DynamoDbConfig {
        region: dynamodb.region.clone(),
        endpoint: dynamodb.endpoint.clone(),
        table_prefix: dynamodb.table_prefix.clone(),
    };
    let store = DynamoDbStore::connect(&config, Arc::new(SystemClock), runtime.clone()).await;
    let store = store.map(DynamoDbStore::by_the_dates_of_answers);
    store.map_err(StartError::part("metadata database"))
}

/// Its tables are what migrations are elsewhere.
#[async_trait]
impl Database for DynamoDbStore {
    fn name(&self) -> &'static str {
        "metadata database"
    }

    async fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        Self::migrate(self).await.map_err(database_error)
    }

    async fn schema_status(&self) -> Result<SchemaStatus, DatabaseError> {
        let status = Self::schema_status(self).await.map_err(database_error)?;
        Ok(match status {
            TablesStatus::UpToDate => SchemaStatus::UpToDate,
            TablesStatus::NeedsMigration(tables) => SchemaStatus::NeedsMigration(tables),
            TablesStatus::Newer { found, .. } => SchemaStatus::Newer {
                version: found.to_string(),
            },
        })
    }

    async fn clock_skew(&self, _now: Timestamp) -> Result<Option<i64>, DatabaseError> {
        Self::clock_skew(self).await.map_err(database_error)
    }

    async fn lost_partitions(&self) -> Result<Vec<String>, DatabaseError> {
        Ok(self.lost_tables().await?)
    }

    /// Acts run to their end on the runtime; connections close with it.
    async fn shutdown(&self) {}
}

fn database_error(error: OpenError) -> DatabaseError {
    match error {
        OpenError::Settings(error) => DatabaseError::Settings(error.to_string()),
        OpenError::ForeignTable { .. } => DatabaseError::Settings(error.to_string()),
        OpenError::Newer { found, .. } => DatabaseError::Newer {
            version: found.to_string(),
        },
        OpenError::Unavailable(error) => DatabaseError::Unavailable(Box::new(error)),
        OpenError::Corrupt(error) => DatabaseError::Backend(Box::new(error)),
        OpenError::Failed(error) => DatabaseError::Backend(Box::new(error)),
    }
}
