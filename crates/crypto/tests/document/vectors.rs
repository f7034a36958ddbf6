//! The vectors that other implementations made (Tink) or can read (ours).

use crypt_keeper_crypto::{
    DocumentError, DocumentIdBytes, DocumentKey, Encryptor, FreshHeader, Layout,
};
use openssl::sha::sha256;
use serde::Deserialize;

use crate::{forge::plaintext, ways::read_every_way};

#[derive(Deserialize)]
struct Vectors {
    format: String,
    accept: Vec<Accept>,
    refuse: Vec<Refuse>,
}

#[derive(Deserialize)]
struct Accept {
    case: usize,
    plaintext_length: usize,
    plaintext_sha256: String,
    document_id: String,
    document_key: String,
    header: String,
    ciphertext_length: usize,
    ciphertext_sha256: String,
}

#[derive(Deserialize)]
struct Refuse {
    why: String,
    document_id: String,
    document_key: String,
    ciphertext: String,
}

/// An id in hexadecimal, with or without the dashes of a UUID.
pub(crate) fn id(text: &str) -> DocumentIdBytes {
    hex::decode(text.replace('-', ""))
        .unwrap()
        .try_into()
        .unwrap()
}

pub(crate) fn key(text: &str) -> DocumentKey {
    DocumentKey::from_slice(&hex::decode(text).unwrap()).unwrap()
}

/// The object that this crate makes of a case, under the header that the case prescribes.
fn encrypt(case: &Accept) -> Vec<u8> {
    let header = hex::decode(&case.header).unwrap();
    let header = FreshHeader::try_fill(|bytes| {
        bytes.copy_from_slice(&header[1..]);
        Ok::<(), ()>(())
    });
    let (key, id) = (key(&case.document_key), id(&case.document_id));
    let mut encryptor = Encryptor::new(&key, &id, header.unwrap()).unwrap();
    let mut object = Vec::new();
    for mut piece in plaintext(case.case, case.plaintext_length).chunks(99_991) {
        while let Some(segment) = encryptor.push(&mut piece).unwrap() {
            object.extend_from_slice(segment);
        }
    }
    object.extend_from_slice(&encryptor.finish().unwrap());
    object
}

/// Having no ciphertext in the vectors is no loss: ours must have the digest of theirs.
fn accept_all(cases: &[Accept]) {
    for case in cases {
        let name = format!("case {}, {} bytes", case.case, case.plaintext_length);
        let object = encrypt(case);
        assert_eq!(object.len(), case.ciphertext_length, "{name}");
        assert_eq!(
            hex::encode(sha256(&object)),
            case.ciphertext_sha256,
            "{name}"
        );
        let layout = Layout::of_plaintext(case.plaintext_length as u64).unwrap();
        assert_eq!(
            layout.ciphertext_length(),
            case.ciphertext_length as u64,
            "{name}"
        );
        let (key, id) = (key(&case.document_key), id(&case.document_id));
        for (way, read) in read_every_way(&key, &id, &object) {
            let read = read.unwrap_or_else(|error| panic!("{name}, {way}: {error}"));
            assert_eq!(
                hex::encode(sha256(&read)),
                case.plaintext_sha256,
                "{name}, {way}"
            );
        }
    }
}

#[test]
fn what_tink_made_is_read_and_made_again_byte_for_byte() {
    let vectors: Vectors = serde_json::from_str(include_str!(
        "../../../../tests/vectors/document-format.json"
    ))
    .unwrap();
    assert_eq!(vectors.format, "AES256_GCM_HKDF_1MB");
    assert_eq!((vectors.accept.len(), vectors.refuse.len()), (17, 11));
    accept_all(&vectors.accept);
    for case in &vectors.refuse {
        let object = hex::decode(&case.ciphertext).unwrap();
        let (key, id) = (key(&case.document_key), id(&case.document_id));
        for (way, read) in read_every_way(&key, &id, &object) {
            assert!(
                matches!(read, Err(DocumentError::AlteredOrIncomplete(_))),
                "{}, {way}: {read:?}",
                case.why
            );
        }
    }
}

#[test]
fn our_own_vectors_around_every_boundary_still_hold() {
    #[derive(Deserialize)]
    struct Boundaries {
        accept: Vec<Accept>,
    }
    let vectors: Boundaries = serde_json::from_str(include_str!(
        "../../../../tests/vectors/document-boundaries.json"
    ))
    .unwrap();
    assert!(vectors.accept.len() >= 16);
    accept_all(&vectors.accept);
}
