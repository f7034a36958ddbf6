use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{CallContext, Scopes, Serial};
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
        let mut step = WalkStep::default();
        let mut count = 0;
        loop {
            let walked = self.store.count_wrapped_by(serial, &step).await?;
            count += walked.count;
            match walked.next {
                Some(next) => step.after = Some(next),
                None => return Ok(count),
            }
        }
    }
}
