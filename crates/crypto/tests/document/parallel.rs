//! Segments on several threads and in any order, and what a slot refuses.

use std::{sync::Mutex, thread};

use crypt_keeper_crypto::{
    DocumentError, DocumentKey, FreshHeader, Layout, SegmentDecryptor, SegmentEncryptor,
    document::decrypt,
};

use crate::{forge::plaintext, ways::to_usize};

const ID: [u8; 16] = [9; 16];

fn key() -> DocumentKey {
    DocumentKey::new(Box::new([8; 32]))
}

#[test]
fn segments_are_encrypted_and_decrypted_in_parallel() {
    let clear = plaintext(1, 5_000_000);
    let layout = Layout::of_plaintext(clear.len() as u64).unwrap();
    let encryptor = SegmentEncryptor::new(&key(), &ID, FreshHeader::generate().unwrap()).unwrap();
    let header = *encryptor.header();
    let object = Mutex::new(vec![
        0;
        usize::try_from(layout.ciphertext_length()).unwrap()
    ]);
    let slots: Vec<_> = (0..layout.segments())
        .map(|_| encryptor.next_segment().unwrap())
        .collect();
    thread::scope(|scope| {
        for slot in slots.into_iter().rev() {
            scope.spawn(|| {
                let (segment, start) = (slot.segment(), slot.payload_start());
                let place = to_usize(layout.ciphertext_range(segment));
                let mut buffer = vec![0; place.len()];
                let source = &clear[to_usize(layout.plaintext_range(segment))];
                buffer[start..start + source.len()].copy_from_slice(source);
                slot.seal(layout.is_last(segment), &mut buffer).unwrap();
                object.lock().unwrap()[place].copy_from_slice(&buffer);
            });
        }
    });
    let mut object = object.into_inner().unwrap();
    assert!(decrypt(&key(), &ID, &object).unwrap() == clear);

    let decryptor = SegmentDecryptor::new(&key(), &ID, &header).unwrap();
    thread::scope(|scope| {
        for (segment, bytes) in (0..).zip(object.chunks_mut(1_048_576)) {
            let (decryptor, clear) = (&decryptor, &clear);
            scope.spawn(move || {
                let opened = decryptor
                    .open(segment, layout.is_last(segment), bytes)
                    .unwrap();
                assert!(opened == &clear[to_usize(layout.plaintext_range(segment))]);
            });
        }
    });
}

#[test]
fn every_slot_is_handed_out_once() {
    let encryptor = SegmentEncryptor::new(&key(), &ID, FreshHeader::generate().unwrap()).unwrap();
    let taken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let segment = encryptor.next_segment().unwrap().segment();
                    taken.lock().unwrap().push(segment);
                }
            });
        }
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..800));
}

#[test]
fn a_buffer_that_cannot_be_the_segment_is_refused() {
    const S: usize = 1_048_576;
    let attempts = [
        // (segment, last, length, accepted)
        (0, false, S, true),
        (0, false, S - 1, false),
        (0, true, S, true),
        (0, true, S + 1, false),
        (0, true, 56, true),
        (0, true, 55, false),
        (0, true, 0, false),
        (1, false, S, true),
        (1, false, S + 1, false),
        (1, true, 17, true),
        (1, true, 16, false),
        (1, true, S, true),
    ];
    for (segment, last, length, accepted) in attempts {
        let encryptor =
            SegmentEncryptor::new(&key(), &ID, FreshHeader::generate().unwrap()).unwrap();
        let slots: Vec<_> = (0..=segment)
            .map(|_| encryptor.next_segment().unwrap())
            .collect();
        let slot = slots.into_iter().next_back().unwrap();
        let mut buffer = vec![0; length];
        let sealed = slot.seal(last, &mut buffer);
        assert_eq!(sealed.is_ok(), accepted, "{segment} {last} {length}");
        if let Err(error) = sealed {
            let expected =
                format!("a buffer of {length} bytes cannot be segment {segment} (last: {last})");
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn what_does_not_verify_is_wiped() {
    let encryptor = SegmentEncryptor::new(&key(), &ID, FreshHeader::generate().unwrap()).unwrap();
    let mut buffer = vec![b'x'; 1_000];
    encryptor
        .next_segment()
        .unwrap()
        .seal(true, &mut buffer)
        .unwrap();
    let decryptor = SegmentDecryptor::new(&key(), &ID, encryptor.header()).unwrap();
    let genuine = buffer.clone();
    let mut altered = genuine.clone();
    altered[999] ^= 1;
    let error = decryptor.open(0, true, &mut altered).unwrap_err();
    assert!(matches!(error, DocumentError::AlteredOrIncomplete(_)));
    assert!(altered[40..984].iter().all(|byte| *byte == 0));
    assert!(decryptor.open(0, false, &mut genuine.clone()).is_err());
    assert!(decryptor.open(1, true, &mut genuine.clone()).is_err());
    assert_eq!(
        decryptor.open(0, true, &mut genuine.clone()).unwrap(),
        [b'x'; 944]
    );
}
