//! Secret values of Crypt-Keeper: wiped on drop, redacted in `Debug`, never `Display`, compared in
//! constant time, and opened through one door that grep finds: [`ExposeSecret::expose_secret`].
//!
//! No cryptographic library stands behind this crate, so every other one can afford it.

use std::fmt;

use secrecy::SecretBox;
pub use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
pub use zeroize::Zeroize;

/// Length of a document key, a master key and every key derived from one, in bytes.
pub const KEY_LENGTH: usize = 32;

/// A document key: the 32 bytes that encrypt one document and nothing else.
///
/// Also called the data encryption key in NIST SP 800-57. It is made by the service, wrapped under
/// a key pair for storage, and handed to those who may read the document.
pub struct DocumentKey(SecretBox<[u8; KEY_LENGTH]>);

impl DocumentKey {
    /// Takes ownership of 32 bytes; the caller's copy, if it kept one, is the caller's to wipe.
    #[must_use]
    pub fn new(bytes: Box<[u8; KEY_LENGTH]>) -> Self {
        Self(SecretBox::new(bytes))
    }

    /// Fills a fresh key in place, so that no copy of it is left on the stack.
    ///
    /// # Errors
    /// Whatever `fill` answers; the half-filled key is wiped.
    pub fn try_fill<E>(
        fill: impl FnOnce(&mut [u8; KEY_LENGTH]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Box::new([0; KEY_LENGTH]);
        match fill(&mut bytes) {
            Ok(()) => Ok(Self::new(bytes)),
            Err(error) => {
                bytes.zeroize();
                Err(error)
            }
        }
    }

    /// Copies a slice of exactly 32 bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Box::new([0; KEY_LENGTH]);
        if bytes.len() != KEY_LENGTH {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self::new(key))
    }
}

impl ExposeSecret<[u8; KEY_LENGTH]> for DocumentKey {
    fn expose_secret(&self) -> &[u8; KEY_LENGTH] {
        self.0.expose_secret()
    }
}

impl Clone for DocumentKey {
    fn clone(&self) -> Self {
        // Copied on the heap: no copy of it is left on the stack.
        let mut bytes = Box::new([0; KEY_LENGTH]);
        bytes.copy_from_slice(self.expose_secret());
        Self::new(bytes)
    }
}

/// Constant-time comparison.
impl PartialEq for DocumentKey {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret().ct_eq(other.expose_secret()).into()
    }
}

impl Eq for DocumentKey {}

impl fmt::Debug for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DocumentKey([redacted])")
    }
}

/// Secret bytes of any length: a private half, a master key file, a sealed plaintext.
pub struct SecretBytes(SecretBox<[u8]>);

impl SecretBytes {
    /// Takes ownership of the bytes. Spare capacity of the vector, which might hold old contents,
    /// is not kept.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let boxed: Box<[u8]> = if bytes.len() == bytes.capacity() {
            bytes.into_boxed_slice()
        } else {
            let exact = Box::from(bytes.as_slice());
            bytes.zeroize();
            exact
        };
        Self(SecretBox::new(boxed))
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.expose_secret().len()
    }

    /// Whether there are no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ExposeSecret<[u8]> for SecretBytes {
    fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl Clone for SecretBytes {
    fn clone(&self) -> Self {
        Self::new(self.expose_secret().to_vec())
    }
}

/// Constant-time comparison; lengths are not secret.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose_secret().ct_eq(other.expose_secret()).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let key = DocumentKey::new(Box::new([0x41; KEY_LENGTH]));
        let bytes = SecretBytes::new(b"AAAA".to_vec());
        assert_eq!(
            format!("{key:?} {bytes:?}"),
            "DocumentKey([redacted]) SecretBytes([redacted])"
        );
    }

    #[test]
    fn a_key_has_exactly_32_bytes() {
        assert!(DocumentKey::from_slice(&[1; 31]).is_none());
        assert!(DocumentKey::from_slice(&[1; 33]).is_none());
        let key = DocumentKey::from_slice(&[1; 32]).unwrap();
        assert_eq!(key.expose_secret(), &[1; 32]);
    }

    #[test]
    fn a_failed_fill_makes_no_key() {
        let failed = DocumentKey::try_fill(|bytes| {
            bytes[0] = 7;
            Err("no entropy")
        });
        assert_eq!(failed.err(), Some("no entropy"));
    }

    #[test]
    fn comparison_sees_every_byte() {
        let key = DocumentKey::new(Box::new([9; KEY_LENGTH]));
        for at in 0..KEY_LENGTH {
            let mut other = [9; KEY_LENGTH];
            other[at] ^= 1;
            assert_ne!(key, DocumentKey::new(Box::new(other)));
        }
        assert_eq!(key, key.clone());
    }
}
