//! What suspending and compromising have in common: the pair stops, and if it was the active one,
//! a successor takes over in the same step.

use super::key_steps::{ATTEMPTS, Step, find, not_allowed, take};
use super::{CreateKeyPair, require};
use crate::Error;
use crate::model::{AuditAction, CallContext, KeyPair, KeyState, Scopes, Serial};
use crate::ports::{Entropy, KeyRegistry, RegistryChange};

/// A key pair that was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The pair as it is now.
    pub pair: KeyPair,
    /// The pair that took over from it, if it was the active one.
    pub successor: Option<KeyPair>,
    /// Whether the act changed anything; `false` if the pair was stopped already.
    pub changed: bool,
}

pub(super) struct Stop<'a> {
    pub(super) registry: &'a dyn KeyRegistry,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) successor: Option<&'a CreateKeyPair>,
}

impl Stop<'_> {
    pub(super) async fn run(
        &self,
        context: &CallContext,
        serial: Serial,
        next: KeyState,
        action: AuditAction,
    ) -> Result<Stopped, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        for _ in 0..ATTEMPTS {
            let seen = find(self.registry, serial).await?;
            if seen.state == next {
                return Ok(Stopped {
                    pair: seen,
                    successor: None,
                    changed: false,
                });
            }
            let after = match seen.state {
                // It may return to what it was, but only by a cancelled destruction.
                KeyState::DestroyScheduled => None,
                _ => seen.become_state(next, context.at),
            };
            let after = after.ok_or_else(|| not_allowed(&seen))?;
            let create = self.successor.filter(|_| seen.state == KeyState::Active);
            let new = match create {
                Some(create) => Some(
                    create
                        .run(context, seen.scope.clone(), seen.algorithm)
                        .await?,
                ),
                None => None,
            };
            let activated = match &new {
                Some(new) => Some(
                    new.become_state(KeyState::Active, context.at)
                        .ok_or(Error::Conflict)?,
                ),
                None => None,
            };
            let mut steps = vec![Step {
                seen: &seen,
                after: &after,
                action,
            }];
            if let (Some(seen), Some(after)) = (&new, &activated) {
                steps.push(Step {
                    seen,
                    after,
                    action: AuditAction::KeyPairActivated,
                });
            }
            match take(self.registry, self.entropy, context, &steps).await? {
                RegistryChange::Changed => {
                    return Ok(Stopped {
                        pair: after,
                        successor: activated,
                        changed: true,
                    });
                }
                // Somebody rotated, or stopped it, meanwhile: look again.
                RegistryChange::Stale | RegistryChange::AnotherIsActive => {
                    if let (Some(create), Some(new)) = (create, new) {
                        create.discard(context, &new).await;
                    }
                }
            }
        }
        Err(Error::Conflict)
    }
}
