use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError};

use crate::schema::SchemaStatus;
use crate::store::DynamoDbStore;

/// How long a readiness check waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the tables that this program needs are there.
#[async_trait]
impl Probe for DynamoDbStore {
    fn part(&self) -> &'static str {
        "metadata"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let Ok(status) = tokio::time::timeout(PATIENCE, self.schema_status()).await else {
            return Err(not_ready(format!(
                "DynamoDB has not answered within {} s",
                PATIENCE.as_secs()
            )));
        };
        match status {
            Ok(SchemaStatus::UpToDate) => Ok(Condition::Good),
            Ok(SchemaStatus::NeedsMigration(missing)) => Err(not_ready(format!(
                "DynamoDB lacks {} tables: run `crypt-keeper migrate`",
                missing.len()
            ))),
            Ok(SchemaStatus::Newer { found, known }) => Err(not_ready(format!(
                "the tables are of schema version {found}, and this program knows {known}"
            ))),
            Err(error) => Err(ProbeError {
                message: error.to_string(),
                source: Some(Box::new(error)),
            }),
        }
    }
}

fn not_ready(message: String) -> ProbeError {
    ProbeError {
        message,
        source: None,
    }
}
