//! `AES|CBC`, as the first version's client wrote it.

use crypt_keeper_crypto::{
    Alteration, CbcDecryptor, CbcEncryptor, DocumentError, DocumentKey, ExposeSecret, Format,
    SecretBytes,
};
use openssl::symm::{Cipher, Crypter, Mode};
use proptest::prelude::*;
use serde::Deserialize;

use crate::{
    forge::plaintext,
    round_trips::{piece_lengths, pieces},
    vectors::key,
};

fn encrypt(key: &DocumentKey, clear: &[u8], cut: &[usize]) -> Vec<u8> {
    let mut encryptor = CbcEncryptor::new(key).unwrap();
    let mut object = Vec::new();
    for mut piece in pieces(clear, cut) {
        while let Some(bytes) = encryptor.push(&mut piece).unwrap() {
            object.extend_from_slice(bytes);
        }
    }
    object.extend_from_slice(&encryptor.finish().unwrap());
    object
}

fn decrypt(
    key: &DocumentKey,
    content_length: u64,
    object: &[u8],
    cut: &[usize],
) -> Result<Vec<u8>, DocumentError> {
    let mut decryptor = CbcDecryptor::new(key, content_length)?;
    let mut clear = Vec::new();
    for mut piece in pieces(object, cut) {
        while let Some(bytes) = decryptor.push(&mut piece)? {
            clear.extend_from_slice(bytes);
        }
    }
    decryptor.finish()?;
    Ok(clear)
}

/// The blocks of an object as they were before CBC, padding and all, by OpenSSL's other interface.
fn blocks(key: &DocumentKey, object: &[u8]) -> Vec<u8> {
    let (iv, blocks) = object.split_at(16);
    let key = SecretBytes::new(key.expose_secret().to_vec());
    let mut crypter = Crypter::new(
        Cipher::aes_256_cbc(),
        Mode::Decrypt,
        key.expose_secret(),
        Some(iv),
    )
    .unwrap();
    crypter.pad(false);
    let mut clear = vec![0; blocks.len() + 16];
    let length = crypter.update(blocks, &mut clear).unwrap();
    clear.truncate(length);
    clear
}

#[test]
fn the_vectors_still_read() {
    #[derive(Deserialize)]
    struct Vectors {
        accept: Vec<Accept>,
    }
    #[derive(Deserialize)]
    struct Accept {
        case: usize,
        document_key: String,
        content_length: usize,
        ciphertext: String,
    }
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../../../tests/vectors/aes-cbc.json")).unwrap();
    assert!(vectors.accept.len() >= 9);
    for case in vectors.accept {
        let object = hex::decode(case.ciphertext).unwrap();
        let length = case.content_length as u64;
        for piece in [1, 5, 16, 1_000] {
            let read = decrypt(&key(&case.document_key), length, &object, &[piece]).unwrap();
            assert_eq!(read, plaintext(case.case, case.content_length));
        }
    }
}

#[test]
fn a_partial_block_is_padded_with_spaces_and_a_full_one_with_nothing() {
    let key = DocumentKey::new(Box::new([1; 32]));
    for length in 0..70 {
        let clear = plaintext(0, length);
        let object = encrypt(&key, &clear, &[7]);
        assert_eq!(object.len(), 16 + length.div_ceil(16) * 16);
        let mut padded = clear;
        padded.resize(length.div_ceil(16) * 16, b' ');
        assert_eq!(blocks(&key, &object), padded);
    }
    assert_ne!(
        encrypt(&key, b"same", &[4])[..16],
        encrypt(&key, b"same", &[4])[..16]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_went_in_comes_out(
        size in prop_oneof![0..100_usize, 131_000..131_200_usize, 0..1_000_000_usize],
        cut_in in piece_lengths(),
        cut_out in piece_lengths(),
    ) {
        let key = DocumentKey::new(Box::new([2; 32]));
        let clear = plaintext(3, size);
        let object = encrypt(&key, &clear, &cut_in);
        prop_assert_eq!(object.len() as u64, Format::AesCbc.ciphertext_length(size as u64).unwrap());
        prop_assert!(decrypt(&key, size as u64, &object, &cut_out).unwrap() == clear);
    }

    #[test]
    fn arbitrary_blocks_are_read_if_there_are_enough_of_them(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        length in 0..300_u64,
        cut in 1..40_usize,
    ) {
        let key = DocumentKey::new(Box::new([2; 32]));
        let enough = bytes.len() as u64 >= Format::AesCbc.ciphertext_length(length).unwrap();
        let read = decrypt(&key, length, &bytes, &[cut]);
        prop_assert_eq!(read.is_ok(), enough && bytes.len() % 16 == 0);
        if let Ok(read) = read {
            prop_assert_eq!(read.len() as u64, length);
        }
    }
}

/// The first client cut whatever it had decrypted at the document's length, so other programs could
/// pad as they liked.
#[test]
fn what_follows_the_document_is_cut_off() {
    let key = DocumentKey::new(Box::new([3; 32]));
    for length in [0, 1, 15, 16, 17, 32, 40, 131_072, 131_073] {
        let clear = plaintext(1, length);
        // As PKCS #7 pads: a whole block where nothing lacks.
        let padding = 16 - length % 16;
        let mut padded = clear.clone();
        padded.resize(length + padding, u8::try_from(padding).unwrap());
        let object = encrypt(&key, &padded, &[1_000]);
        for cut in [7, 16, 1_000_000] {
            let read = decrypt(&key, length as u64, &object, &[cut]).unwrap();
            assert!(read == clear, "{length} {cut}");
        }
        let longer = [object.as_slice(), &[9; 160]].concat();
        assert!(decrypt(&key, length as u64, &longer, &[9]).unwrap() == clear);
    }
}

#[test]
fn an_object_that_is_too_short_or_ends_within_a_block_is_refused() {
    let key = DocumentKey::new(Box::new([3; 32]));
    let object = encrypt(&key, &[7; 40], &[40]);
    for (bytes, why) in [
        (object[..48].to_vec(), Alteration::CutShort),
        (object[..63].to_vec(), Alteration::CutShort),
        (object[..5].to_vec(), Alteration::CutShort),
        (Vec::new(), Alteration::CutShort),
        ([&object[..], &[0; 5]].concat(), Alteration::TrailingBytes),
        ([&object[..], &[0; 31]].concat(), Alteration::TrailingBytes),
    ] {
        match decrypt(&key, 40, &bytes, &[9]).unwrap_err() {
            DocumentError::AlteredOrIncomplete(found) => assert_eq!(found, why),
            other => panic!("{other}"),
        }
    }
}
