//! Encryption on its way to the network: reads the plaintext, gives the object in parts.
//!
//! Synchronous; it runs on a thread of its own, some parts ahead of the network. Each call is an
//! encryption of its own, under a fresh header or initialization vector: what is read a second
//! time may have changed, and one header over two plaintexts would reuse a nonce.

use crate::error::Error;
use crate::source::Plaintext;
use bytes::Bytes;
use crypt_keeper_crypto::{
    CbcEncryptor, DocumentError, DocumentKey, Format, FreshHeader, Layout, SegmentEncryptor,
};
use std::io::Read;
use std::ops::ControlFlow;

/// Bytes of plaintext that are read at once for `AES|CBC`.
const CBC_PART: u64 = 1 << 20;
/// Length of a segment's tag, in bytes.
const TAG: usize = crypt_keeper_crypto::document::layout::TAG_LENGTH;

/// Encrypts a whole document into `give`, which answers `Break` when nobody wants more.
pub(crate) fn encrypt(
    plaintext: &Plaintext,
    format: Format,
    key: &DocumentKey,
    id: &[u8; 16],
    give: &mut dyn FnMut(Bytes) -> ControlFlow<()>,
) -> Result<(), Error> {
    match format {
        Format::Aes256GcmHkdf1Mb => encrypt_segments(plaintext, key, id, give),
        Format::AesCbc => encrypt_blocks(plaintext, key, give),
    }
}

fn encrypt_segments(
    plaintext: &Plaintext,
    key: &DocumentKey,
    id: &[u8; 16],
    give: &mut dyn FnMut(Bytes) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut reader = plaintext.reader()?;
    let layout = Layout::of_plaintext(plaintext.length()).map_err(failed)?;
    let header = FreshHeader::generate().map_err(|error| Error::Internal(error.to_string()))?;
    let segments = SegmentEncryptor::new(key, id, header)
        .map_err(|error| Error::Internal(error.to_string()))?;
    for segment in 0..layout.segments() {
        let range = layout.ciphertext_range(segment);
        let length = usize::try_from(range.end - range.start)
            .map_err(|_| Error::Internal("a segment does not fit into memory".to_owned()))?;
        let slot = segments.next_segment().map_err(failed)?;
        // Read to where it is encrypted: nothing is copied.
        let mut buffer = vec![0; length];
        reader
            .read_exact(&mut buffer[slot.payload_start()..length - TAG])
            .map_err(|error| plaintext.unreadable(error))?;
        let last = layout.is_last(segment);
        if last {
            plaintext.check_end(&mut reader)?;
        }
        slot.seal(last, &mut buffer).map_err(failed)?;
        if give(Bytes::from(buffer)).is_break() {
            break;
        }
    }
    Ok(())
}

fn encrypt_blocks(
    plaintext: &Plaintext,
    key: &DocumentKey,
    give: &mut dyn FnMut(Bytes) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut reader = plaintext.reader()?;
    let mut encryptor =
        CbcEncryptor::new(key).map_err(|error| Error::Internal(error.to_string()))?;
    let mut left = plaintext.length();
    let mut buffer = Vec::new();
    while left > 0 {
        let part = left.min(CBC_PART);
        buffer.clear();
        let read = reader
            .by_ref()
            .take(part)
            .read_to_end(&mut buffer)
            .map_err(|error| plaintext.unreadable(error))?;
        if read as u64 != part {
            return Err(plaintext.unreadable(std::io::ErrorKind::UnexpectedEof.into()));
        }
        left -= part;
        if left == 0 {
            plaintext.check_end(&mut reader)?;
        }
        let mut piece = buffer.as_slice();
        while let Some(object) = encryptor.push(&mut piece).map_err(failed)? {
            if give(Bytes::copy_from_slice(object)).is_break() {
                return Ok(());
            }
        }
    }
    let end = encryptor.finish().map_err(failed)?;
    if !end.is_empty() {
        // Whoever wants no more is told nothing either way.
        let _ = give(Bytes::from(end));
    }
    Ok(())
}

fn failed(error: DocumentError) -> Error {
    Error::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;
    use crypt_keeper_crypto::{CbcDecryptor, document};
    use std::io::Cursor;

    const ID: [u8; 16] = [7; 16];

    fn key() -> DocumentKey {
        DocumentKey::new(Box::new([9; 32]))
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 % 251) as u8).collect()
    }

    fn object(bytes: &[u8], format: Format) -> Vec<u8> {
        let source = Source::Stream(Box::new(Cursor::new(bytes.to_vec())));
        let plaintext = Plaintext::open(source, u64::MAX).unwrap();
        let mut object = Vec::new();
        encrypt(&plaintext, format, &key(), &ID, &mut |part| {
            object.extend_from_slice(&part);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(
            object.len() as u64,
            format.ciphertext_length(bytes.len() as u64).unwrap()
        );
        object
    }

    #[test]
    fn objects_around_every_boundary_are_what_the_format_says() {
        for length in [
            0, 1, 1_048_519, 1_048_520, 1_048_521, 2_097_080, 2_097_081, 3_200_000,
        ] {
            let bytes = content(length);
            let object = object(&bytes, Format::Aes256GcmHkdf1Mb);
            assert!(
                document::decrypt(&key(), &ID, &object).unwrap() == bytes,
                "{length}"
            );
        }
    }

    #[test]
    fn objects_of_the_first_version_decrypt_to_their_document() {
        for length in [0, 1, 15, 16, 17, 1 << 20, (1 << 20) + 1] {
            let bytes = content(length);
            let object = object(&bytes, Format::AesCbc);
            let mut decryptor = CbcDecryptor::new(&key(), length as u64).unwrap();
            let (mut left, mut plaintext) = (object.as_slice(), Vec::new());
            while let Some(part) = decryptor.push(&mut left).unwrap() {
                plaintext.extend_from_slice(part);
            }
            decryptor.finish().unwrap();
            assert!(plaintext == bytes, "{length}");
        }
    }

    #[test]
    fn each_pass_has_a_header_of_its_own() {
        let bytes = content(100);
        for format in Format::ALL {
            assert_ne!(object(&bytes, format)[..16], object(&bytes, format)[..16]);
        }
    }

    #[test]
    fn it_stops_when_nobody_wants_more() {
        let source = Source::Stream(Box::new(Cursor::new(content(3 << 20))));
        let plaintext = Plaintext::open(source, u64::MAX).unwrap();
        let mut parts = 0;
        let mut give = |_| {
            parts += 1;
            ControlFlow::Break(())
        };
        encrypt(&plaintext, Format::Aes256GcmHkdf1Mb, &key(), &ID, &mut give).unwrap();
        assert_eq!(parts, 1);
    }
}
