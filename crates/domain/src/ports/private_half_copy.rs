use std::fmt::Debug;

use async_trait::async_trait;

use super::{PutOutcome, VaultError};
use crate::model::KeyPair;

/// Carries private halves from one key vault to another: from under one seal to under another. An
/// optional power of two vaults together, where both let private halves out.
#[async_trait]
pub trait PrivateHalfCopy: Debug + Send + Sync + 'static {
    /// Keeps the private half of a pair in the target, unless it is there already, and reads it back.
    /// [`PutOutcome::Differs`] if the target has another in its place, or one that it cannot open;
    /// that stays as it is. The registry of the target may not know the pair yet.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if the source has none, or it does not open or is not of the pair.
    async fn copy_private_half(&self, pair: &KeyPair) -> Result<PutOutcome, VaultError>;
}
