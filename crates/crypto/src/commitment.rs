//! Key commitment. GCM does not commit to its key: one ciphertext can be made to verify under two.
//! The service therefore stores, with each document, a value that only the true key gives.

use std::fmt;

use crypt_keeper_secret::{DocumentKey, ExposeSecret};
use subtle::ConstantTimeEq;

use crate::{
    DocumentIdBytes,
    error::{CommitmentError, OpenSslError},
    hkdf::hkdf_sha256,
};

const PREFIX: &[u8] = b"crypt-keeper/commit/v1\0";

/// `HKDF-SHA256(ikm = document key, salt = "", info = "crypt-keeper/commit/v1" 00 document id)`, 32
/// bytes. Not secret: it is handed out with the key. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyCommitment([u8; Self::LENGTH]);

impl KeyCommitment {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// Commits to the key of a document.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn of(key: &DocumentKey, document_id: &DocumentIdBytes) -> Result<Self, OpenSslError> {
        let mut bytes = [0; Self::LENGTH];
        hkdf_sha256(key.expose_secret(), &[], &[PREFIX, document_id], &mut bytes)?;
        Ok(Self(bytes))
    }

    /// A commitment as it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Checks, in constant time, that `key` is the key of the document this commits to.
    ///
    /// # Errors
    /// [`CommitmentError::Mismatch`] if it is another key, or another document's.
    pub fn check(
        &self,
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
    ) -> Result<(), CommitmentError> {
        if Self::of(key, document_id)? == *self {
            Ok(())
        } else {
            Err(CommitmentError::Mismatch)
        }
    }
}

impl PartialEq for KeyCommitment {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyCommitment {}

impl fmt::Debug for KeyCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCommitment({})", hex::encode(self.0))
    }
}
