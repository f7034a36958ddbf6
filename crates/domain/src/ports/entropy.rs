use std::fmt::Debug;

use super::BoxError;

/// Random bytes fit for keys. Tests seed it.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// [`EntropyError`] if the source fails; the buffer's contents must not be used then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of entropy failed. Nothing may be made without it.
#[derive(Debug, thiserror::Error)]
#[error("no entropy to be had")]
pub struct EntropyError(#[source] pub BoxError);

/// Sugar over [`Entropy`].
pub trait EntropyExt: Entropy {
    /// `N` random bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn bytes<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl<E: Entropy + ?Sized> EntropyExt for E {}
