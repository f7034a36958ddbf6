//! `AES256_GCM_HKDF_1MB`: the wire format of Tink's AES-GCM-HKDF streaming AEAD with segments of
//! 1 MiB, byte for byte, and one 32-byte key per document.
//!
//! ```text
//! offset 0    1   0x28 (header length, 40)
//!        1   32   salt            random per encryption
//!       33    7   nonce prefix    random per encryption
//!       40        segment 0: ciphertext || 16-byte tag, ends at S = 1048576 if more follow
//!      k*S        segment k: ciphertext || 16-byte tag, the last one with 1..1048560 bytes of plaintext
//! derived key = HKDF-SHA256(ikm = document key, salt, info = "crypt-keeper/document/v1" 00 id, 32)
//! nonce of segment k = nonce prefix || k (u32 BE) || 01 if k is the last segment, else 00
//! ```
//!
//! Stricter than Tink: a segment is the last if and only if it ends where the object ends; nothing
//! may follow it; an empty segment is legal only as segment 0.

mod decryptor;
mod encryptor;
mod header;
pub mod layout;
mod range;
mod reader;
mod seekable;
mod segments;
mod transform;
mod writer;

use crypt_keeper_secret::DocumentKey;

use crate::{DocumentIdBytes, error::DocumentError};

pub use self::{
    decryptor::Decryptor,
    encryptor::Encryptor,
    header::{FreshHeader, Header},
    layout::Layout,
    range::{RangeDecryptor, RangeEnd, RangePlan},
    reader::{DecryptingReader, EncryptingReader},
    seekable::SeekableReader,
    segments::{SegmentDecryptor, SegmentEncryptor, SegmentSlot},
    writer::{DecryptingWriter, EncryptingWriter},
};

/// Encrypts a document that is in memory, under a header of its own.
///
/// # Errors
/// [`DocumentError::OpenSsl`] if OpenSSL fails; [`DocumentError::TooLong`].
pub fn encrypt(
    key: &DocumentKey,
    document_id: &DocumentIdBytes,
    plaintext: &[u8],
) -> Result<Vec<u8>, DocumentError> {
    let mut encryptor = Encryptor::new(key, document_id, FreshHeader::generate()?)?;
    let mut object = Vec::new();
    let mut left = plaintext;
    while let Some(segment) = encryptor.push(&mut left)? {
        object.extend_from_slice(segment);
    }
    object.extend_from_slice(&encryptor.finish()?);
    Ok(object)
}

/// Decrypts a stored object that is in memory.
///
/// # Errors
/// [`DocumentError::AlteredOrIncomplete`] unless all of it is what was encrypted under this key for
/// this document.
pub fn decrypt(
    key: &DocumentKey,
    document_id: &DocumentIdBytes,
    object: &[u8],
) -> Result<Vec<u8>, DocumentError> {
    let mut decryptor = Decryptor::new(key, document_id);
    let mut plaintext = Vec::new();
    let mut left = object;
    while let Some(verified) = decryptor.push(&mut left)? {
        plaintext.extend_from_slice(verified);
    }
    plaintext.extend_from_slice(&decryptor.finish()?);
    Ok(plaintext)
}
