//! The operating system's entropy behind the domain's port.

use crypt_keeper_domain::ports::{Entropy, EntropyError};

/// The operating system's random generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|error| EntropyError(Box::new(error)))
    }
}
