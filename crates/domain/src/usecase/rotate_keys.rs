use super::{CreateKeyPair, require};
use crate::Error;
use crate::model::{
    Algorithm, AuditAction, AuditEntry, CallContext, KeyPair, KeyPairChange, KeyState, Record,
    Scope, Scopes,
};
use crate::ports::{EntropyExt, RegistryChange};

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
        let mut changes = Vec::with_capacity(2);
        let mut records = Vec::with_capacity(2);
        if let (Some(old), Some(after)) = (old, &deactivated) {
            changes.push(KeyPairChange {
                seen_version: old.version,
                after: after.clone(),
            });
            records.push(self.record(context, AuditAction::KeyPairChanged, after)?);
        }
        changes.push(KeyPairChange {
            seen_version: new.version,
            after: active.clone(),
        });
        records.push(self.record(context, AuditAction::KeyPairActivated, &active)?);

        match self
            .create
            .registry
            .change_pairs(&changes, &records)
            .await?
        {
            RegistryChange::Changed => Ok(Rotation {
                active,
                deactivated,
            }),
            RegistryChange::Stale | RegistryChange::AnotherIsActive => Err(Error::Conflict),
        }
    }

    fn record(
        &self,
        context: &CallContext,
        action: AuditAction,
        pair: &KeyPair,
    ) -> Result<Record, Error> {
        let mut audit = AuditEntry::new(context, action, self.create.entropy.bytes()?);
        audit.serial = Some(pair.serial);
        Ok(Record::from(audit))
    }
}
