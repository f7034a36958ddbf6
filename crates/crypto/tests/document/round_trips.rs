//! Laws over generated sizes and chunkings.

use crypt_keeper_crypto::{
    Decryptor, DocumentKey, Encryptor, FreshHeader, document::layout, random_bytes,
};
use proptest::{collection::vec, prelude::*};

use crate::forge::plaintext;

const FIRST: usize = layout::segment_capacity(0);
const OTHER: usize = layout::segment_capacity(1);

/// Sizes that like boundaries.
pub(crate) fn size() -> impl Strategy<Value = usize> {
    let around = |boundary: usize| (0..40_usize).prop_map(move |more| boundary - 20 + more);
    prop_oneof![
        0..100_usize,
        Just(FIRST),
        Just(FIRST + OTHER),
        around(FIRST),
        around(layout::SEGMENT_LENGTH),
        around(FIRST + OTHER),
        around(FIRST + 2 * OTHER),
        0..4 * layout::SEGMENT_LENGTH,
    ]
}

/// Cuts bytes into pieces of these lengths, over and over; pieces may be empty.
pub(crate) fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(bytes.len().min(*length));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Lengths of pieces; the last one is never 0, so that cutting ends.
pub(crate) fn piece_lengths() -> impl Strategy<Value = Vec<usize>> {
    let length = || prop_oneof![0..50_000_usize, 1_000_000..1_100_000_usize];
    (vec(length(), 0..5), 1_000..2_500_000_usize).prop_map(|(mut lengths, last)| {
        lengths.push(last);
        lengths
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_went_in_comes_out(
        size in size(),
        case in 0..251_usize,
        id in any::<[u8; 16]>(),
        cut_in in piece_lengths(),
        cut_out in piece_lengths(),
    ) {
        let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap();
        let clear = plaintext(case, size);
        let mut encryptor = Encryptor::new(&key, &id, FreshHeader::generate().unwrap()).unwrap();
        let mut object = Vec::new();
        for mut piece in pieces(&clear, &cut_in) {
            while let Some(segment) = encryptor.push(&mut piece).unwrap() {
                prop_assert_eq!(segment.len(), layout::SEGMENT_LENGTH);
                object.extend_from_slice(segment);
            }
        }
        object.extend_from_slice(&encryptor.finish().unwrap());
        prop_assert_eq!(object.len() as u64, layout::ciphertext_length(size as u64).unwrap());

        let mut decryptor = Decryptor::new(&key, &id);
        let mut read = Vec::new();
        for mut piece in pieces(&object, &cut_out) {
            while let Some(verified) = decryptor.push(&mut piece).unwrap() {
                read.extend_from_slice(verified);
            }
        }
        read.extend_from_slice(&decryptor.finish().unwrap());
        prop_assert!(read == clear);
    }
}

#[test]
fn two_encryptions_of_one_document_share_nothing() {
    let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap();
    let objects = [(); 2]
        .map(|()| crypt_keeper_crypto::document::encrypt(&key, &[1; 16], &[0; 4096]).unwrap());
    assert_ne!(objects[0][1..33], objects[1][1..33], "salt");
    assert_ne!(objects[0][33..40], objects[1][33..40], "nonce prefix");
    assert_ne!(objects[0][40..], objects[1][40..]);
}
