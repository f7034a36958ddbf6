use std::fmt;

use subtle::ConstantTimeEq;

use super::{Algorithm, Scope, Serial};

/// HKDF-SHA256 of a document key, bound to the document's id: says whether an unwrapped key is
/// the right one, and nothing else about it.
#[derive(Clone, Copy)]
pub struct KeyCommitment([u8; 32]);

impl KeyCommitment {
    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Constant-time comparison.
impl PartialEq for KeyCommitment {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyCommitment {}

impl fmt::Debug for KeyCommitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCommitment(..)")
    }
}

/// A document key, wrapped under a key pair.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// How it was wrapped; must equal the key pair's.
    pub algorithm: Algorithm,
    /// Under which key pair.
    pub serial: Serial,
    /// The scope of that pair at the time of wrapping. Not stored with the document: a store
    /// reads it from the pair, and refuses an insert where the two differ.
    pub scope: Scope,
    /// The wrapped bytes, in the algorithm's own encoding.
    pub bytes: Vec<u8>,
    /// What the unwrapped key must commit to.
    pub commitment: KeyCommitment,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey")
            .field("algorithm", &self.algorithm)
            .field("serial", &self.serial)
            .field("scope", &self.scope)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
