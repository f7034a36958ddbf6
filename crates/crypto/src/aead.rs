//! AES-256-GCM (NIST SP 800-38D) in place, with 96-bit nonces and 128-bit tags.

use openssl::{cipher::Cipher, cipher_ctx::CipherCtx};
use zeroize::Zeroize;

use crate::error::OpenSslError;

pub(crate) const KEY_LENGTH: usize = 32;
pub(crate) const NONCE_LENGTH: usize = 12;
pub(crate) const TAG_LENGTH: usize = 16;

/// Encrypts `data` in place and answers its tag. The nonce must never have been used with this key.
pub(crate) fn seal_in_place(
    key: &[u8; KEY_LENGTH],
    nonce: &[u8; NONCE_LENGTH],
    associated_data: &[u8],
    data: &mut [u8],
) -> Result<[u8; TAG_LENGTH], OpenSslError> {
    let mut context = CipherCtx::new()?;
    context.encrypt_init(Some(Cipher::aes_256_gcm()), Some(key), Some(nonce))?;
    if !associated_data.is_empty() {
        context.cipher_update(associated_data, None)?;
    }
    if !data.is_empty() {
        let length = data.len();
        context.cipher_update_inplace(data, length)?;
    }
    context.cipher_final(&mut [])?;
    let mut tag = [0; TAG_LENGTH];
    context.tag(&mut tag)?;
    Ok(tag)
}

/// Decrypts `data` in place: `true` if the tag verifies. Otherwise `data` is wiped, for nobody may
/// look at plaintext that was not verified.
pub(crate) fn open_in_place(
    key: &[u8; KEY_LENGTH],
    nonce: &[u8; NONCE_LENGTH],
    associated_data: &[u8],
    data: &mut [u8],
    tag: &[u8; TAG_LENGTH],
) -> Result<bool, OpenSslError> {
    match try_open(key, nonce, associated_data, data, tag) {
        Ok(true) => Ok(true),
        refused => {
            data.zeroize();
            refused
        }
    }
}

fn try_open(
    key: &[u8; KEY_LENGTH],
    nonce: &[u8; NONCE_LENGTH],
    associated_data: &[u8],
    data: &mut [u8],
    tag: &[u8; TAG_LENGTH],
) -> Result<bool, OpenSslError> {
    let mut context = CipherCtx::new()?;
    context.decrypt_init(Some(Cipher::aes_256_gcm()), Some(key), Some(nonce))?;
    if !associated_data.is_empty() {
        context.cipher_update(associated_data, None)?;
    }
    if !data.is_empty() {
        let length = data.len();
        context.cipher_update_inplace(data, length)?;
    }
    context.set_tag(tag)?;
    // The tag is all that is left to go wrong in the last step.
    Ok(context.cipher_final(&mut []).is_ok())
}
