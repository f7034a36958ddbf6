//! Wrapping needs the public half of the active pair, and nothing else.

use crypt_keeper_crypto::{self as crypto, PublicHalf};
use crypt_keeper_domain::model::{Algorithm, KeyCommitment, WrappedKey};
use crypt_keeper_domain::ports::{VaultError, WrapContext};
use crypt_keeper_secret::DocumentKey;

use crate::error::PairError;
use crate::pairs::Pairs;

/// Wraps a document key under the active pair of its scope.
pub(crate) async fn wrap(
    pairs: &Pairs<PublicHalf>,
    algorithm: Algorithm,
    key: &DocumentKey,
    context: &WrapContext,
) -> Result<WrappedKey, VaultError> {
    let active = pairs
        .active(&context.scope, algorithm, context.refused)
        .await?;
    let serial = active.serial;
    let document = context.document.as_bytes();
    let bytes = active
        .public_half
        .wrap(key, serial.get(), document)
        .map_err(|error| PairError::wrap(serial, error))?;
    let commitment = crypto::KeyCommitment::of(key, document)
        .map_err(|error| VaultError::Backend(Box::new(error)))?;
    Ok(WrappedKey {
        algorithm: active.algorithm,
        serial,
        scope: active.scope,
        bytes,
        commitment: KeyCommitment::from_bytes(*commitment.as_bytes()),
    })
}
