//! The 40 bytes at the start of an object, random for each encryption.

use crate::{
    document::layout::HEADER_LENGTH,
    error::{Alteration, DocumentError, OpenSslError},
    random::random_bytes,
};

const SALT_LENGTH: usize = 32;
const NONCE_PREFIX_LENGTH: usize = 7;
/// Tink writes the header's own length first.
const LENGTH_BYTE: u8 = HEADER_LENGTH as u8;

/// The header of a stored document: salt and nonce prefix. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header([u8; HEADER_LENGTH]);

impl Header {
    /// Reads the first 40 bytes of an object.
    ///
    /// # Errors
    /// [`Alteration::NotThisFormat`] if they do not start with the length of this header.
    pub fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, DocumentError> {
        if bytes[0] != LENGTH_BYTE {
            return Err(Alteration::NotThisFormat.into());
        }
        Ok(Self(*bytes))
    }

    /// The bytes as they are stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HEADER_LENGTH] {
        &self.0
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.0[1..=SALT_LENGTH]
    }

    pub(crate) fn nonce_prefix(&self) -> &[u8] {
        &self.0[HEADER_LENGTH - NONCE_PREFIX_LENGTH..]
    }
}

/// A header that has encrypted nothing yet.
///
/// The same header over other plaintext would use a GCM nonce twice and give both plaintexts away,
/// so this type cannot be copied and every encryption consumes one: an attempt that reads its
/// source again makes a new one.
#[derive(Debug)]
pub struct FreshHeader(Header);

impl FreshHeader {
    /// Draws a header from OpenSSL's random generator.
    ///
    /// # Errors
    /// [`OpenSslError`] if the generator cannot be seeded.
    pub fn generate() -> Result<Self, OpenSslError> {
        Self::try_fill(random_bytes)
    }

    /// Draws a header from the caller's source of randomness, which must be cryptographically
    /// secure: salt and nonce prefix (39 bytes) are filled at once.
    ///
    /// # Errors
    /// Whatever `fill` answers.
    pub fn try_fill<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[0] = LENGTH_BYTE;
        fill(&mut bytes[1..])?;
        Ok(Self(Header(bytes)))
    }

    pub(crate) fn into_header(self) -> Header {
        self.0
    }
}
