//! The names of the document formats, as they are stored and sent.

use std::fmt;

use crate::{cbc, document::layout, error::DocumentError};

/// How a document is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `AES256_GCM_HKDF_1MB`: Tink's AES-GCM-HKDF streaming AEAD; see [`crate::document`].
    Aes256GcmHkdf1Mb,
    /// `AES|CBC`: the first version's format, without integrity; see [`crate::cbc`].
    AesCbc,
}

impl Format {
    /// Every format this crate reads.
    pub const ALL: [Self; 2] = [Self::Aes256GcmHkdf1Mb, Self::AesCbc];

    /// The name on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256GcmHkdf1Mb => "AES256_GCM_HKDF_1MB",
            Self::AesCbc => "AES|CBC",
        }
    }

    /// The format of exactly this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Length in bytes of the stored object for a plaintext of `plaintext_length` bytes.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] beyond what the format can hold.
    pub fn ciphertext_length(self, plaintext_length: u64) -> Result<u64, DocumentError> {
        match self {
            Self::Aes256GcmHkdf1Mb => layout::ciphertext_length(plaintext_length),
            Self::AesCbc => cbc::ciphertext_length(plaintext_length),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
