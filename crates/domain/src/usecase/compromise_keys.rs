use super::stop_keys::stop;
use super::{CreateKeyPair, Stopped, Successor};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Serial};

/// Declares a key pair known to others: from then on it unwraps for rewrapping only, so downloads
/// of its documents are refused at once, in every process, until they are wrapped under another.
/// [`MarkExposed`](super::MarkExposed) then marks those documents.
#[derive(Clone, Debug)]
pub struct CompromiseKeys {
    /// Makes the successor of an active pair.
    pub create: CreateKeyPair,
}

impl CompromiseKeys {
    /// Declares it of a pair that is pre-active, active, deactivated or suspended; of an active one
    /// the successor takes over in the same step. There is no way back.
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
        let step = (KeyState::Compromised, AuditAction::KeyPairCompromised);
        stop(&self.create, context, serial, step, successor).await
    }
}
