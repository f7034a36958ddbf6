use super::RotateKeys;
use crate::Error;
use crate::model::{Algorithm, CallContext, Caller, KeyPair, Scope};

/// Makes the first key pair of a scope when it is first needed.
#[derive(Clone, Debug)]
pub struct EnsureKeyPair {
    /// Makes it.
    pub rotate: RotateKeys,
    /// How new document keys are wrapped.
    pub algorithm: Algorithm,
}

impl EnsureKeyPair {
    /// Makes it, unless the scope has an active one, in the service's own name: whoever needs the
    /// pair may not administer any. `None` if there is one, also if somebody else has made it at
    /// the same time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and the like.
    pub async fn run(&self, context: &CallContext, scope: Scope) -> Result<Option<KeyPair>, Error> {
        let own = CallContext {
            caller: Caller::system(),
            ..context.clone()
        };
        self.rotate.ensure_active(&own, scope, self.algorithm).await
    }
}
