//! Where the master key comes from: a file or a command, always from outside the database whose
//! private halves it seals. A file may hold its keys sealed in turn ([`RingSeal`]). [`MasterKeys`] is
//! the ring in force, which may change under a running service; [`RingFile`] changes the file of a
//! ring.

mod command;
mod error;
mod file;
mod keys;
mod ring_file;
mod sealed_ring;
mod source;

pub use command::MasterKeyCommand;
pub use error::{MasterKeySourceError, ReloadError};
pub use file::{make_master_key_file, read_master_key_file};
pub(crate) use keys::Reason;
pub use keys::{MasterKeys, Reloaded};
pub use ring_file::RingFile;
pub use sealed_ring::{RingSeal, SealedLine, make_sealed_master_key_file};
pub use source::MasterKeySource;

use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_secret::SecretBytes;
use zeroize::Zeroizing;

/// The longest ring taken, in bytes: about a thousand keys.
const LONGEST: usize = 64 * 1024;

/// A buffer that holds a ring without growing, which would leave copies behind.
fn buffer() -> Zeroizing<Vec<u8>> {
    // One byte tells what is too long; the rest keeps `read_to_end` from growing it at the end.
    Zeroizing::new(Vec::with_capacity(LONGEST + 64))
}

fn parse(
    mut text: Zeroizing<Vec<u8>>,
    origin: impl Fn() -> String,
) -> Result<MasterKeyRing, MasterKeySourceError> {
    if text.len() > LONGEST {
        return Err(MasterKeySourceError::TooLong { origin: origin() });
    }
    let text = SecretBytes::new(std::mem::take(&mut *text));
    MasterKeyRing::parse(&text).map_err(|source| MasterKeySourceError::Ring {
        origin: origin(),
        source,
    })
}
