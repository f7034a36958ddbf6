use super::stop_keys::stop;
use super::{CreateKeyPair, Stopped, Successor};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Serial};

/// Stops a key pair for now: it neither wraps nor unwraps until it is resumed. Downloads of its
/// documents are refused at once, in every process.
#[derive(Clone, Debug)]
pub struct SuspendKeys {
    /// Makes the successor of an active pair.
    pub create: CreateKeyPair,
}

impl SuspendKeys {
    /// Suspends a pair that is active or deactivated; of an active one the successor takes over in
    /// the same step.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`], [`Error::Conflict`] if it is changed
    /// faster than it is looked at, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        serial: Serial,
        successor: Successor,
    ) -> Result<Stopped, Error> {
        let step = (KeyState::Suspended, AuditAction::KeyPairSuspended);
        stop(&self.create, context, serial, step, successor).await
    }
}
