use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{CallContext, KeyPair, Partition, Scope, Scopes, Serial};
use crate::ports::{MetadataStore, WalkStep};

/// Counts the live documents whose keys are wrapped under a key pair.
#[derive(Clone, Debug)]
pub struct CountDocuments {
    /// Where documents are registered.
    pub store: Arc<dyn MetadataStore>,
}

impl CountDocuments {
    /// Walks over all documents. Whatever the walk takes, it misses none of a pair that has ceased
    /// to be active before it began: none can be added.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, serial: Serial) -> Result<u64, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        self.walk(serial, None).await
    }

    /// The same of a pair whose scope is known: under one of a partition there is nothing but the
    /// partition's documents, and only they are walked over.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn of_pair(&self, context: &CallContext, pair: &KeyPair) -> Result<u64, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let within = match pair.scope {
            Scope::Partition(partition) => Some(partition),
            _ => None,
        };
        self.walk(pair.serial, within).await
    }

    async fn walk(&self, serial: Serial, within: Option<Partition>) -> Result<u64, Error> {
        let mut step = WalkStep {
            after: within.and_then(Partition::before_first),
            ..WalkStep::default()
        };
        let mut count = 0;
        loop {
            let walked = self.store.count_wrapped_by(serial, &step).await?;
            count += walked.count;
            match walked.next {
                Some(next) if within.is_none_or(|within| next.partition() <= within) => {
                    step.after = Some(next);
                }
                _ => return Ok(count),
            }
        }
    }
}
