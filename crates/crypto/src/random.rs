//! Randomness for headers, initialization vectors, nonces and master keys.

use crate::error::OpenSslError;

/// Fills a buffer from OpenSSL's random generator, which the operating system seeds.
///
/// # Errors
/// [`OpenSslError`] if the generator cannot be seeded; the buffer must not be used then.
pub fn random_bytes(buffer: &mut [u8]) -> Result<(), OpenSslError> {
    openssl::rand::rand_bytes(buffer)?;
    Ok(())
}
