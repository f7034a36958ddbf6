//! Where everything lies: pure arithmetic between plaintext, segments and the stored object.

use std::ops::Range;

use crate::error::{Alteration, DocumentError};

/// Length of a full segment of the stored object, in bytes: 1 MiB. Segment `k` is the object's
/// bytes from `k * SEGMENT_LENGTH` to the next multiple or the end; the header lies in segment 0.
pub const SEGMENT_LENGTH: usize = 1_048_576;
/// Length of the header, in bytes.
pub const HEADER_LENGTH: usize = 40;
/// Length of the tag that ends each segment, in bytes.
pub const TAG_LENGTH: usize = 16;
/// Length of the shortest object there is, that of an empty document, in bytes.
pub const MIN_CIPHERTEXT_LENGTH: u64 = (HEADER_LENGTH + TAG_LENGTH) as u64;
/// Most segments an object may have. The 32-bit counter's last value stays unused, as in Tink.
pub const MAX_SEGMENTS: u32 = u32::MAX;
/// Longest plaintext the format holds, in bytes: just under 4 PiB.
pub const MAX_PLAINTEXT_LENGTH: u64 = FIRST_CAPACITY + (MAX_SEGMENTS as u64 - 1) * CAPACITY;

const SEGMENT: u64 = SEGMENT_LENGTH as u64;
const HEADER: u64 = HEADER_LENGTH as u64;
const TAG: u64 = TAG_LENGTH as u64;
/// Plaintext bytes of a full segment 0 and of any other full segment.
const FIRST_CAPACITY: u64 = SEGMENT - HEADER - TAG;
const CAPACITY: u64 = SEGMENT - TAG;

/// Most plaintext bytes that segment number `segment` holds.
#[must_use]
pub const fn segment_capacity(segment: u32) -> usize {
    SEGMENT_LENGTH - payload_start(segment) - TAG_LENGTH
}

/// Where the ciphertext proper starts within a segment: after the header in segment 0, else at 0.
#[must_use]
pub const fn payload_start(segment: u32) -> usize {
    if segment == 0 { HEADER_LENGTH } else { 0 }
}

/// Length in bytes of the stored object for a plaintext of this length.
///
/// # Errors
/// [`DocumentError::TooLong`] beyond [`MAX_PLAINTEXT_LENGTH`].
pub fn ciphertext_length(plaintext_length: u64) -> Result<u64, DocumentError> {
    Ok(Layout::of_plaintext(plaintext_length)?.ciphertext_length())
}

/// Length in bytes of the plaintext of a stored object of this length. An unverified claim, as the
/// object's length is.
///
/// # Errors
/// [`DocumentError::AlteredOrIncomplete`] if no document has an object of this length.
pub fn plaintext_length(ciphertext_length: u64) -> Result<u64, DocumentError> {
    Ok(Layout::of_ciphertext(ciphertext_length)?.plaintext_length())
}

/// The layout of one document: how many segments, and which bytes each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    plaintext_length: u64,
    segments: u32,
}

impl Layout {
    /// The layout of a document with this many bytes of plaintext.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] beyond [`MAX_PLAINTEXT_LENGTH`].
    pub fn of_plaintext(plaintext_length: u64) -> Result<Self, DocumentError> {
        let further = plaintext_length
            .saturating_sub(FIRST_CAPACITY)
            .div_ceil(CAPACITY);
        let segments = u32::try_from(1 + further).map_err(|_| DocumentError::TooLong)?;
        Ok(Self {
            plaintext_length,
            segments,
        })
    }

    /// The layout of a stored object of this length.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if no document has an object of this length.
    pub fn of_ciphertext(ciphertext_length: u64) -> Result<Self, DocumentError> {
        if ciphertext_length < MIN_CIPHERTEXT_LENGTH {
            return Err(Alteration::CutShort.into());
        }
        let segments = u32::try_from(ciphertext_length.div_ceil(SEGMENT))
            .map_err(|_| Alteration::TooManySegments)?;
        let last_length = ciphertext_length - u64::from(segments - 1) * SEGMENT;
        // Only the first segment of a document may be empty.
        if segments > 1 && last_length <= TAG {
            return Err(Alteration::CutShort.into());
        }
        let plaintext_length = ciphertext_length - HEADER - TAG * u64::from(segments);
        Ok(Self {
            plaintext_length,
            segments,
        })
    }

    /// Length of the plaintext in bytes.
    #[must_use]
    pub const fn plaintext_length(&self) -> u64 {
        self.plaintext_length
    }

    /// Length of the stored object in bytes.
    #[must_use]
    pub fn ciphertext_length(&self) -> u64 {
        HEADER + self.plaintext_length + TAG * u64::from(self.segments)
    }

    /// How many segments there are: at least 1.
    #[must_use]
    pub const fn segments(&self) -> u32 {
        self.segments
    }

    /// Whether this is the number of the last segment.
    #[must_use]
    pub const fn is_last(&self, segment: u32) -> bool {
        segment == self.segments - 1
    }

    /// The object's bytes that are segment number `segment`; empty beyond the last.
    #[must_use]
    pub fn ciphertext_range(&self, segment: u32) -> Range<u64> {
        let start = u64::from(segment) * SEGMENT;
        let end = self.ciphertext_length();
        start.min(end)..(start + SEGMENT).min(end)
    }

    /// The plaintext's bytes that segment number `segment` holds; empty beyond the last.
    #[must_use]
    pub fn plaintext_range(&self, segment: u32) -> Range<u64> {
        let end = self.plaintext_length;
        plaintext_start(segment).min(end)..plaintext_start_wide(u64::from(segment) + 1).min(end)
    }

    /// Which segment holds the plaintext byte at `offset`; the last segment for any offset at or
    /// beyond the end.
    #[must_use]
    pub fn segment_holding(&self, offset: u64) -> u32 {
        let segment = if offset < FIRST_CAPACITY {
            0
        } else {
            1 + (offset - FIRST_CAPACITY) / CAPACITY
        };
        u32::try_from(segment).map_or(self.segments - 1, |segment| segment.min(self.segments - 1))
    }
}

/// Offset in the plaintext of the first byte of segment number `segment`.
#[must_use]
pub fn plaintext_start(segment: u32) -> u64 {
    plaintext_start_wide(u64::from(segment))
}

fn plaintext_start_wide(segment: u64) -> u64 {
    match segment.checked_sub(1) {
        None => 0,
        Some(before) => FIRST_CAPACITY + before * CAPACITY,
    }
}
