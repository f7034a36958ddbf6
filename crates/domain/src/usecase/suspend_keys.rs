use std::sync::Arc;

use super::stop_keys::Stop;
use super::{CreateKeyPair, Stopped};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Serial};
use crate::ports::{Entropy, KeyRegistry};

/// Stops a key pair for now: it neither wraps nor unwraps until it is resumed. Downloads of its
/// documents are refused at once, in every process.
#[derive(Clone, Debug)]
pub struct SuspendKeys {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// Makes the successor of an active pair: if none can be made, nothing is stopped. `None`: no
    /// successor, and uploads in the scope stop until somebody rotates.
    pub successor: Option<CreateKeyPair>,
}

impl SuspendKeys {
    /// Suspends a pair that is active or deactivated; of an active one the successor takes over in
    /// the same step.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`], [`Error::Conflict`] if it is changed
    /// faster than it is looked at, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, serial: Serial) -> Result<Stopped, Error> {
        let stop = Stop {
            registry: &*self.registry,
            entropy: &*self.entropy,
            successor: self.successor.as_ref(),
        };
        stop.run(
            context,
            serial,
            KeyState::Suspended,
            AuditAction::KeyPairSuspended,
        )
        .await
    }
}
