use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError, VaultError};

use crate::error::in_one_line;
use crate::key_cache::Trouble;
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the scope that readiness depends on has an active pair, and its private half is held or opens. While
/// private halves cannot be read and some are held, it is ready for the documents of those.
#[async_trait]
impl<H: PrivateHalves> Probe for LocalVault<H> {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let ready_scope = &self.config.ready_scope;
        tell_readiness(PATIENCE, async { ready_scope.forgive(self.look().await) }).await
    }
}

/// What became of a look at the parts within `patience`, in words.
pub async fn tell_readiness(
    patience: Duration,
    look: impl Future<Output = Result<Condition, VaultError>>,
) -> Result<Condition, ProbeError> {
    match tokio::time::timeout(patience, look).await {
        Ok(Ok(condition)) => Ok(condition),
        Ok(Err(error)) => Err(ProbeError {
            message: match &error {
                VaultError::NoActivePair(scope) => format!(
                    "no active key pair for scope {scope}: make one with `crypt-keeper keys \
                     rotate`"
                ),
                other => in_one_line(other),
            },
            source: Some(Box::new(error)),
        }),
        Err(late) => Err(ProbeError {
            message: format!(
                "the key store or the registry has not answered within {} s",
                patience.as_secs()
            ),
            source: Some(Box::new(late)),
        }),
    }
}

impl<H: PrivateHalves> LocalVault<H> {
    async fn look(&self) -> Result<Condition, VaultError> {
        let scope = self.config.ready_scope.now();
        let active = self
            .pairs
            .active(&scope, self.config.algorithm, None)
            .await?;
        let serial = active.serial;
        let pair = self.pairs.find(serial).await?;
        match self.opened.get(&pair.identity).await {
            Ok(_) => Ok(match self.opened.trouble(serial) {
                None => Condition::Good,
                Some(trouble) => Condition::Degraded(format!(
                    "the private half of key pair {serial} {}",
                    in_words(&trouble)
                )),
            }),
            Err(error @ VaultError::Unavailable(_)) => match self.opened.sweep().len() {
                0 => Err(error),
                held => Ok(Condition::Degraded(format!(
                    "the private half of key pair {serial} cannot be read, those of {held} others \
                     are in memory: {}",
                    in_one_line(&error)
                ))),
            },
            Err(error) => Err(error),
        }
    }
}

fn in_words(trouble: &Trouble) -> String {
    format!(
        "cannot be read anew; the one in memory was read {} ago and is used for {} more: {}",
        rounded(trouble.age),
        rounded(trouble.left),
        in_one_line(&*trouble.error)
    )
}

fn rounded(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
