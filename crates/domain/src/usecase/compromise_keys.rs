use std::sync::Arc;

use super::stop_keys::Stop;
use super::{CreateKeyPair, Stopped};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Serial};
use crate::ports::{Entropy, KeyRegistry};

/// Declares a key pair known to others: from then on it unwraps for rewrapping only, so downloads
/// of its documents are refused at once, in every process, until they are wrapped under another.
/// [`MarkExposed`](super::MarkExposed) then marks those documents.
#[derive(Clone, Debug)]
pub struct CompromiseKeys {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// Makes the successor of an active pair: if none can be made, nothing is stopped. `None`: no
    /// successor, and uploads in the scope stop until somebody rotates.
    pub successor: Option<CreateKeyPair>,
}

impl CompromiseKeys {
    /// Declares it of a pair that is pre-active, active, deactivated or suspended; of an active one
    /// the successor takes over in the same step. There is no way back.
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
            KeyState::Compromised,
            AuditAction::KeyPairCompromised,
        )
        .await
    }
}
