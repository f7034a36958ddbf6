//! Hostile input: whatever comes, nothing panics and no byte is released that is not the document's.

use std::{io::Cursor, sync::OnceLock};

use crypt_keeper_crypto::{
    DocumentKey, Header, RangePlan, SeekableReader, SegmentDecryptor,
    document::{decrypt, encrypt},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    forge::plaintext,
    ways::{push, read_every_way, read_range},
};

const ID: [u8; 16] = [2; 16];
const LENGTH: usize = 1_048_520 + 1_048_560 + 500;

fn key() -> DocumentKey {
    DocumentKey::new(Box::new([7; 32]))
}

fn object() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| encrypt(&key(), &ID, &plaintext(0, LENGTH)).unwrap())
}

/// One thing that may befall an object.
#[derive(Debug, Clone)]
enum Mutation {
    FlipBit(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Exchange(usize, usize),
    Append(Vec<u8>),
}

impl Mutation {
    fn any() -> impl Strategy<Value = Self> {
        let bytes = || vec(any::<u8>(), 1..40);
        let length = || prop_oneof![1..40_usize, Just(1_048_576_usize)];
        prop_oneof![
            (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::FlipBit(at, bit)),
            any::<Index>().prop_map(Self::Cut),
            (any::<Index>(), bytes()).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            (any::<Index>(), length()).prop_map(|(at, length)| Self::Remove(at, length)),
            (any::<Index>(), length()).prop_map(|(at, length)| Self::Repeat(at, length)),
            (0..3_usize, 0..3_usize).prop_map(|(one, other)| Self::Exchange(one, other)),
            bytes().prop_map(Self::Append),
        ]
    }

    fn apply(&self, object: &mut Vec<u8>) {
        if object.is_empty() {
            return;
        }
        match self {
            Self::FlipBit(at, bit) => {
                let at = at.index(object.len());
                object[at] ^= 1 << bit;
            }
            Self::Cut(at) => object.truncate(at.index(object.len())),
            Self::Insert(at, bytes) => {
                let at = at.index(object.len());
                object.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = at.index(object.len());
                object.drain(at..(at + length).min(object.len()));
            }
            Self::Repeat(at, length) => {
                let at = at.index(object.len());
                let again = object[at..(at + length).min(object.len())].to_vec();
                object.splice(at..at, again);
            }
            Self::Exchange(one, other) => {
                let mut segments: Vec<Vec<u8>> =
                    object.chunks(1_048_576).map(<[u8]>::to_vec).collect();
                let count = segments.len();
                segments.swap(one % count, other % count);
                *object = segments.concat();
            }
            Self::Append(bytes) => object.extend_from_slice(bytes),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_object_releases_only_a_beginning_of_the_document_and_never_ends(
        mutations in vec(Mutation::any(), 1..4),
        piece in 1_000..1_200_000_usize,
    ) {
        let mut mutated = object().to_vec();
        for mutation in &mutations {
            mutation.apply(&mut mutated);
        }
        let clear = plaintext(0, LENGTH);
        let (released, end) = push(&key(), &ID, &mutated, piece);
        prop_assert!(clear.starts_with(&released));
        prop_assert_eq!(end.is_ok(), mutated == object());
        let sought = SeekableReader::open(Cursor::new(&mutated), &key(), &ID);
        if let Ok(reader) = sought {
            prop_assert_eq!(reader.plaintext_length(), LENGTH as u64);
        }
    }

    #[test]
    fn a_range_of_a_mutated_object_is_right_or_refused(
        mutation in Mutation::any(),
        start in 0..LENGTH,
        length in 0..2_000_usize,
    ) {
        let mut mutated = object().to_vec();
        mutation.apply(&mut mutated);
        let header = Header::parse(object()[..40].try_into().unwrap()).unwrap();
        let wanted = start as u64..(start + length) as u64;
        if let Ok((read, _)) = read_range(&key(), &ID, &header, &mutated, wanted, 50_000) {
            prop_assert!(read == plaintext(0, LENGTH)[start..(start + length).min(LENGTH)]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused(mut bytes in vec(any::<u8>(), 0..300), genuine_start in any::<bool>()) {
        if genuine_start && !bytes.is_empty() {
            bytes[0] = 0x28;
        }
        for (way, read) in read_every_way(&key(), &ID, &bytes) {
            prop_assert!(read.is_err(), "{}", way);
        }
    }

    #[test]
    fn arbitrary_lengths_and_ranges_are_planned_or_refused(
        object_length in any::<u64>(),
        start in any::<u64>(),
        end in any::<u64>(),
    ) {
        if let Ok(plan) = RangePlan::new(object_length, start..end) {
            prop_assert!(plan.ciphertext_range().end <= object_length);
            prop_assert!(plan.plaintext_range().start <= plan.plaintext_range().end);
        }
    }

    #[test]
    fn arbitrary_segments_do_not_open(
        segment in any::<u32>(),
        last in any::<bool>(),
        mut bytes in vec(any::<u8>(), 0..200),
    ) {
        let header = Header::parse(object()[..40].try_into().unwrap()).unwrap();
        let segments = SegmentDecryptor::new(&key(), &ID, &header).unwrap();
        prop_assert!(segments.open(segment, last, &mut bytes).is_err());
    }
}

#[test]
fn a_wrong_key_or_id_looks_like_an_alteration() {
    let other = DocumentKey::new(Box::new([8; 32]));
    let expected = "the document was altered or is incomplete: segment 0 does not verify";
    assert_eq!(
        decrypt(&other, &ID, object()).unwrap_err().to_string(),
        expected
    );
    assert_eq!(
        decrypt(&key(), &[1; 16], object()).unwrap_err().to_string(),
        expected
    );
}
