use std::sync::Arc;
use std::time::Duration;

use super::key_steps::{ATTEMPTS, KeyPairStep, Step, find, not_allowed, take};
use super::{CountDocuments, require};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyPair, KeyState, Scopes, Serial};
use crate::ports::{Entropy, KeyRegistry, RegistryChange};

/// Schedules the destruction of a key pair that no document needs any more. Until it is due it
/// neither wraps nor unwraps, and the destruction can be cancelled.
#[derive(Clone, Debug)]
pub struct ScheduleDestruction {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Counts the documents that need it.
    pub count: CountDocuments,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl ScheduleDestruction {
    /// Schedules it for `wait` from now: seven days at least, [`KeyPair::DESTROY_WAIT`] is usual.
    /// The documents are counted now, and again when it is destroyed.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`] unless it is deactivated, suspended or
    /// compromised, [`Error::KeyPairRests`] within 24 hours of its active service,
    /// [`Error::KeyPairNeeded`], [`Error::WaitTooShort`], [`Error::Conflict`] if it is changed
    /// faster than it is looked at, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        serial: Serial,
        wait: Duration,
    ) -> Result<KeyPairStep, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        if wait < KeyPair::MIN_DESTROY_WAIT {
            return Err(Error::WaitTooShort);
        }
        for _ in 0..ATTEMPTS {
            let seen = find(&*self.registry, serial).await?;
            if seen.state == KeyState::DestroyScheduled {
                return Ok(KeyPairStep::already(seen));
            }
            if !seen.state.may_become(KeyState::DestroyScheduled) {
                return Err(not_allowed(&seen));
            }
            if let Some(until) = seen.rests_until().filter(|until| context.at < *until) {
                return Err(Error::KeyPairRests { serial, until });
            }
            let after = seen
                .schedule_destruction(context.at, wait)
                .ok_or_else(|| not_allowed(&seen))?;
            let documents = self.count.of_pair(context, &seen).await?;
            if documents > 0 {
                return Err(Error::KeyPairNeeded { serial, documents });
            }
            let step = Step {
                seen: &seen,
                after: &after,
                action: AuditAction::DestructionScheduled,
            };
            match take(&*self.registry, &*self.entropy, context, &[step]).await? {
                RegistryChange::Changed => return Ok(KeyPairStep::done(after)),
                RegistryChange::Stale | RegistryChange::AnotherIsActive => {}
            }
        }
        Err(Error::Conflict)
    }
}
