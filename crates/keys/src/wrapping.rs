//! Wrapping needs the public half of the active pair, and nothing else.

use crypt_keeper_crypto::wrap::transit::TransitPublicHalf;
use crypt_keeper_crypto::{self as crypto, PublicHalf, WrapError};
use crypt_keeper_domain::model::{Algorithm, DocumentId, KeyCommitment, Serial, WrappedKey};
use crypt_keeper_domain::ports::{VaultError, WrapContext};
use crypt_keeper_secret::DocumentKey;

use crate::error::PairError;
use crate::pairs::{ActivePair, Pairs};

/// A parsed public half.
pub trait Wraps: Clone + Send + Sync + 'static {
    /// Wraps a document's key under the pair of a serial.
    ///
    /// # Errors
    /// [`WrapError`] if the library fails.
    fn wrap_key(
        &self,
        key: &DocumentKey,
        serial: Serial,
        document: DocumentId,
    ) -> Result<Vec<u8>, WrapError>;
}

impl Wraps for PublicHalf {
    fn wrap_key(
        &self,
        key: &DocumentKey,
        serial: Serial,
        document: DocumentId,
    ) -> Result<Vec<u8>, WrapError> {
        self.wrap(key, serial.get(), document.as_bytes())
    }
}

/// Nothing but the commitment binds the wrapped key to serial and document.
impl Wraps for TransitPublicHalf {
    fn wrap_key(
        &self,
        key: &DocumentKey,
        _serial: Serial,
        _document: DocumentId,
    ) -> Result<Vec<u8>, WrapError> {
        self.wrap(key)
    }
}

/// Wraps a document key under the active pair of its scope.
///
/// # Errors
/// [`VaultError::NoActivePair`]; [`VaultError::Backend`] if the library fails.
pub async fn wrap<P: Wraps>(
    pairs: &Pairs<P>,
    algorithm: Algorithm,
    key: &DocumentKey,
    context: &WrapContext,
) -> Result<WrappedKey, VaultError> {
    let active = pairs
        .active(&context.scope, algorithm, context.refused)
        .await?;
    wrap_under(&active, key, context.document)
}

/// Wraps a document key under a pair that is known to be active: CPU work and nothing else.
pub(crate) fn wrap_under<P: Wraps>(
    active: &ActivePair<P>,
    key: &DocumentKey,
    document: DocumentId,
) -> Result<WrappedKey, VaultError> {
    let serial = active.serial;
    let bytes = active
        .public_half
        .wrap_key(key, serial, document)
        .map_err(|error| PairError::wrap(serial, error))?;
    let commitment = crypto::KeyCommitment::of(key, document.as_bytes())
        .map_err(|error| VaultError::Backend(Box::new(error)))?;
    Ok(WrappedKey {
        algorithm: active.algorithm,
        serial,
        scope: active.scope.clone(),
        bytes,
        commitment: KeyCommitment::from_bytes(*commitment.as_bytes()),
    })
}
