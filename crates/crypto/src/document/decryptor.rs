//! Decryption of a stream that arrives in pieces, without I/O.

use std::{fmt, ops::Range};

use crypt_keeper_secret::DocumentKey;

use crate::{
    DocumentIdBytes,
    document::{
        header::Header,
        layout::{HEADER_LENGTH, SEGMENT_LENGTH, TAG_LENGTH, payload_start},
        segments::SegmentDecryptor,
        transform::Transform,
    },
    error::{Alteration, DocumentError},
};

/// Takes the stored object in pieces of any size, gives verified plaintext a segment at a time.
/// Holds one segment (1 MiB) of memory, whatever the document's length.
///
/// What [`push`](Self::push) gave is genuine; that it is everything, only
/// [`finish`](Self::finish) tells.
pub struct Decryptor {
    key: DocumentKey,
    document_id: DocumentIdBytes,
    segments: Option<SegmentDecryptor>,
    buffer: Vec<u8>,
    filled: usize,
    segment: u32,
    failure: Option<DocumentError>,
}

impl Decryptor {
    /// Starts the decryption of one document. The header comes with the first bytes pushed.
    #[must_use]
    pub fn new(key: &DocumentKey, document_id: &DocumentIdBytes) -> Self {
        Self {
            key: key.clone(),
            document_id: *document_id,
            segments: None,
            buffer: vec![0; SEGMENT_LENGTH],
            filled: 0,
            segment: 0,
            failure: None,
        }
    }

    /// Takes from the front of `ciphertext`, which shrinks by what was taken, and answers the
    /// plaintext of a segment when one is verified. Call until `None`: all was taken then, and the
    /// next piece is wanted.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if a segment does not verify. Nothing more comes out
    /// after an error: every later call answers it again.
    pub fn push(&mut self, ciphertext: &mut &[u8]) -> Result<Option<&[u8]>, DocumentError> {
        Ok(self.step(ciphertext)?.map(|ready| &self.buffer[ready]))
    }

    /// Ends the object: answers the plaintext of the last segment once it is verified that the
    /// document ends with it.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if the document does not end here, or something
    /// before was refused.
    pub fn finish(mut self) -> Result<Vec<u8>, DocumentError> {
        let Range { start, end } = self.close()?;
        self.buffer.copy_within(start..end, 0);
        self.buffer.truncate(end - start);
        Ok(self.buffer)
    }

    fn once_failed_always_failed<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        act(self).inspect_err(|error| self.failure = Some(error.clone()))
    }

    fn try_step(&mut self, ciphertext: &mut &[u8]) -> Result<Option<Range<usize>>, DocumentError> {
        // A full segment waits for the next byte: only then is it known not to be the last.
        let taken = ciphertext.len().min(SEGMENT_LENGTH - self.filled);
        let (now, later) = ciphertext.split_at(taken);
        self.buffer[self.filled..self.filled + taken].copy_from_slice(now);
        self.filled += taken;
        *ciphertext = later;
        if self.segments.is_none() && self.filled >= HEADER_LENGTH {
            let mut header = [0; HEADER_LENGTH];
            header.copy_from_slice(&self.buffer[..HEADER_LENGTH]);
            let header = Header::parse(&header)?;
            self.segments = Some(SegmentDecryptor::new(
                &self.key,
                &self.document_id,
                &header,
            )?);
        }
        if later.is_empty() {
            Ok(None)
        } else {
            self.open(false).map(Some)
        }
    }

    /// Opens the segment in the buffer and makes room for the next; answers where its plaintext is.
    fn open(&mut self, last: bool) -> Result<Range<usize>, DocumentError> {
        let Some(segments) = &self.segments else {
            return Err(Alteration::CutShort.into());
        };
        let filled = self.filled;
        segments.open(self.segment, last, &mut self.buffer[..filled])?;
        let plaintext = payload_start(self.segment)..filled - TAG_LENGTH;
        self.segment += 1;
        self.filled = 0;
        Ok(plaintext)
    }
}

impl Transform for Decryptor {
    fn step(&mut self, ciphertext: &mut &[u8]) -> Result<Option<Range<usize>>, DocumentError> {
        self.once_failed_always_failed(|decryptor| decryptor.try_step(ciphertext))
    }

    fn close(&mut self) -> Result<Range<usize>, DocumentError> {
        self.once_failed_always_failed(|decryptor| decryptor.open(true))
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decryptor")
            .field("segment", &self.segment)
            .finish_non_exhaustive()
    }
}
