use std::time::Duration;

use super::{DestroyKeys, KeyPairStep, RetireKeys, RotateKeys, Rotation, require};
use crate::Error;
use crate::model::{Algorithm, CallContext, KeyPair, PageLimit, Scope, Scopes, Serial};
use crate::ports::DuePairs;

/// Rotates key pairs that have wrapped for long enough, retires those of an algorithm that is not
/// configured any more, and destroys those whose destruction is due. Any number of instances may
/// run it at once: of two that meet on a pair, one changes it.
#[derive(Clone, Debug)]
pub struct KeepUpKeys {
    /// Rotates.
    pub rotate: RotateKeys,
    /// Destroys.
    pub destroy: DestroyKeys,
    /// How new document keys are wrapped. Active pairs of other algorithms are not replaced, but
    /// retired: all instances should have the same.
    pub algorithm: Algorithm,
    /// How long a pair wraps; `None`: until somebody rotates it.
    pub rotate_after: Option<Duration>,
}

/// What was done to key pairs whose time had come.
#[derive(Debug, Default)]
pub struct KeptUp {
    /// Rotations that took place.
    pub rotations: Vec<Rotation>,
    /// Pairs that were retired, as they are now.
    pub retired: Vec<KeyPair>,
    /// Pairs that were destroyed.
    pub destroyed: Vec<KeyPairStep>,
    /// Pairs for which it did not work; they are due the next time again.
    pub failures: Vec<(Serial, Error)>,
}

impl KeepUpKeys {
    /// Does what is due at the call's moment, for up to 1,000 pairs of each kind.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like if it cannot be known what is due.
    pub async fn run(&self, context: &CallContext) -> Result<KeptUp, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let registry = &self.rotate.create.registry;
        let mut kept_up = KeptUp::default();
        if let Some(age) = self.rotate_after {
            let due = DuePairs::ActiveSince(context.at.minus(age));
            for pair in registry.due_pairs(due, PageLimit::MAX).await? {
                // The pairs of a partition live as long as its period.
                let ages = !matches!(pair.scope, Scope::Partition(_));
                if !ages || pair.algorithm != self.algorithm {
                    continue;
                }
                let serial = pair.serial;
                match self.rotate.replace(context, pair).await {
                    Ok(rotation) => kept_up.rotations.push(rotation),
                    // Another instance was faster.
                    Err(Error::Conflict) => {}
                    Err(error) => kept_up.failures.push((serial, error)),
                }
            }
        }
        let retire = RetireKeys {
            registry: registry.clone(),
            entropy: self.rotate.create.entropy.clone(),
        };
        let due = DuePairs::ActiveOtherThan(self.algorithm);
        for pair in registry.due_pairs(due, PageLimit::MAX).await? {
            // Those of a partition were made for it ahead of time, and end with it.
            if matches!(pair.scope, Scope::Partition(_)) {
                continue;
            }
            let serial = pair.serial;
            match retire.run(context, pair, self.algorithm).await {
                Ok(step) if step.changed => kept_up.retired.push(step.pair),
                Ok(_) | Err(Error::Conflict) => {}
                Err(error) => kept_up.failures.push((serial, error)),
            }
        }
        let due = DuePairs::DestroyBy(context.at);
        for pair in registry.due_pairs(due, PageLimit::MAX).await? {
            match self.destroy.run(context, pair.serial).await {
                Ok(step) if step.changed => kept_up.destroyed.push(step),
                Ok(_) | Err(Error::Conflict) => {}
                Err(error) => kept_up.failures.push((pair.serial, error)),
            }
        }
        Ok(kept_up)
    }
}
