//! The arithmetic, against the formulas of the specification in wider integers.

use crypt_keeper_crypto::{
    DocumentError, Format, Layout,
    document::layout::{MAX_PLAINTEXT_LENGTH, MAX_SEGMENTS, ciphertext_length, plaintext_length},
};
use proptest::prelude::*;

const S: u128 = 1_048_576;

/// `n(L) = 1 if L <= S - 56 else 1 + ceil((L - (S - 56)) / (S - 16))`
fn segments_by_formula(length: u64) -> u128 {
    let length = u128::from(length);
    if length <= S - 56 {
        1
    } else {
        1 + (length - (S - 56)).div_ceil(S - 16)
    }
}

fn length() -> impl Strategy<Value = u64> {
    let multiple = (0..5_000_000_u64, 0..200_u64)
        .prop_map(|(segments, more)| (segments * 1_048_560 + 1_048_520 + more).saturating_sub(100));
    prop_oneof![0..5_000_000_u64, multiple, 0..=MAX_PLAINTEXT_LENGTH]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn lengths_follow_the_formula_and_come_back(length in length()) {
        let layout = Layout::of_plaintext(length).unwrap();
        let count = segments_by_formula(length);
        prop_assert_eq!(u128::from(layout.segments()), count);
        let object = layout.ciphertext_length();
        prop_assert_eq!(u128::from(object), 40 + u128::from(length) + 16 * count);
        prop_assert_eq!(plaintext_length(object).unwrap(), length);
        prop_assert_eq!(Layout::of_ciphertext(object).unwrap(), layout);
    }

    #[test]
    fn an_object_length_belongs_to_one_plaintext_length_or_none(object in 0..10_000_000_000_u64) {
        let last = object % 1_048_576;
        let possible = if object <= 1_048_576 { object >= 56 } else { last == 0 || last > 16 };
        match plaintext_length(object) {
            Ok(length) => {
                prop_assert!(possible);
                prop_assert_eq!(ciphertext_length(length).unwrap(), object);
            }
            Err(DocumentError::AlteredOrIncomplete(_)) => prop_assert!(!possible),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn segments_cover_plaintext_and_object_without_gap(length in 0..6_000_000_u64) {
        let layout = Layout::of_plaintext(length).unwrap();
        let (mut clear, mut sealed) = (0, 0);
        for segment in 0..layout.segments() {
            let (plain, cipher) = (layout.plaintext_range(segment), layout.ciphertext_range(segment));
            prop_assert_eq!((plain.start, cipher.start), (clear, sealed));
            prop_assert_eq!(cipher.start, u64::from(segment) * 1_048_576);
            let overhead = if segment == 0 { 56 } else { 16 };
            prop_assert_eq!(cipher.end - cipher.start, plain.end - plain.start + overhead);
            for offset in [plain.start, plain.end.saturating_sub(1).max(plain.start)] {
                prop_assert_eq!(layout.segment_holding(offset), segment);
            }
            (clear, sealed) = (plain.end, cipher.end);
        }
        prop_assert_eq!((clear, sealed), (length, layout.ciphertext_length()));
        let beyond = layout.segments();
        prop_assert!(layout.plaintext_range(beyond).is_empty());
        prop_assert!(layout.ciphertext_range(beyond).is_empty());
        prop_assert_eq!(layout.segment_holding(u64::MAX), beyond - 1);
    }
}

#[test]
fn the_longest_document_fits_and_one_byte_more_does_not() {
    let longest = Layout::of_plaintext(MAX_PLAINTEXT_LENGTH).unwrap();
    assert_eq!(longest.segments(), MAX_SEGMENTS);
    assert_eq!(
        longest.ciphertext_length(),
        u64::from(MAX_SEGMENTS) * 1_048_576
    );
    assert_eq!(
        plaintext_length(longest.ciphertext_length()).unwrap(),
        MAX_PLAINTEXT_LENGTH
    );
    for length in [MAX_PLAINTEXT_LENGTH + 1, u64::MAX] {
        assert!(matches!(
            ciphertext_length(length),
            Err(DocumentError::TooLong)
        ));
    }
    for object in [longest.ciphertext_length() + 17, u64::MAX] {
        assert!(matches!(
            plaintext_length(object),
            Err(DocumentError::AlteredOrIncomplete(_))
        ));
    }
}

#[test]
fn formats_are_known_by_their_names() {
    for (format, name, of_33_bytes) in [
        (Format::Aes256GcmHkdf1Mb, "AES256_GCM_HKDF_1MB", 89),
        (Format::AesCbc, "AES|CBC", 64),
    ] {
        assert_eq!(format.name(), name);
        assert_eq!(Format::from_name(name), Some(format));
        assert_eq!(format.ciphertext_length(33).unwrap(), of_33_bytes);
    }
    for other in ["", "AES", "aes|cbc", "AES256_GCM_HKDF_1MB "] {
        assert_eq!(Format::from_name(other), None);
    }
    assert!(matches!(
        Format::AesCbc.ciphertext_length(u64::MAX),
        Err(DocumentError::TooLong)
    ));
}
