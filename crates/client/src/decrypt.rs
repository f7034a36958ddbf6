//! Decryption on its way from the network: takes the object in parts, writes verified plaintext.
//!
//! Synchronous; it runs on a thread of its own, so that disk and cipher work while the network
//! does.

use crate::error::Error;
use bytes::Bytes;
use crypt_keeper_crypto::{CbcDecryptor, Decryptor, DocumentError, DocumentKey, Format};
use std::io::{self, Write};
use tokio::sync::mpsc::Receiver;

/// A part of an object, or the word that there are no more.
pub(crate) enum Part {
    Bytes(Bytes),
    End,
}

/// Why a decryption ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The bytes are not, or not all of, the document.
    Document(DocumentError),
    /// The plaintext could not be written.
    Write(io::Error),
    /// The sender of the parts is gone; it knows why.
    Abandoned,
}

impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

/// Decrypts a whole object into `sink` and answers the plaintext's length in bytes.
pub(crate) fn decrypt(
    format: Format,
    key: &DocumentKey,
    id: &[u8; 16],
    content_length: u64,
    mut parts: Receiver<Part>,
    sink: &mut dyn Write,
) -> Result<u64, Failure> {
    let mut written = 0;
    let mut write = |bytes: &[u8]| {
        written += bytes.len() as u64;
        sink.write_all(bytes).map_err(Failure::Write)
    };
    match format {
        Format::Aes256GcmHkdf1Mb => {
            let mut decryptor = Decryptor::new(key, id);
            while let Some(part) = next(&mut parts)? {
                let mut left = &part[..];
                while let Some(verified) = decryptor.push(&mut left)? {
                    write(verified)?;
                }
            }
            write(&decryptor.finish()?)?;
        }
        Format::AesCbc => {
            let mut decryptor = CbcDecryptor::new(key, content_length)?;
            while let Some(part) = next(&mut parts)? {
                let mut left = &part[..];
                while let Some(plaintext) = decryptor.push(&mut left)? {
                    write(plaintext)?;
                }
            }
            decryptor.finish()?;
        }
    }
    sink.flush().map_err(Failure::Write)?;
    Ok(written)
}

fn next(parts: &mut Receiver<Part>) -> Result<Option<Bytes>, Failure> {
    match parts.blocking_recv() {
        Some(Part::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Part::End) => Ok(None),
        // Not an end: a broken connection must never look like a short document.
        None => Err(Failure::Abandoned),
    }
}

/// What a failure of the format means to the user.
pub(crate) fn altered(error: &DocumentError) -> Error {
    match error {
        DocumentError::AlteredOrIncomplete(how) => Error::Altered(how.to_string()),
        DocumentError::TooLong => Error::Altered("no object has its stated length".to_owned()),
        other => Error::Internal(other.to_string()),
    }
}
