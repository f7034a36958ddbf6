use super::key_steps::{Step, take};
use super::{CreateKeyPair, require};
use crate::Error;
use crate::model::{Algorithm, AuditAction, CallContext, KeyPair, KeyState, Scope, Scopes};
use crate::ports::RegistryChange;

/// Makes a new key pair the one that wraps new document keys of a scope. Documents wrapped under
/// the pair before it stay readable: it only unwraps from then on.
#[derive(Clone, Debug)]
pub struct RotateKeys {
    /// Makes the new pair.
    pub create: CreateKeyPair,
}

/// A rotation that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The pair that wraps from now on.
    pub active: KeyPair,
    /// The pair that did before, if there was one.
    pub deactivated: Option<KeyPair>,
}

impl RotateKeys {
    /// Rotates once, whether there was an active pair or not.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody else rotated at the same time: then his pair is active;
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        scope: Scope,
        algorithm: Algorithm,
    ) -> Result<Rotation, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        // Looked up before the slow making of a pair, so that of two rotators at once one loses.
        let old = self.create.registry.active_pair(&scope, algorithm).await?;
        let new = self.create.run(context, scope, algorithm).await?;
        self.activate(context, new, old).await
    }

    /// Rotates once, if `old` is still the active pair of its scope as it was seen.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn replace(&self, context: &CallContext, old: KeyPair) -> Result<Rotation, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let (scope, algorithm) = (old.scope.clone(), old.algorithm);
        let new = self.create.run(context, scope, algorithm).await?;
        self.activate(context, new, Some(old)).await
    }

    /// Makes the first pair of a scope, unless it has an active one; `None` if it has.
    ///
    /// # Errors
    /// As [`run`](Self::run), but somebody else's pair is as good: no conflict.
    pub async fn ensure_active(
        &self,
        context: &CallContext,
        scope: Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        if self
            .create
            .registry
            .active_pair(&scope, algorithm)
            .await?
            .is_some()
        {
            return Ok(None);
        }
        let new = self.create.run(context, scope, algorithm).await?;
        match self.activate(context, new, None).await {
            Ok(rotation) => Ok(Some(rotation.active)),
            Err(Error::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn activate(
        &self,
        context: &CallContext,
        new: KeyPair,
        old: Option<KeyPair>,
    ) -> Result<Rotation, Error> {
        let deactivated = match &old {
            Some(old) => Some(
                old.become_state(KeyState::Deactivated, context.at)
                    .ok_or(Error::Conflict)?,
            ),
            None => None,
        };
        let active = new
            .become_state(KeyState::Active, context.at)
            .ok_or(Error::Conflict)?;
        let mut steps = Vec::with_capacity(2);
        if let (Some(seen), Some(after)) = (&old, &deactivated) {
            steps.push(Step {
                seen,
                after,
                action: AuditAction::KeyPairChanged,
            });
        }
        steps.push(Step {
            seen: &new,
            after: &active,
            action: AuditAction::KeyPairActivated,
        });
        let (registry, entropy) = (&*self.create.registry, &*self.create.entropy);
        match take(registry, entropy, context, &steps).await? {
            RegistryChange::Changed => Ok(Rotation {
                active,
                deactivated,
            }),
            RegistryChange::Stale | RegistryChange::AnotherIsActive => {
                self.create.discard(context, &new).await;
                Err(Error::Conflict)
            }
        }
    }
}
