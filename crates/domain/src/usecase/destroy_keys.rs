use std::sync::Arc;

use super::key_steps::{ATTEMPTS, KeyPairStep, Step, find, not_allowed, take};
use super::{CountDocuments, require};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyPair, KeyState, Scopes, Serial};
use crate::ports::{Entropy, KeyRegistry, KeyVault, RegistryChange};

/// Destroys a key pair for good: its private half is erased, its entry in the registry stays, with
/// serial, public half and dates.
#[derive(Clone, Debug)]
pub struct DestroyKeys {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where its private half is.
    pub vault: Arc<dyn KeyVault>,
    /// Counts the documents that need it.
    pub count: CountDocuments,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl DestroyKeys {
    /// Destroys a pair whose scheduled destruction is due, or one that was never active.
    ///
    /// The steps are recorded so that a crash resumes: the registry says that it begins, from when
    /// on nobody can cancel; the private half is erased; the registry says that it is done. Whoever
    /// runs it again goes on from there, and erases again, which is harmless.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::DestructionNotDue`], [`Error::KeyPairNeeded`],
    /// [`Error::KeyPairState`] unless it is pre-active or destroy-scheduled, [`Error::Conflict`]
    /// if it is changed faster than it is looked at, [`Error::Forbidden`],
    /// [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, serial: Serial) -> Result<KeyPairStep, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut changed = false;
        // Each round takes one step of two.
        for _ in 0..2 * ATTEMPTS {
            let seen = find(&*self.registry, serial).await?;
            match seen.state {
                KeyState::Destroyed => {
                    self.vault.destroy(serial).await?;
                    return Ok(KeyPairStep {
                        pair: seen,
                        changed,
                    });
                }
                // The entry first: of whoever activates it and whoever destroys it, one is refused.
                KeyState::PreActive => {
                    changed |= self.finish(context, &seen).await?.is_some();
                }
                KeyState::DestroyScheduled if seen.destruction_has_begun() => {
                    self.vault.destroy(serial).await?;
                    if let Some(pair) = self.finish(context, &seen).await? {
                        return Ok(KeyPairStep::done(pair));
                    }
                }
                KeyState::DestroyScheduled => self.begin(context, &seen).await?,
                KeyState::Active
                | KeyState::Deactivated
                | KeyState::Suspended
                | KeyState::Compromised => return Err(not_allowed(&seen)),
            }
        }
        Err(Error::Conflict)
    }

    /// Whatever becomes of it, the next round sees.
    async fn begin(&self, context: &CallContext, seen: &KeyPair) -> Result<(), Error> {
        let serial = seen.serial;
        let after = seen
            .begin_destruction(context.at)
            .ok_or(match seen.destroy_at {
                Some(due) => Error::DestructionNotDue { serial, due },
                None => not_allowed(seen),
            })?;
        let documents = self.count.of_pair(context, seen).await?;
        if documents > 0 {
            return Err(Error::KeyPairNeeded { serial, documents });
        }
        let step = Step {
            seen,
            after: &after,
            action: AuditAction::DestructionBegun,
        };
        take(&*self.registry, &*self.entropy, context, &[step]).await?;
        Ok(())
    }

    async fn finish(
        &self,
        context: &CallContext,
        seen: &KeyPair,
    ) -> Result<Option<KeyPair>, Error> {
        let after = seen
            .become_state(KeyState::Destroyed, context.at)
            .ok_or_else(|| not_allowed(seen))?;
        let step = Step {
            seen,
            after: &after,
            action: AuditAction::KeyPairDestroyed,
        };
        let taken = take(&*self.registry, &*self.entropy, context, &[step]).await?;
        Ok((taken == RegistryChange::Changed).then_some(after))
    }
}
