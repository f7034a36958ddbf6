//! The format over [`std::io::Write`].

use std::io::{self, Write};

use crypt_keeper_secret::DocumentKey;

use crate::{
    DocumentIdBytes,
    document::{decryptor::Decryptor, encryptor::Encryptor, header::FreshHeader},
    error::OpenSslError,
};

/// A write that failed half-way cannot be repeated: where the target stands is not known.
fn refuse_after_failure(failed: bool) -> io::Result<()> {
    if failed {
        Err(io::Error::other("an earlier write failed; start again"))
    } else {
        Ok(())
    }
}

/// Takes plaintext, writes the stored object to a target. The object is complete only after
/// [`finish`](Self::finish); dropped before, it is one that every reader refuses.
#[derive(Debug)]
pub struct EncryptingWriter<W> {
    target: W,
    encryptor: Encryptor,
    failed: bool,
}

impl<W: Write> EncryptingWriter<W> {
    /// Starts the encryption of one document into `target`; the header is used up.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(
        target: W,
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: FreshHeader,
    ) -> Result<Self, OpenSslError> {
        Ok(Self {
            target,
            encryptor: Encryptor::new(key, document_id, header)?,
            failed: false,
        })
    }

    /// Writes the last segment, flushes, and gives the target back.
    ///
    /// # Errors
    /// Those of the target, and [`DocumentError`](crate::DocumentError) as an [`io::Error`].
    pub fn finish(self) -> io::Result<W> {
        refuse_after_failure(self.failed)?;
        let mut target = self.target;
        target.write_all(&self.encryptor.finish()?)?;
        target.flush()?;
        Ok(target)
    }

    fn push(&mut self, mut plaintext: &[u8]) -> io::Result<()> {
        while let Some(segment) = self.encryptor.push(&mut plaintext)? {
            self.target.write_all(segment)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for EncryptingWriter<W> {
    fn write(&mut self, plaintext: &[u8]) -> io::Result<usize> {
        refuse_after_failure(self.failed)?;
        self.push(plaintext).inspect_err(|_| self.failed = true)?;
        Ok(plaintext.len())
    }

    /// Flushes the target. An unfinished segment stays here: it has no tag yet.
    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// Takes a stored object, writes verified plaintext to a target. The plaintext is known to be
/// complete only after [`finish`](Self::finish).
#[derive(Debug)]
pub struct DecryptingWriter<W> {
    target: W,
    decryptor: Decryptor,
    failed: bool,
}

impl<W: Write> DecryptingWriter<W> {
    /// Starts the decryption of one document into `target`.
    #[must_use]
    pub fn new(target: W, key: &DocumentKey, document_id: &DocumentIdBytes) -> Self {
        Self {
            target,
            decryptor: Decryptor::new(key, document_id),
            failed: false,
        }
    }

    /// Verifies that the document ends here, writes its last bytes, flushes, and gives the target
    /// back.
    ///
    /// # Errors
    /// Those of the target, and [`DocumentError`](crate::DocumentError) as an [`io::Error`].
    pub fn finish(self) -> io::Result<W> {
        refuse_after_failure(self.failed)?;
        let mut target = self.target;
        target.write_all(&self.decryptor.finish()?)?;
        target.flush()?;
        Ok(target)
    }

    fn push(&mut self, mut ciphertext: &[u8]) -> io::Result<()> {
        while let Some(verified) = self.decryptor.push(&mut ciphertext)? {
            self.target.write_all(verified)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for DecryptingWriter<W> {
    fn write(&mut self, ciphertext: &[u8]) -> io::Result<usize> {
        refuse_after_failure(self.failed)?;
        self.push(ciphertext).inspect_err(|_| self.failed = true)?;
        Ok(ciphertext.len())
    }

    /// Flushes the target. An unfinished segment stays here: it is not verified yet.
    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}
