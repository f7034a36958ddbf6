//! What a readiness check says of a database.

use crypt_keeper_domain::ports::{Condition, ProbeError};

use crate::error::OpenError;
use crate::migrate::SchemaStatus;

/// Ready is a database that answers and has the tables that this program needs.
pub(crate) fn judge(status: Result<SchemaStatus, OpenError>) -> Result<Condition, ProbeError> {
    match status.and_then(SchemaStatus::into_pending) {
        Ok(pending) if pending.is_empty() => Ok(Condition::Good),
        Ok(pending) => Err(ProbeError {
            message: format!(
                "the database lacks {} migrations: run `crypt-keeper migrate`",
                pending.len()
            ),
            source: None,
        }),
        Err(error) => Err(ProbeError {
            message: error.to_string(),
            source: Some(Box::new(error)),
        }),
    }
}
