use std::fmt::Debug;

use async_trait::async_trait;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_secret::SecretBytes;

use crate::PairIdentity;

/// Where private halves are kept, each under the serial of its pair. It keeps and fetches bytes;
/// to parse, to remember and to use them is [`LocalVault`](crate::LocalVault)'s.
#[async_trait]
pub trait PrivateHalves: Debug + Send + Sync + 'static {
    /// Keeps the private half of a new pair.
    ///
    /// # Errors
    /// [`PairError::Exists`](crate::PairError::Exists) as [`VaultError::Backend`] if the serial has
    /// one already, which stays as it is; any other if it cannot be known to be kept.
    async fn keep(&self, pair: &PairIdentity, private_half: &SecretBytes)
    -> Result<(), VaultError>;

    /// The private half of a pair as it is kept now: what was given to [`keep`](Self::keep).
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if there is none, or it is of another serial or was altered, as far
    /// as can be told from the outside.
    async fn fetch(&self, pair: &PairIdentity) -> Result<SecretBytes, VaultError>;

    /// Erases a private half for good. Done already, or never there: no error.
    ///
    /// # Errors
    /// [`VaultError`] if it cannot be known to be erased.
    async fn erase(&self, serial: Serial) -> Result<(), VaultError>;
}
