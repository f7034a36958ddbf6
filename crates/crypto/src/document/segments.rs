//! One segment at a time, in place, in any order, on any thread: the core without I/O.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crypt_keeper_secret::{DocumentKey, ExposeSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    DocumentIdBytes, aead,
    document::{
        header::{FreshHeader, Header},
        layout::{HEADER_LENGTH, MAX_SEGMENTS, SEGMENT_LENGTH, TAG_LENGTH, payload_start},
    },
    error::{Alteration, DocumentError, OpenSslError},
    hkdf::hkdf_sha256,
};

/// The highest number a segment may have.
const LAST_SEGMENT: u32 = MAX_SEGMENTS - 1;
const ASSOCIATED_DATA_PREFIX: &[u8] = b"crypt-keeper/document/v1\0";

/// What both directions share: the key derived for one encryption of one document, and its header.
struct SegmentKey {
    derived: Zeroizing<[u8; aead::KEY_LENGTH]>,
    header: Header,
}

impl SegmentKey {
    fn derive(
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: Header,
    ) -> Result<Self, OpenSslError> {
        let mut derived = Zeroizing::new([0; aead::KEY_LENGTH]);
        let info: [&[u8]; 2] = [ASSOCIATED_DATA_PREFIX, document_id];
        hkdf_sha256(
            key.expose_secret(),
            header.salt(),
            &info,
            derived.as_mut_slice(),
        )?;
        Ok(Self { derived, header })
    }

    fn nonce(&self, segment: u32, last: bool) -> [u8; aead::NONCE_LENGTH] {
        let mut nonce = [0; aead::NONCE_LENGTH];
        nonce[..7].copy_from_slice(self.header.nonce_prefix());
        nonce[7..11].copy_from_slice(&segment.to_be_bytes());
        nonce[11] = u8::from(last);
        nonce
    }
}

/// Whether a buffer of `length` bytes can be the whole of a segment, header and tag included.
fn length_is_possible(segment: u32, last: bool, length: usize) -> bool {
    let shortest = payload_start(segment) + TAG_LENGTH + usize::from(segment != 0);
    if last {
        (shortest..=SEGMENT_LENGTH).contains(&length)
    } else {
        length == SEGMENT_LENGTH
    }
}

/// Encrypts the segments of one document once.
///
/// Segments are numbered as [`next_segment`](Self::next_segment) hands out their slots; a slot is
/// used up by sealing, so no segment is ever encrypted twice. Slots may go to several threads and
/// be sealed in any order.
pub struct SegmentEncryptor {
    key: Arc<SegmentKey>,
    next: AtomicU32,
}

impl SegmentEncryptor {
    /// Derives the key of this encryption; the header is used up.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: FreshHeader,
    ) -> Result<Self, OpenSslError> {
        let key = SegmentKey::derive(key, document_id, header.into_header())?;
        Ok(Self {
            key: Arc::new(key),
            next: AtomicU32::new(0),
        })
    }

    /// The header of this encryption, which segment 0 starts with.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.key.header
    }

    /// Hands out the next segment's slot: 0, 1, 2 and so on.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] when the format's segments are used up.
    pub fn next_segment(&self) -> Result<SegmentSlot, DocumentError> {
        let increment = |next: u32| (next < MAX_SEGMENTS).then(|| next + 1);
        let segment = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, increment)
            .map_err(|_| DocumentError::TooLong)?;
        Ok(SegmentSlot {
            key: Arc::clone(&self.key),
            segment,
        })
    }
}

impl fmt::Debug for SegmentEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentEncryptor")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// The right to encrypt one segment, once.
pub struct SegmentSlot {
    key: Arc<SegmentKey>,
    segment: u32,
}

impl SegmentSlot {
    /// Number of the segment, from 0.
    #[must_use]
    pub const fn segment(&self) -> u32 {
        self.segment
    }

    /// Where the plaintext goes in the buffer of [`seal`](Self::seal): at 40 in segment 0, for the
    /// header comes first, at 0 in every other.
    #[must_use]
    pub const fn payload_start(&self) -> usize {
        payload_start(self.segment)
    }

    /// Encrypts in place. `buffer` becomes the object's bytes of this segment: it comes with the
    /// plaintext between [`payload_start`](Self::payload_start) and 16 bytes before its end; the
    /// header (in segment 0) and the tag are written here.
    ///
    /// # Errors
    /// [`DocumentError::BadSegmentLength`] unless the buffer holds exactly 1 MiB, or, for the last
    /// segment, at most that and (but in segment 0) at least one byte of plaintext.
    pub fn seal(self, last: bool, buffer: &mut [u8]) -> Result<(), DocumentError> {
        let Self { key, segment } = self;
        if !length_is_possible(segment, last, buffer.len()) {
            return Err(DocumentError::BadSegmentLength {
                segment,
                length: buffer.len(),
                last,
            });
        }
        let (head, payload) = buffer.split_at_mut(payload_start(segment));
        if segment == 0 {
            head.copy_from_slice(key.header.as_bytes());
        }
        let (plaintext, tag) = payload.split_at_mut(payload.len() - TAG_LENGTH);
        let nonce = key.nonce(segment, last);
        tag.copy_from_slice(&aead::seal_in_place(&key.derived, &nonce, &[], plaintext)?);
        Ok(())
    }
}

impl fmt::Debug for SegmentSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentSlot")
            .field("segment", &self.segment)
            .finish_non_exhaustive()
    }
}

/// Decrypts the segments of one document, in any order and on any number of threads. A clone is
/// cheap and shares the derived key.
///
/// That a segment verifies as the last one says that the document ends with it; that all before it
/// were seen is for the caller to know.
#[derive(Clone)]
pub struct SegmentDecryptor {
    key: Arc<SegmentKey>,
}

impl SegmentDecryptor {
    /// Derives the key of the encryption that `header` started.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(
        key: &DocumentKey,
        document_id: &DocumentIdBytes,
        header: &Header,
    ) -> Result<Self, OpenSslError> {
        Ok(Self {
            key: Arc::new(SegmentKey::derive(key, document_id, *header)?),
        })
    }

    /// Decrypts in place the object's bytes of one segment (the header is among those of segment 0)
    /// and answers the plaintext within the buffer. A segment is the last if and only if it ends
    /// where the object ends.
    ///
    /// # Errors
    /// [`DocumentError::AlteredOrIncomplete`] if the segment does not verify as number `segment`
    /// with this `last`, or has a length no such segment has. The buffer is wiped then.
    pub fn open<'a>(
        &self,
        segment: u32,
        last: bool,
        buffer: &'a mut [u8],
    ) -> Result<&'a mut [u8], DocumentError> {
        if segment > LAST_SEGMENT {
            buffer.zeroize();
            return Err(Alteration::TooManySegments.into());
        }
        if !length_is_possible(segment, last, buffer.len()) {
            let too_long = buffer.len() > SEGMENT_LENGTH;
            buffer.zeroize();
            let fault = if too_long {
                Alteration::TrailingBytes
            } else {
                Alteration::CutShort
            };
            return Err(fault.into());
        }
        if segment == 0 && buffer[..HEADER_LENGTH] != *self.key.header.as_bytes() {
            buffer.zeroize();
            return Err(Alteration::SegmentNotVerified { segment }.into());
        }
        let (_, payload) = buffer.split_at_mut(payload_start(segment));
        let (ciphertext, tag) = payload.split_at_mut(payload.len() - TAG_LENGTH);
        let mut expected = [0; TAG_LENGTH];
        expected.copy_from_slice(tag);
        let nonce = self.key.nonce(segment, last);
        if aead::open_in_place(&self.key.derived, &nonce, &[], ciphertext, &expected)? {
            Ok(ciphertext)
        } else {
            Err(Alteration::SegmentNotVerified { segment }.into())
        }
    }
}

impl fmt::Debug for SegmentDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentDecryptor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_used_and_no_number_comes_twice() {
        let (key, id) = (DocumentKey::new(Box::new([1; 32])), [2; 16]);
        let encryptor = SegmentEncryptor::new(&key, &id, FreshHeader::generate().unwrap()).unwrap();
        encryptor.next.store(LAST_SEGMENT, Ordering::Relaxed);
        let slot = encryptor.next_segment().unwrap();
        assert_eq!(slot.segment(), u32::MAX - 1);
        for _ in 0..3 {
            assert!(matches!(
                encryptor.next_segment(),
                Err(DocumentError::TooLong)
            ));
        }
        let mut buffer = vec![b'x'; 20];
        slot.seal(true, &mut buffer).unwrap();

        let decryptor = SegmentDecryptor::new(&key, &id, encryptor.header()).unwrap();
        let opened = decryptor
            .open(LAST_SEGMENT, true, &mut buffer.clone())
            .unwrap()
            .to_vec();
        assert_eq!(opened, b"xxxx");
        assert!(matches!(
            decryptor.open(MAX_SEGMENTS, true, &mut buffer),
            Err(DocumentError::AlteredOrIncomplete(
                Alteration::TooManySegments
            ))
        ));
    }
}
