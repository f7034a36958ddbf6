use std::sync::Arc;
use std::time::Duration;

use super::key_steps::{Step, not_allowed, take};
use super::{KeyPairStep, require};
use crate::Error;
use crate::model::{Algorithm, AuditAction, CallContext, KeyPair, KeyState, Scopes, Timestamp};
use crate::ports::{Entropy, KeyRegistry, RegistryChange};

/// Rotates out the active pair of an algorithm that is not configured any more, once a pair of the
/// configured one has taken over its scope.
#[derive(Clone, Debug)]
pub struct RetireKeys {
    /// Where pairs are entered.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where ids of audit entries are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl RetireKeys {
    /// How long the successor must have been active: until then an instance that still has the
    /// configuration of before may need the old pair.
    pub const AFTER: Duration = Duration::from_secs(24 * 60 * 60);

    /// Deactivates `pair`, as it was seen, if its scope has an active pair of `algorithm` that is
    /// old enough. It changes nothing otherwise.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody has changed the pair meanwhile; [`Error::KeyPairState`] if it
    /// is not active; [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        pair: KeyPair,
        algorithm: Algorithm,
    ) -> Result<KeyPairStep, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let successor = self.registry.active_pair(&pair.scope, algorithm).await?;
        let moment = context.at.minus(Self::AFTER);
        let has_taken_over = |since: Timestamp| since <= moment;
        let since = successor.and_then(|successor| successor.activated_at);
        if pair.algorithm == algorithm || !since.is_some_and(has_taken_over) {
            return Ok(KeyPairStep::already(pair));
        }
        let retired = pair.become_state(KeyState::Deactivated, context.at);
        let retired = retired.ok_or_else(|| not_allowed(&pair))?;
        let step = Step {
            seen: &pair,
            after: &retired,
            action: AuditAction::KeyPairChanged,
        };
        match take(&*self.registry, &*self.entropy, context, &[step]).await? {
            RegistryChange::Changed => Ok(KeyPairStep::done(retired)),
            RegistryChange::Stale | RegistryChange::AnotherIsActive => Err(Error::Conflict),
        }
    }
}
