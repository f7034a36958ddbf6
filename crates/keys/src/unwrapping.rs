//! Unwrapping needs the private half that a key was wrapped for, and nothing else.

use crypt_keeper_crypto::{self as crypto, PrivateHalf};
use crypt_keeper_domain::model::{DocumentId, WrappedKey};
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_secret::DocumentKey;

use crate::error::PairError;

/// Unwraps a document key, and checks that it is the one that was committed to: CPU work and nothing
/// else.
pub(crate) fn unwrap(
    private_half: &PrivateHalf,
    wrapped: &WrappedKey,
    document: DocumentId,
) -> Result<DocumentKey, VaultError> {
    let serial = wrapped.serial;
    let key = private_half
        .unwrap(&wrapped.bytes, serial.get(), document.as_bytes())
        .map_err(|error| PairError::wrap(serial, error))?;
    crypto::KeyCommitment::from_bytes(*wrapped.commitment.as_bytes())
        .check(&key, document.as_bytes())
        .map_err(|error| PairError::commitment(serial, error))?;
    Ok(key)
}
