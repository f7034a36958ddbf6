//! What the use cases are told of the calls of jobs.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{CallContext, Caller, RequestId};
use crypt_keeper_domain::ports::{Clock, Entropy, EntropyExt as _};

/// Makes the context of each call, and the pauses between them.
#[derive(Debug)]
pub(crate) struct JobCalls {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl JobCalls {
    /// A call of the service itself, now.
    pub(crate) fn call(&self) -> Result<CallContext, Error> {
        Ok(CallContext {
            caller: Caller::system(),
            at: self.clock.now(),
            request_id: RequestId::from_random(self.entropy.bytes()?),
            address: None,
        })
    }

    /// A random length of time; the least one if there is no entropy to be had.
    pub(crate) fn between(&self, (least, most): (Duration, Duration)) -> Duration {
        let random = self.entropy.bytes().map_or(0, u16::from_be_bytes);
        least + (most - least) * u32::from(random) / u32::from(u16::MAX)
    }
}
