use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{AuditAction, AuditEntry, CallContext, MasterKeyId, Record, Scopes};
use crate::ports::{AuditLog, Entropy, EntropyExt};

/// Writes down what an operator does with a master key. The ring is outside of every store, so this
/// cannot be atomic with the act: it is written before, and an act that fails then leaves an entry.
#[derive(Clone, Debug)]
pub struct RecordMasterKey {
    /// Where it is written.
    pub audit: Arc<dyn AuditLog>,
    /// Where its id is drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl RecordMasterKey {
    /// Writes an entry of one of the actions on master keys.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`]: then the act should not be done.
    pub async fn run(
        &self,
        context: &CallContext,
        action: AuditAction,
        id: MasterKeyId,
    ) -> Result<(), Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let mut entry = AuditEntry::new(context, action, self.entropy.bytes()?);
        entry.master_key = Some(id);
        Ok(self.audit.append_audit(&Record::from(entry)).await?)
    }
}
