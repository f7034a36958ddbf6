//! Names and credentials of servers that live for one run.

use crate::error::{Error, Result};

/// `bytes` bytes of the operating system's entropy.
pub(crate) fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Other(format!("the system gives no entropy: {error}")))?;
    Ok(bytes)
}

/// A random lower-case hexadecimal text of `digits` digits, at most 64.
pub(crate) fn hex(digits: usize) -> Result<String> {
    let mut text = hex::encode(bytes::<32>()?);
    text.truncate(digits);
    Ok(text)
}
