use std::fmt::Debug;

use async_trait::async_trait;

use super::BoxError;

/// Says whether a part of the service is ready: asked by readiness checks every few seconds, so
/// it must be cheap, and must answer within its own time limit.
#[async_trait]
pub trait Probe: Debug + Send + Sync + 'static {
    /// The part, as operators know it: `metadata`, `keys`, `blobs`.
    fn part(&self) -> &'static str;

    /// Looks once.
    ///
    /// # Errors
    /// [`ProbeError`] if it is not ready.
    async fn check(&self) -> Result<Condition, ProbeError>;
}

/// How a part is that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// As it should be.
    Good,
    /// It does its work, but not without end, or not all of it: why, in words an operator can act
    /// on; never a secret.
    Degraded(String),
}

/// Why a part is not ready.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProbeError {
    /// What is wrong, in words an operator can act on; never a secret.
    pub message: String,
    /// The error behind it, for the log.
    #[source]
    pub source: Option<BoxError>,
}
