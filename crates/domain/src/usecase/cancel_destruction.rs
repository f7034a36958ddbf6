use std::sync::Arc;

use super::key_steps::{ATTEMPTS, KeyPairStep, Step, find, not_allowed, take};
use super::require;
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Scopes, Serial};
use crate::ports::{Entropy, KeyRegistry, RegistryChange};

/// Calls a scheduled destruction off.
#[derive(Clone, Debug)]
pub struct CancelDestruction {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl CancelDestruction {
    /// Returns the pair to the state that it was in before; harmless to repeat.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`] if no destruction is scheduled,
    /// [`Error::DestructionHasBegun`], [`Error::Conflict`] if it is changed faster than it is
    /// looked at, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, serial: Serial) -> Result<KeyPairStep, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        for _ in 0..ATTEMPTS {
            let seen = find(&*self.registry, serial).await?;
            match seen.state {
                KeyState::DestroyScheduled => {}
                KeyState::Deactivated | KeyState::Suspended | KeyState::Compromised => {
                    return Ok(KeyPairStep::already(seen));
                }
                KeyState::PreActive | KeyState::Active | KeyState::Destroyed => {
                    return Err(not_allowed(&seen));
                }
            }
            let former = seen
                .former_state
                .ok_or(Error::DestructionHasBegun(serial))?;
            let after = seen
                .become_state(former, context.at)
                .ok_or_else(|| not_allowed(&seen))?;
            let step = Step {
                seen: &seen,
                after: &after,
                action: AuditAction::DestructionCancelled,
            };
            match take(&*self.registry, &*self.entropy, context, &[step]).await? {
                RegistryChange::Changed => return Ok(KeyPairStep::done(after)),
                RegistryChange::Stale | RegistryChange::AnotherIsActive => {}
            }
        }
        Err(Error::Conflict)
    }
}
