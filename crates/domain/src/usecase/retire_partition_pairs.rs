use std::sync::Arc;

use super::key_steps::{Step, take};
use super::{KeyPairStep, require};
use crate::Error;
use crate::model::{
    AuditAction, CallContext, DocumentId, KeyPair, KeyState, Partition, Scope, Scopes, Serial,
    Timestamp,
};
use crate::ports::{Entropy, KeyRegistry, Partitions, RegistryChange};

/// Rotates out the active key pairs of partitions whose period has ended: nothing is wrapped under
/// them any more. Any number of instances may run it at once.
#[derive(Clone, Debug)]
pub struct RetirePartitionPairs {
    /// Where partitions are.
    pub partitions: Arc<dyn Partitions>,
    /// Where pairs are entered.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where ids of audit entries are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// What was rotated out.
#[derive(Debug, Default)]
pub struct RetiredPairs {
    /// The pairs, as they are now.
    pub retired: Vec<KeyPair>,
    /// Pairs for which it did not work; they are tried the next time again.
    pub failures: Vec<(Serial, Error)>,
}

impl RetirePartitionPairs {
    /// Whether documents may still be put into a partition at `at`: ids are taken for five minutes
    /// after the moment in them.
    #[must_use]
    pub fn has_ended(partition: Partition, at: Timestamp) -> bool {
        let ends_at = partition.ends_at();
        ends_at.is_some_and(|end| at >= end.plus(DocumentId::MAX_BEHIND))
    }

    /// Deactivates those whose partition has ended, by the call's moment and by the store's clock.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Unavailable`] and the like if it cannot be known which.
    pub async fn run(&self, context: &CallContext) -> Result<RetiredPairs, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut retired = RetiredPairs::default();
        let context = &context.not_after(self.partitions.now().await?);
        for pair in self.registry.list_pairs().await? {
            let Scope::Partition(partition) = pair.scope else {
                continue;
            };
            if pair.state != KeyState::Active || !Self::has_ended(partition, context.at) {
                continue;
            }
            match self.retire(context, &pair).await {
                Ok(step) if step.changed => retired.retired.push(step.pair),
                Ok(_) => {}
                Err(error) => retired.failures.push((pair.serial, error)),
            }
        }
        Ok(retired)
    }

    /// Deactivates one active pair, as it was seen; unchanged if somebody was faster.
    pub(super) async fn retire(
        &self,
        context: &CallContext,
        pair: &KeyPair,
    ) -> Result<KeyPairStep, Error> {
        let after = pair
            .become_state(KeyState::Deactivated, context.at)
            .ok_or(Error::Conflict)?;
        let step = Step {
            seen: pair,
            after: &after,
            action: AuditAction::KeyPairChanged,
        };
        match take(&*self.registry, &*self.entropy, context, &[step]).await? {
            RegistryChange::Changed => Ok(KeyPairStep::done(after)),
            RegistryChange::Stale | RegistryChange::AnotherIsActive => {
                Ok(KeyPairStep::already(pair.clone()))
            }
        }
    }
}
