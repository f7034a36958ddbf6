//! The format over [`std::io::Read`].

use std::{
    io::{self, Read},
    ops::Range,
};

use crypt_keeper_secret::DocumentKey;

use crate::{
    DocumentIdBytes,
    document::{
        decryptor::Decryptor, encryptor::Encryptor, header::FreshHeader, transform::Transform,
    },
    error::OpenSslError,
};

const CHUNK_LENGTH: usize = 128 * 1024;

/// What was read from the source and not yet taken.
struct Source<R> {
    inner: R,
    chunk: Box<[u8]>,
    unread: Range<usize>,
    ended: bool,
}

impl<R: Read> Source<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            chunk: vec![0; CHUNK_LENGTH].into_boxed_slice(),
            unread: 0..0,
            ended: false,
        }
    }

    /// Reads on if nothing is left of the last chunk.
    fn refill(&mut self) -> io::Result<()> {
        while self.unread.is_empty() && !self.ended {
            match self.inner.read(&mut self.chunk) {
                Ok(0) => self.ended = true,
                Ok(length) => self.unread = 0..length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A source, and what is made of it.
struct Transformed<R, T> {
    source: Source<R>,
    transform: T,
    ready: Range<usize>,
    closed: bool,
}

impl<R: Read, T: Transform> Transformed<R, T> {
    fn new(source: R, transform: T) -> Self {
        Self {
            source: Source::new(source),
            transform,
            ready: 0..0,
            closed: false,
        }
    }

    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while self.ready.is_empty() && !self.closed {
            self.source.refill()?;
            if self.source.ended {
                self.ready = self.transform.close()?;
                self.closed = true;
            } else {
                let mut unread = &self.source.chunk[self.source.unread.clone()];
                self.ready = self.transform.step(&mut unread)?.unwrap_or(0..0);
                self.source.unread.start = self.source.unread.end - unread.len();
            }
        }
        let bytes = self.transform.bytes(self.ready.clone());
        let length = bytes.len().min(output.len());
        output[..length].copy_from_slice(&bytes[..length]);
        self.ready.start += length;
        Ok(length)
    }
}

/// Reads plaintext from a source and gives the stored object.
pub struct EncryptingReader<R>(Transformed<R, Encryptor>);

impl<R: Read> EncryptingReader<R> {
    /// Starts the encryption of what `source` gives; the header is used up.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(
        source: R,
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: FreshHeader,
    ) -> Result<Self, OpenSslError> {
        let encryptor = Encryptor::new(key, document_id, header)?;
        Ok(Self(Transformed::new(source, encryptor)))
    }
}

impl<R: Read> Read for EncryptingReader<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.0.read(output)
    }
}

/// Reads a stored object from a source and gives verified plaintext. Its end (`Ok(0)`) is reported
/// only after the last segment was verified to be the last.
///
/// An altered or incomplete document is an [`io::Error`] of kind
/// [`InvalidData`](io::ErrorKind::InvalidData) with a [`DocumentError`](crate::DocumentError)
/// inside.
pub struct DecryptingReader<R>(Transformed<R, Decryptor>);

impl<R: Read> DecryptingReader<R> {
    /// Starts the decryption of the object that `source` gives.
    #[must_use]
    pub fn new(source: R, key: &DocumentKey, document_id: &DocumentIdBytes) -> Self {
        Self(Transformed::new(source, Decryptor::new(key, document_id)))
    }
}

impl<R: Read> Read for DecryptingReader<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.0.read(output)
    }
}
