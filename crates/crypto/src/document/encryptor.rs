//! Encryption of a stream that arrives in pieces, without I/O.

use std::{fmt, ops::Range};

use crypt_keeper_secret::DocumentKey;

use crate::{
    DocumentIdBytes,
    document::{
        header::{FreshHeader, Header},
        layout::{HEADER_LENGTH, SEGMENT_LENGTH, TAG_LENGTH},
        segments::SegmentEncryptor,
        transform::Transform,
    },
    error::{DocumentError, OpenSslError},
};

/// Where a segment's tag starts when the segment is full.
const FULL: usize = SEGMENT_LENGTH - TAG_LENGTH;

/// Takes plaintext in pieces of any size, gives the stored object a segment at a time. Holds one
/// segment (1 MiB) of memory, whatever the document's length.
pub struct Encryptor {
    segments: SegmentEncryptor,
    buffer: Vec<u8>,
    filled: usize,
}

impl Encryptor {
    /// Starts the encryption of one document; the header is used up.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: FreshHeader,
    ) -> Result<Self, OpenSslError> {
        let segments = SegmentEncryptor::new(key, document_id, header)?;
        Ok(Self {
            segments,
            buffer: vec![0; SEGMENT_LENGTH],
            filled: HEADER_LENGTH,
        })
    }

    /// The header of this encryption, which the object starts with.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.segments.header()
    }

    /// Takes from the front of `plaintext`, which shrinks by what was taken, and answers a segment
    /// of the object when one is complete. Call until `None`: all was taken then, and the next
    /// piece is wanted.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] beyond what the format holds. After an error the encryption is to
    /// be abandoned.
    pub fn push(&mut self, plaintext: &mut &[u8]) -> Result<Option<&[u8]>, DocumentError> {
        Ok(self.step(plaintext)?.map(|ready| &self.buffer[ready]))
    }

    /// Ends the document and answers the object's last bytes.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] beyond what the format holds.
    pub fn finish(mut self) -> Result<Vec<u8>, DocumentError> {
        let last = self.close()?;
        self.buffer.truncate(last.end);
        Ok(self.buffer)
    }
}

impl Transform for Encryptor {
    fn step(&mut self, plaintext: &mut &[u8]) -> Result<Option<Range<usize>>, DocumentError> {
        // A full segment waits for the next byte: only then is it known not to be the last.
        let taken = plaintext.len().min(FULL - self.filled);
        let (now, later) = plaintext.split_at(taken);
        self.buffer[self.filled..self.filled + taken].copy_from_slice(now);
        self.filled += taken;
        *plaintext = later;
        if later.is_empty() {
            return Ok(None);
        }
        self.segments
            .next_segment()?
            .seal(false, &mut self.buffer)?;
        self.filled = 0;
        Ok(Some(0..SEGMENT_LENGTH))
    }

    fn close(&mut self) -> Result<Range<usize>, DocumentError> {
        let end = self.filled + TAG_LENGTH;
        self.segments
            .next_segment()?
            .seal(true, &mut self.buffer[..end])?;
        Ok(0..end)
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The buffer holds plaintext.
        f.debug_struct("Encryptor")
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}
