use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::model::Serial;

/// The sealed private halves of key pairs, in a store of their own, so that they are backed up
/// apart from the metadata.
///
/// Laws, each a test of `crypt_keeper_conformance::private_keys`:
/// - `put_is_got`, byte for byte.
/// - `put_never_overwrites`.
/// - `erased_is_gone`, and erasing again is harmless.
/// - `replace_needs_the_seen_bytes`.
#[async_trait]
pub trait PrivateKeys: Debug + Send + Sync + 'static {
    /// Stores a sealed private half.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the serial has one already; it stays as it was.
    async fn put(&self, serial: Serial, sealed: &SealedPrivateHalf) -> Result<(), StoreError>;

    /// The sealed private half of a serial.
    async fn get(&self, serial: Serial) -> Result<Option<SealedPrivateHalf>, StoreError>;

    /// Every serial that has one, in order.
    async fn serials(&self) -> Result<Vec<Serial>, StoreError>;

    /// Replaces a private half, if it is still `seen`; whether it was.
    async fn replace(
        &self,
        serial: Serial,
        seen: &SealedPrivateHalf,
        sealed: &SealedPrivateHalf,
    ) -> Result<bool, StoreError>;

    /// Erases a private half for good. Done already, or never there: no error.
    async fn erase(&self, serial: Serial) -> Result<(), StoreError>;
}

/// A private half sealed under a master key: of no use without it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPrivateHalf(Vec<u8>);

impl SealedPrivateHalf {
    /// Takes the sealed bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The sealed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Debug for SealedPrivateHalf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedPrivateHalf({} bytes)", self.0.len())
    }
}
