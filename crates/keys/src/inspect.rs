use std::sync::Arc;

use crypt_keeper_domain::model::{KeyPair, KeyState};
use crypt_keeper_domain::ports::VaultError;

use crate::error::in_one_line;
use crate::pairs::PairIdentity;
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

/// Whether a pair's private half is there and opens.
#[derive(Debug)]
pub struct PairInspection {
    /// The pair.
    pub pair: KeyPair,
    /// What is wrong with its private half, if anything is.
    pub fault: Option<VaultError>,
}

impl PairInspection {
    /// What is wrong, and all that is behind it, in one line: a master key that the ring lacks is
    /// named. Never a secret.
    #[must_use]
    pub fn fault_in_words(&self) -> Option<String> {
        self.fault.as_ref().map(|error| in_one_line(error))
    }
}

impl<H: PrivateHalves> LocalVault<H> {
    /// Opens the private half of every pair that is not destroyed, as the store holds it now: what
    /// a start and a doctor should know, such as a wrong master key. Reads both stores; some
    /// milliseconds a pair.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or the key store cannot be read at all.
    pub async fn inspect_pairs(&self) -> Result<Vec<PairInspection>, VaultError> {
        let mut inspected = Vec::new();
        for pair in self.pairs.registry().list_pairs().await? {
            if pair.state == KeyState::Destroyed {
                continue;
            }
            let identity = Arc::new(PairIdentity::of(&pair));
            let fault = match self.opened.open(&identity).await {
                Ok(_) => None,
                Err(VaultError::Unavailable(error)) => return Err(VaultError::Unavailable(error)),
                Err(error) => Some(error),
            };
            inspected.push(PairInspection { pair, fault });
        }
        Ok(inspected)
    }
}
