//! Ranges of plaintext: whole segments are fetched, every byte is verified, the end is proved.

use std::{
    io::{Cursor, Read, Seek, SeekFrom},
    sync::OnceLock,
};

use crypt_keeper_crypto::{
    Alteration, DocumentError, DocumentKey, Header, RangeEnd, RangePlan, SeekableReader,
    SegmentDecryptor, document::encrypt,
};
use openssl::sha::sha256;
use proptest::prelude::*;
use serde::Deserialize;

use crate::{
    forge::plaintext,
    ways::{from_io, read_range, to_usize},
};

const ID: [u8; 16] = [3; 16];
const LENGTH: usize = 1_048_520 + 2 * 1_048_560 + 1;

fn key() -> DocumentKey {
    DocumentKey::new(Box::new([5; 32]))
}

/// Three full segments and one byte more.
fn object() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| encrypt(&key(), &ID, &plaintext(14, LENGTH)).unwrap())
}

fn header() -> Header {
    Header::parse(object()[..40].try_into().unwrap()).unwrap()
}

fn read(
    object: &[u8],
    wanted: std::ops::Range<u64>,
    piece: usize,
) -> Result<(Vec<u8>, RangeEnd), DocumentError> {
    read_range(&key(), &ID, &header(), object, wanted, piece)
}

#[test]
fn the_vectors_of_ranges_hold() {
    #[derive(Deserialize)]
    struct Vectors {
        ranges: Ranges,
    }
    #[derive(Deserialize)]
    struct Ranges {
        case: usize,
        ranges: Vec<Range>,
    }
    #[derive(Deserialize)]
    struct Range {
        start: u64,
        end: u64,
        fetch_start: u64,
        fetch_end: u64,
        plaintext_length: usize,
        plaintext_sha256: String,
    }
    let vectors: Vectors = serde_json::from_str(include_str!(
        "../../../../tests/vectors/document-boundaries.json"
    ))
    .unwrap();
    assert_eq!(vectors.ranges.case, 14);
    assert!(vectors.ranges.ranges.len() >= 12);
    for range in vectors.ranges.ranges {
        let plan = RangePlan::new(object().len() as u64, range.start..range.end).unwrap();
        assert_eq!(plan.ciphertext_range(), range.fetch_start..range.fetch_end);
        let (clear, _) = read(object(), range.start..range.end, 65_537).unwrap();
        assert_eq!(clear.len(), range.plaintext_length);
        assert_eq!(hex::encode(sha256(&clear)), range.plaintext_sha256);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_range_is_that_slice_of_the_plaintext(
        start in 0..LENGTH as u64 + 10,
        length in prop_oneof![0..3_u64, 0..2_000_000_u64, Just(u64::MAX / 2)],
        piece in 1_000..1_500_000_usize,
    ) {
        let clear = plaintext(14, LENGTH);
        let wanted = start..start + length;
        let (read, end) = read(object(), wanted.clone(), piece).unwrap();
        let cut = |offset: u64| usize::try_from(offset).unwrap().min(LENGTH);
        prop_assert!(read == clear[cut(wanted.start)..cut(wanted.end)]);
        let reaches = wanted.end >= LENGTH as u64;
        prop_assert_eq!(end == RangeEnd::DocumentEnd, reaches);
        // Fewer bytes than asked for are only ever given with the proof that there are no more.
        if (read.len() as u64) < length {
            prop_assert_eq!(end, RangeEnd::DocumentEnd);
        }
        let plan = RangePlan::new(object().len() as u64, wanted).unwrap();
        prop_assert_eq!(plan.ciphertext_range().start % 1_048_576, 0);
        prop_assert_eq!(plan.plaintext_range().end - plan.plaintext_range().start, read.len() as u64);
    }

    #[test]
    fn a_seekable_reader_is_the_plaintext(
        steps in proptest::collection::vec((0..LENGTH + 10, 0..100_000_usize), 1..8),
    ) {
        let clear = plaintext(14, LENGTH);
        let mut reader = SeekableReader::open(Cursor::new(object()), &key(), &ID).unwrap();
        prop_assert_eq!(reader.plaintext_length(), LENGTH as u64);
        for (at, length) in steps {
            prop_assert_eq!(reader.seek(SeekFrom::Start(at as u64)).unwrap(), at as u64);
            let mut read = Vec::new();
            reader.by_ref().take(length as u64).read_to_end(&mut read).unwrap();
            prop_assert!(read == clear[at.min(LENGTH)..(at + length).min(LENGTH)]);
        }
    }
}

#[test]
fn a_store_that_lies_about_the_length_cannot_end_the_document_early() {
    // Cut at each boundary, the object has a plausible length; a range that reaches that end fails.
    for segments in 1..=3 {
        let cut = &object()[..segments * 1_048_576];
        let claimed = RangePlan::new(cut.len() as u64, 0..u64::MAX)
            .unwrap()
            .plaintext_range()
            .end;
        for start in [0, claimed - 1, claimed, claimed + 100] {
            let refused = read(cut, start..u64::MAX, 100_000).unwrap_err();
            assert!(
                matches!(refused, DocumentError::AlteredOrIncomplete(_)),
                "{start}: {refused}"
            );
        }
        assert!(from_io(SeekableReader::open(Cursor::new(cut), &key(), &ID)).is_err());
    }
    // What lies inside is genuine all the same, and nothing is said about the end.
    let cut = &object()[..2 * 1_048_576];
    let (clear, end) = read(cut, 10..20, 100_000).unwrap();
    assert_eq!(
        (clear.as_slice(), end),
        (&plaintext(14, 20)[10..], RangeEnd::Inside)
    );
}

#[test]
fn an_empty_range_inside_needs_nothing_and_proves_nothing() {
    let plan = RangePlan::new(object().len() as u64, 7..7).unwrap();
    assert!(plan.ciphertext_range().is_empty());
    assert_eq!(
        read(object(), 7..7, 1).unwrap(),
        (Vec::new(), RangeEnd::Inside)
    );
}

#[test]
fn an_empty_document_has_one_segment_to_prove_it() {
    let object = encrypt(&key(), &ID, b"").unwrap();
    let header = Header::parse(object[..40].try_into().unwrap()).unwrap();
    for wanted in [0..0, 0..10, 5..5] {
        let read = read_range(&key(), &ID, &header, &object, wanted, 7).unwrap();
        assert_eq!(read, (Vec::new(), RangeEnd::DocumentEnd));
    }
}

#[test]
fn a_range_is_refused_when_a_byte_of_its_segments_is_wrong_missing_or_too_many() {
    let wanted = 2_000_000..2_000_010;
    let plan = RangePlan::new(object().len() as u64, wanted.clone()).unwrap();
    let fetched = to_usize(plan.ciphertext_range());
    let mut altered = object().to_vec();
    altered[fetched.end - 1] ^= 1;
    let refused = read(&altered, wanted.clone(), 4_096).unwrap_err();
    let DocumentError::AlteredOrIncomplete(alteration) = refused else {
        panic!("{refused}")
    };
    assert_eq!(alteration, Alteration::SegmentNotVerified { segment: 1 });
    // A byte elsewhere is none of its business.
    altered[fetched.end - 1] ^= 1;
    altered[fetched.start - 1] ^= 1;
    assert_eq!(
        read(&altered, wanted, 4_096).unwrap().0,
        plaintext(14, 2_000_010)[2_000_000..]
    );

    let segments = || SegmentDecryptor::new(&key(), &ID, &header()).unwrap();
    let mut short = plan.clone().decryptor(segments());
    assert!(
        short
            .push(&mut &object()[fetched.start..fetched.end - 1])
            .unwrap()
            .is_none()
    );
    assert!(short.finish().is_err());
    let mut long = plan.decryptor(segments());
    let mut bytes = &object()[fetched.start..=fetched.end];
    assert_eq!(long.push(&mut bytes).unwrap().unwrap().len(), 10);
    assert!(long.push(&mut bytes).is_err());
    assert!(long.finish().is_err());
}

#[test]
fn a_range_that_ends_before_it_starts_is_the_callers_mistake() {
    let wanted = std::ops::Range { start: 9, end: 8 };
    let error = RangePlan::new(object().len() as u64, wanted).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the range ends at 8, before its start at 9"
    );
}
