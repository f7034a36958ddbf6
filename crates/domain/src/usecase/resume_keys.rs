use std::sync::Arc;

use super::key_steps::{ATTEMPTS, KeyPairStep, Step, find, not_allowed, take};
use super::require;
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyState, Scopes, Serial};
use crate::ports::{Entropy, KeyRegistry, RegistryChange};

/// Puts a suspended key pair to use again.
#[derive(Clone, Debug)]
pub struct ResumeKeys {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// What a suspended pair is good for again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resumed {
    /// Unwrapping: its documents can be read again. A successor wraps.
    #[default]
    Deactivated,
    /// Wrapping, too.
    Active,
}

impl ResumeKeys {
    /// Resumes a suspended pair; harmless if it is what it should become.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`] if it is not suspended,
    /// [`Error::AnotherKeyPairIsActive`], [`Error::Conflict`] if it is changed faster than it is
    /// looked at, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        serial: Serial,
        resumed: Resumed,
    ) -> Result<KeyPairStep, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let next = match resumed {
            Resumed::Active => KeyState::Active,
            Resumed::Deactivated => KeyState::Deactivated,
        };
        for _ in 0..ATTEMPTS {
            let seen = find(&*self.registry, serial).await?;
            if seen.state == next {
                return Ok(KeyPairStep::already(seen));
            }
            // A pair that is active may become deactivated, but not by being resumed.
            let after = match seen.state {
                KeyState::Suspended => seen.become_state(next, context.at),
                _ => None,
            };
            let after = after.ok_or_else(|| not_allowed(&seen))?;
            let step = Step {
                seen: &seen,
                after: &after,
                action: AuditAction::KeyPairResumed,
            };
            match take(&*self.registry, &*self.entropy, context, &[step]).await? {
                RegistryChange::Changed => return Ok(KeyPairStep::done(after)),
                RegistryChange::AnotherIsActive => {
                    return Err(Error::AnotherKeyPairIsActive(seen.scope));
                }
                RegistryChange::Stale => {}
            }
        }
        Err(Error::Conflict)
    }
}
