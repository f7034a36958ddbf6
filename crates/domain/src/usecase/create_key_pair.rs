use std::sync::Arc;

use super::key_steps::{Step, take};
use super::require;
use crate::Error;
use crate::model::{
    Algorithm, AuditAction, AuditEntry, CallContext, KeyPair, KeyState, Record, Scope, Scopes,
    Serial,
};
use crate::ports::{Entropy, EntropyExt, KeyRegistry, KeyVault, RegistryChange};

/// Makes a key pair, pre-active: its private half in the vault, its entry in the registry.
#[derive(Clone, Debug)]
pub struct CreateKeyPair {
    /// Where the pair is entered.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where its private half is made and kept.
    pub vault: Arc<dyn KeyVault>,
    /// Where serials are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

impl CreateKeyPair {
    /// Makes and self-tests the pair in the vault first, and enters it in the registry after: a
    /// crash between the two leaves a private half that no document needs, never the reverse.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn run(
        &self,
        context: &CallContext,
        scope: Scope,
        algorithm: Algorithm,
    ) -> Result<KeyPair, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let serial = Serial::from_random(self.entropy.bytes()?);
        let public_half = self.vault.create(serial, &scope, algorithm).await?;
        let pair = KeyPair {
            serial,
            scope,
            algorithm,
            state: KeyState::PreActive,
            public_half,
            created_at: context.at,
            activated_at: None,
            deactivated_at: None,
            destroy_at: None,
            former_state: None,
            destroyed_at: None,
            version: 1,
        };
        let mut audit =
            AuditEntry::new(context, AuditAction::KeyPairCreated, self.entropy.bytes()?);
        audit.serial = Some(serial);
        match self
            .registry
            .insert_pair(&pair, &Record::from(audit))
            .await?
        {
            RegistryChange::Changed => Ok(pair),
            // A pre-active pair competes with none.
            RegistryChange::Stale | RegistryChange::AnotherIsActive => Err(Error::Conflict),
        }
    }

    /// Does away with a pre-active pair that turned out not to be needed. Best effort: what is left
    /// of it was never active, and no document needs it.
    pub(super) async fn discard(&self, context: &CallContext, pair: &KeyPair) {
        let Some(after) = pair.become_state(KeyState::Destroyed, context.at) else {
            return;
        };
        let step = Step {
            seen: pair,
            after: &after,
            action: AuditAction::KeyPairDestroyed,
        };
        // The entry first: a pair that somebody has activated after all must stay.
        let taken = take(&*self.registry, &*self.entropy, context, &[step]).await;
        if let Ok(RegistryChange::Changed) = taken {
            // If that fails, the private half stays behind, and `keys destroy` erases it.
            let _ = self.vault.destroy(pair.serial).await;
        }
    }
}
