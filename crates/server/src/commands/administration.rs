//! What commands work with that need the databases, and no master key.

use std::sync::Arc;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{CallContext, Caller, RequestId};
use crypt_keeper_domain::ports::{Clock, Entropy, EntropyExt as _};
use tokio::runtime::Handle;

use crate::clock::SystemClock;
use crate::config::Settings;
use crate::entropy::SystemEntropy;
use crate::error::StartError;
use crate::wiring::{Missing, Stores};

/// The databases, time and entropy.
#[derive(Clone, Debug)]
pub(super) struct Administration {
    pub(super) stores: Stores,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Administration {
    /// Over databases that are open.
    pub(super) fn new(stores: Stores) -> Self {
        Self {
            stores,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Opens the databases of a service that was set up. It may be running, perhaps in an older
    /// version: so nothing is migrated.
    pub(super) async fn open(settings: &Settings) -> Result<Self, StartError> {
        let stores = Stores::open(settings, Missing::Refuse, &Handle::current()).await?;
        stores.ready_schema(false).await?;
        Ok(Self::new(stores))
    }

    /// Who acts, as the use cases and the audit log see him.
    pub(super) fn context(&self) -> Result<CallContext, Error> {
        Ok(CallContext {
            caller: Caller::operator(),
            at: self.clock.now(),
            request_id: RequestId::from_random(self.entropy.bytes()?),
            address: None,
        })
    }
}
