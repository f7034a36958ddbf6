use std::sync::Arc;

use super::key_steps::{find, not_allowed};
use super::require;
use crate::Error;
use crate::model::{CallContext, KeyState, Scopes, Serial};
use crate::ports::{KeyRegistry, MetadataStore, WalkStep};

/// Marks the documents whose keys were ever wrapped under a compromised key pair: whoever has its
/// private half and an old copy of a wrap has the document's key, whatever is done to the wrap now.
#[derive(Clone, Debug)]
pub struct MarkExposed {
    /// Where the pair is.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where documents are registered.
    pub store: Arc<dyn MetadataStore>,
}

impl MarkExposed {
    /// Walks over all documents, and counts those that it marked. Harmless to repeat: an
    /// interrupted walk is run again. Documents that are wrapped anew while it walks are marked by
    /// that.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`] if the pair is not compromised,
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn run(&self, context: &CallContext, serial: Serial) -> Result<u64, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let pair = find(&*self.registry, serial).await?;
        if pair.state != KeyState::Compromised {
            return Err(not_allowed(&pair));
        }
        let mut step = WalkStep::default();
        let mut count = 0;
        loop {
            let walked = self.store.mark_exposed(serial, &step).await?;
            count += walked.count;
            match walked.next {
                Some(next) => step.after = Some(next),
                None => return Ok(count),
            }
        }
    }
}
