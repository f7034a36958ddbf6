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
    fn arbitrary_bytes_are_read_or_refused_by_their_length_alone(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        length in 0..300_u64,
        cut in 1..40_usize,
    ) {
        let key = DocumentKey::new(Box::new([2; 32]));
        let fits = bytes.len() as u64 == Format::AesCbc.ciphertext_length(length).unwrap();
        let read = decrypt(&key, length, &bytes, &[cut]);
        prop_assert_eq!(read.is_ok(), fits);
        if let Ok(read) = read {
            prop_assert_eq!(read.len() as u64, length);
        }
    }
}

#[test]
fn an_object_of_another_length_is_refused() {
    let key = DocumentKey::new(Box::new([3; 32]));
    let object = encrypt(&key, &[7; 40], &[40]);
    let cut = decrypt(&key, 40, &object[..48], &[9]).unwrap_err();
    assert!(
        matches!(
            cut,
            DocumentError::AlteredOrIncomplete(Alteration::CutShort)
        ),
        "{cut}"
    );
    let longer = [object.as_slice(), &[0; 16]].concat();
    let long = decrypt(&key, 40, &longer, &[9]).unwrap_err();
    assert!(
        matches!(
            long,
            DocumentError::AlteredOrIncomplete(Alteration::TrailingBytes)
        ),
        "{long}"
    );
}
