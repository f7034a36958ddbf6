//! The format, told a second time and without its rules: objects as only a holder of the key can
//! forge them. A recipe is data, so that other languages' tests can follow it.

use openssl::{
    md::Md,
    pkey::Id,
    pkey_ctx::PkeyCtx,
    symm::{Cipher, encrypt_aead},
};
use serde::{Deserialize, Serialize};

/// Byte `i` of the plaintext of case `case` is `(i * 31 + case) mod 251`.
pub(crate) fn plaintext(case: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| u8::try_from((i * 31 + case) % 251).unwrap())
        .collect()
}

/// How an object is put together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// Number of the plaintext, see [`plaintext`].
    pub(crate) case: usize,
    pub(crate) document_id: String,
    pub(crate) document_key: String,
    /// The object starts with the first one; segments may be of either.
    pub(crate) headers: Vec<String>,
    pub(crate) segments: Vec<RecipeSegment>,
    /// How many zero bytes follow the last segment.
    pub(crate) zeros_appended: usize,
}

/// One segment of a recipe.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RecipeSegment {
    /// Index of the header whose salt and nonce prefix encrypt it.
    pub(crate) header: usize,
    /// Its number in the nonce.
    pub(crate) number: u32,
    /// Its flag in the nonce.
    pub(crate) last: bool,
    /// Where its plaintext starts and how long it is, in bytes.
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

impl Recipe {
    /// The object.
    pub(crate) fn object(&self) -> Vec<u8> {
        let key = hex::decode(&self.document_key).unwrap();
        let id = hex::decode(&self.document_id).unwrap();
        let headers: Vec<Vec<u8>> = self
            .headers
            .iter()
            .map(|header| hex::decode(header).unwrap())
            .collect();
        let longest = self
            .segments
            .iter()
            .map(|segment| segment.offset + segment.length)
            .max();
        let plaintext = plaintext(self.case, longest.unwrap_or(0));
        let mut object = headers[0].clone();
        for segment in &self.segments {
            let header = &headers[segment.header];
            let derived = derive(&key, &id, &header[1..33]);
            let mut nonce = header[33..40].to_vec();
            nonce.extend_from_slice(&segment.number.to_be_bytes());
            nonce.push(u8::from(segment.last));
            let mut tag = [0; 16];
            let clear = &plaintext[segment.offset..segment.offset + segment.length];
            let cipher = Cipher::aes_256_gcm();
            let sealed = encrypt_aead(cipher, &derived, Some(&nonce), &[], clear, &mut tag);
            object.extend_from_slice(&sealed.unwrap());
            object.extend_from_slice(&tag);
        }
        object.resize(object.len() + self.zeros_appended, 0);
        object
    }
}

fn derive(key: &[u8], id: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut derived = [0; 32];
    let mut context = PkeyCtx::new_id(Id::HKDF).unwrap();
    context.derive_init().unwrap();
    context.set_hkdf_md(Md::sha256()).unwrap();
    context.set_hkdf_key(key).unwrap();
    context.set_hkdf_salt(salt).unwrap();
    context
        .add_hkdf_info(&[b"crypt-keeper/document/v1\0".as_slice(), id].concat())
        .unwrap();
    context.derive(Some(&mut derived)).unwrap();
    derived
}
