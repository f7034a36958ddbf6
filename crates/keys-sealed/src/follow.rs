use std::time::Duration;

use crypt_keeper_domain::ports::PrivateKeys;

use crate::master_key::{MasterKeys, Reason, ReloadError, Reloaded};
use crate::vault::SealedVault;

/// How often the same trouble is said again.
const REMINDER: u32 = 60;

impl SealedVault {
    /// The master keys that it seals and opens with.
    #[must_use]
    pub fn master_keys(&self) -> &MasterKeys {
        &self.local.private_halves().keys
    }

    /// Reads the ring again, now.
    ///
    /// # Errors
    /// [`ReloadError`]; the ring in force stays.
    pub async fn reload_master_keys(&self) -> Result<Reloaded, ReloadError> {
        self.local.private_halves().reload(Reason::Told).await
    }

    /// Looks every `interval` whether the file of the ring has changed, and reads it then. For
    /// ever; at once over if the ring comes from no file.
    pub async fn follow_master_keys(&self, interval: Duration) {
        let store = &*self.local.private_halves().store;
        follow(self.master_keys(), Some(store), interval).await;
    }
}

/// For a ring that seals no private half: it signs URLs of objects alone.
impl MasterKeys {
    /// Reads the ring again, now, whatever keys it has lost.
    ///
    /// # Errors
    /// [`ReloadError`]; the ring in force stays.
    pub async fn reload_alone(&self) -> Result<Reloaded, ReloadError> {
        self.reload(Reason::Told, None).await
    }

    /// Looks every `interval` whether the file of the ring has changed, and reads it then. For
    /// ever; at once over if the ring comes from no file.
    pub async fn follow_alone(&self, interval: Duration) {
        follow(self, None, interval).await;
    }
}

async fn follow(keys: &MasterKeys, store: Option<&dyn PrivateKeys>, interval: Duration) {
    if keys.source().is_none_or(|source| source.file().is_none()) {
        return;
    }
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failures: u32 = 0;
    loop {
        ticks.tick().await;
        match keys.reload(Reason::Routine, store).await {
            Ok(Reloaded::Changed) => {
                failures = 0;
                tell_changed(keys);
            }
            Ok(Reloaded::Unchanged) => failures = 0,
            Err(error) => {
                if failures.is_multiple_of(REMINDER) {
                    let error = crypt_keeper_keys::in_one_line(&error);
                    tracing::error!(error, "the master keys in force stay");
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

fn tell_changed(keys: &MasterKeys) {
    let ring = keys.current();
    tracing::info!(
        seals = %ring.first().id(),
        keys = ring.keys().count(),
        "read the master keys again"
    );
}
