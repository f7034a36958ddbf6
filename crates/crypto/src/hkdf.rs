//! HKDF-SHA256 (RFC 5869).

use openssl::{md::Md, pkey::Id, pkey_ctx::PkeyCtx};

use crate::error::OpenSslError;

/// Extracts and expands: fills `output` (at most 255 * 32 bytes) from the input key material, with
/// `info` given in parts that are concatenated.
pub(crate) fn hkdf_sha256(
    input_key: &[u8],
    salt: &[u8],
    info: &[&[u8]],
    output: &mut [u8],
) -> Result<(), OpenSslError> {
    // Left to itself by this constructor, OpenSSL would take itself down at the program's exit, under
    // threads that end at the same moment.
    openssl::init();
    let mut context = PkeyCtx::new_id(Id::HKDF)?;
    context.derive_init()?;
    context.set_hkdf_md(Md::sha256())?;
    // An absent salt is, by RFC 5869 section 2.2, the same as an empty one.
    if !salt.is_empty() {
        context.set_hkdf_salt(salt)?;
    }
    context.set_hkdf_key(input_key)?;
    for part in info.iter().filter(|part| !part.is_empty()) {
        context.add_hkdf_info(part)?;
    }
    context.derive(Some(output))?;
    Ok(())
}
