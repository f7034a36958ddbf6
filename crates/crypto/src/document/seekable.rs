//! Random access to the plaintext of an object that can seek, such as a file.

use std::{
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

use crypt_keeper_secret::DocumentKey;

use crate::{
    DocumentIdBytes,
    document::{
        header::Header,
        layout::{HEADER_LENGTH, Layout, TAG_LENGTH, payload_start},
        segments::SegmentDecryptor,
    },
    error::{Alteration, DocumentError},
};

/// Reads any part of a stored document's plaintext. Opening verifies the last segment, so the
/// length and the end are known to be the document's; every other segment is verified when it is
/// read. Holds one segment of memory.
pub struct SeekableReader<R> {
    source: R,
    segments: SegmentDecryptor,
    layout: Layout,
    buffer: Vec<u8>,
    /// The segment whose plaintext the buffer holds, and where.
    held: Option<(u32, Range<usize>)>,
    position: u64,
}

impl<R: Read + Seek> SeekableReader<R> {
    /// Reads the header and verifies the last segment.
    ///
    /// # Errors
    /// Those of the source; a [`DocumentError`] as an [`io::Error`] of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the document was altered or is incomplete.
    pub fn open(
        mut source: R,
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
    ) -> io::Result<Self> {
        let layout = Layout::of_ciphertext(source.seek(SeekFrom::End(0))?)?;
        let mut header = [0; HEADER_LENGTH];
        source.seek(SeekFrom::Start(0))?;
        read_exactly(&mut source, &mut header)?;
        let segments = SegmentDecryptor::new(key, document_id, &Header::parse(&header)?)
            .map_err(DocumentError::from)?;
        let mut reader = Self {
            source,
            segments,
            layout,
            buffer: Vec::new(),
            held: None,
            position: 0,
        };
        reader.load(layout.segments() - 1)?;
        Ok(reader)
    }

    /// Length of the plaintext in bytes, verified.
    #[must_use]
    pub const fn plaintext_length(&self) -> u64 {
        self.layout.plaintext_length()
    }

    /// Makes the buffer hold this segment; answers where its plaintext is.
    fn load(&mut self, segment: u32) -> io::Result<Range<usize>> {
        match &self.held {
            Some((held, plaintext)) if *held == segment => return Ok(plaintext.clone()),
            _ => self.held = None,
        }
        let Range { start, end } = self.layout.ciphertext_range(segment);
        let length = usize::try_from(end - start).map_err(io::Error::other)?;
        self.buffer.resize(length, 0);
        self.source.seek(SeekFrom::Start(start))?;
        read_exactly(&mut self.source, &mut self.buffer)?;
        self.segments
            .open(segment, self.layout.is_last(segment), &mut self.buffer)?;
        let plaintext = payload_start(segment)..length - TAG_LENGTH;
        self.held = Some((segment, plaintext.clone()));
        Ok(plaintext)
    }
}

/// A source that is shorter than it said is a document that was cut.
fn read_exactly(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    source
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => DocumentError::from(Alteration::CutShort).into(),
            _ => error,
        })
}

impl<R: Read + Seek> Read for SeekableReader<R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() || self.position >= self.plaintext_length() {
            return Ok(0);
        }
        let segment = self.layout.segment_holding(self.position);
        let plaintext = self.load(segment)?;
        let skipped = self.position - self.layout.plaintext_range(segment).start;
        let skipped = usize::try_from(skipped).map_err(io::Error::other)?;
        let available = &self.buffer[plaintext][skipped..];
        let length = available.len().min(output.len());
        output[..length].copy_from_slice(&available[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl<R: Read + Seek> Seek for SeekableReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.plaintext_length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "seek to before the start of the document",
            )
        })?;
        Ok(self.position)
    }
}
