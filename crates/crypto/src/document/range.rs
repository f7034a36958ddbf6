//! Ranges of plaintext out of a stored object: what to fetch, and how to verify it.

use std::{fmt, ops::Range};

use crate::{
    document::{
        layout::{Layout, TAG_LENGTH, payload_start},
        segments::SegmentDecryptor,
    },
    error::{Alteration, DocumentError},
};

/// Which of the object's bytes a range of plaintext needs: whole segments, for nothing less can be
/// verified.
///
/// The object's length is a claim of the store. It is believed only as far as it is verified: a
/// range that reaches the claimed end always takes in the last segment, whose tag proves the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangePlan {
    layout: Layout,
    wanted: Range<u64>,
    segments: Range<u32>,
}

impl RangePlan {
    /// Plans to read plaintext bytes `wanted` of an object of `ciphertext_length` bytes. A range
    /// beyond the end is shortened to what there is.
    ///
    /// # Errors
    /// [`DocumentError::BadRange`] if the range ends before it starts;
    /// [`DocumentError::AlteredOrIncomplete`] if no document has an object of this length.
    pub fn new(ciphertext_length: u64, wanted: Range<u64>) -> Result<Self, DocumentError> {
        let Range { start, end } = wanted;
        if end < start {
            return Err(DocumentError::BadRange { start, end });
        }
        let layout = Layout::of_ciphertext(ciphertext_length)?;
        let length = layout.plaintext_length();
        let segments = if start >= length {
            // Nothing to read, and that has to be proved.
            layout.segments() - 1..layout.segments()
        } else if start == end {
            0..0
        } else {
            layout.segment_holding(start)..layout.segment_holding(end - 1) + 1
        };
        Ok(Self {
            layout,
            wanted: start.min(length)..end.min(length),
            segments,
        })
    }

    /// The object's bytes to fetch; empty for an empty range inside the document. Beside them, the
    /// object's first 40 bytes (its [`Header`](crate::Header)) are needed once.
    #[must_use]
    pub fn ciphertext_range(&self) -> Range<u64> {
        match self.segments.clone().next_back() {
            None => 0..0,
            Some(last) => {
                self.layout.ciphertext_range(self.segments.start).start
                    ..self.layout.ciphertext_range(last).end
            }
        }
    }

    /// The plaintext bytes that will come out: those wanted, as far as there are any.
    #[must_use]
    pub fn plaintext_range(&self) -> Range<u64> {
        self.wanted.clone()
    }

    /// The numbers of the segments to fetch.
    #[must_use]
    pub fn segments(&self) -> Range<u32> {
        self.segments.clone()
    }

    /// The layout that the object's length claims.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Starts to decrypt what was planned.
    #[must_use]
    pub fn decryptor(self, segments: SegmentDecryptor) -> RangeDecryptor {
        let next = self.segments.start;
        let capacity = self.segment_length(next);
        RangeDecryptor {
            plan: self,
            segments,
            buffer: vec![0; capacity],
            filled: 0,
            next,
            failure: None,
        }
    }

    /// Length of a planned segment; 0 for any other.
    fn segment_length(&self, segment: u32) -> usize {
        if !self.segments.contains(&segment) {
            return 0;
        }
        let Range { start, end } = self.layout.ciphertext_range(segment);
        // At most 1 MiB.
        usize::try_from(end - start).unwrap_or(0)
    }
}

/// Where a range ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEnd {
    /// Inside the document, as far as is known.
    Inside,
    /// At its end, which was verified.
    DocumentEnd,
}

/// Takes the fetched bytes in pieces of any size, gives exactly the plaintext range that was
/// planned, each byte verified.
pub struct RangeDecryptor {
    plan: RangePlan,
    segments: SegmentDecryptor,
    buffer: Vec<u8>,
    filled: usize,
    next: u32,
    failure: Option<DocumentError>,
}

impl RangeDecryptor {
    /// Takes from the front of `ciphertext`, which shrinks by what was taken, and answers plaintext
    /// of the range when a segment is verified. Call until `None`: all was taken then.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if a segment does not verify, or more comes than was
    /// planned. Every later call answers it again.
    pub fn push(&mut self, ciphertext: &mut &[u8]) -> Result<Option<&[u8]>, DocumentError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        match self.step(ciphertext) {
            Ok(ready) => Ok(ready.map(|ready| &self.buffer[ready])),
            Err(error) => {
                self.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Ends the range: everything planned was seen and verified.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if something is missing or was refused before.
    pub fn finish(self) -> Result<RangeEnd, DocumentError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.next != self.plan.segments.end {
            return Err(Alteration::CutShort.into());
        }
        let proved = self.next == self.plan.layout.segments();
        let reached = self.plan.wanted.end == self.plan.layout.plaintext_length();
        Ok(if proved && reached {
            RangeEnd::DocumentEnd
        } else {
            RangeEnd::Inside
        })
    }

    fn step(&mut self, ciphertext: &mut &[u8]) -> Result<Option<Range<usize>>, DocumentError> {
        while !ciphertext.is_empty() {
            let length = self.plan.segment_length(self.next);
            if length == 0 {
                return Err(Alteration::TrailingBytes.into());
            }
            let taken = ciphertext.len().min(length - self.filled);
            let (now, later) = ciphertext.split_at(taken);
            // The first planned segment is no shorter than any later one.
            self.buffer[self.filled..self.filled + taken].copy_from_slice(now);
            self.filled += taken;
            *ciphertext = later;
            if self.filled == length {
                let wanted = self.open(length)?;
                if !wanted.is_empty() {
                    return Ok(Some(wanted));
                }
            }
        }
        Ok(None)
    }

    /// Opens the segment in the buffer; answers where the wanted part of its plaintext is.
    fn open(&mut self, length: usize) -> Result<Range<usize>, DocumentError> {
        let segment = self.next;
        let last = self.plan.layout.is_last(segment);
        self.segments
            .open(segment, last, &mut self.buffer[..length])?;
        self.next += 1;
        self.filled = 0;
        let held = self.plan.layout.plaintext_range(segment);
        let within = |offset: u64| {
            let offset = offset.clamp(held.start, held.end) - held.start;
            payload_start(segment) + usize::try_from(offset).unwrap_or(0)
        };
        let wanted = within(self.plan.wanted.start)..within(self.plan.wanted.end);
        debug_assert!(wanted.end <= length - TAG_LENGTH);
        Ok(wanted)
    }
}

impl fmt::Debug for RangeDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The buffer holds plaintext.
        f.debug_struct("RangeDecryptor")
            .field("plan", &self.plan)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
