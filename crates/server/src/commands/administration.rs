//! What commands work with that need the databases, and no master key.

use std::sync::Arc;

use crypt_keeper_domain::model::{CallContext, Caller};
use crypt_keeper_domain::ports::{Clock, Entropy};

use super::Context;
use crate::error::StartError;
use crate::wiring::{Missing, Stores};

/// The databases of a service that was set up, and who acts on them.
#[derive(Clone, Debug)]
pub(super) struct Administration {
    pub(super) stores: Stores,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// An operator, as the use cases and the audit log see him.
    pub(super) call: CallContext,
}

impl Administration {
    /// Opens the databases. The service may be running, perhaps in an older version: so nothing is
    /// migrated.
    pub(super) async fn open(context: &Context) -> Result<Self, StartError> {
        let settings = context.settings();
        let stores = Stores::open(settings, Missing::Refuse, &context.runtime).await?;
        stores.ready_schema(false).await?;
        Self::over(stores, context)
    }

    /// Over databases that are open.
    pub(super) fn over(stores: Stores, context: &Context) -> Result<Self, StartError> {
        Ok(Self {
            stores,
            clock: Arc::clone(&context.clock),
            entropy: Arc::clone(&context.entropy),
            call: context.call(Caller::operator())?,
        })
    }
}
