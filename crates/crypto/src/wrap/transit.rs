//! `TRANSIT-RSA-OAEP-256`: RSAES-OAEP (RFC 8017) with a 3072-bit modulus, SHA-256 for the hash and
//! for MGF1, and no label, as the Transit engine of HashiCorp Vault and of OpenBao has it.
//!
//! Wrapping needs the public half only and is done here; unwrapping is a call to Transit, which
//! never gives the private half away. Nothing binds the wrapped key to its document: the
//! [`KeyCommitment`](crate::KeyCommitment), which holds the document's id, does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_secret::DocumentKey;
use openssl::pkey::PKey;

use super::rsa_oaep::{RsaPublicHalf, WRAPPED_LENGTH};
use crate::error::{KeyFault, WrapError};

/// The stored name.
pub const NAME: &str = "TRANSIT-RSA-OAEP-256";
/// What Transit's ciphertexts under the first version of a key begin with. There is one Transit key
/// for each key pair, and it has one version.
pub const PREFIX: &str = "vault:v1:";

/// The public half of an RSA-3072 key in Transit.
#[derive(Debug, Clone)]
pub struct TransitPublicHalf(RsaPublicHalf);

impl TransitPublicHalf {
    /// Reads a stored public half (SPKI, DER).
    ///
    /// # Errors
    /// [`WrapError::BadPublicHalf`] if it is not exactly that, of 3072 bits.
    pub fn parse(der: &[u8]) -> Result<Self, WrapError> {
        RsaPublicHalf::parse(der).map(Self)
    }

    /// Reads a public half as Transit shows it (SPKI, PEM).
    ///
    /// # Errors
    /// [`WrapError::BadPublicHalf`] if it is not that, of 3072 bits.
    pub fn from_pem(pem: &str) -> Result<Self, WrapError> {
        let key = PKey::public_key_from_pem(pem.as_bytes())
            .map_err(|_| WrapError::BadPublicHalf(KeyFault::Encoding))?;
        Self::parse(&key.public_key_to_der()?)
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Wraps a document's key: `vault:v1:` and standard Base64, which Transit takes for its own.
    ///
    /// # Errors
    /// [`WrapError::OpenSsl`] if OpenSSL fails.
    pub fn wrap(&self, key: &DocumentKey) -> Result<Vec<u8>, WrapError> {
        let wrapped = self.0.wrap(key, &[])?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(wrapped)).into_bytes())
    }
}

/// A wrapped key as the text to give to Transit, if it has the form of one: then only its content
/// can be wrong.
///
/// # Errors
/// [`WrapError::DoesNotOpen`].
pub fn ciphertext(wrapped: &[u8]) -> Result<&str, WrapError> {
    let text = str::from_utf8(wrapped).map_err(|_| WrapError::DoesNotOpen)?;
    let encoded = text.strip_prefix(PREFIX).ok_or(WrapError::DoesNotOpen)?;
    match STANDARD.decode(encoded) {
        Ok(bytes) if bytes.len() == WRAPPED_LENGTH => Ok(text),
        _ => Err(WrapError::DoesNotOpen),
    }
}

#[cfg(test)]
mod tests {
    use crypt_keeper_secret::SecretBytes;

    use super::super::rsa_oaep::RsaPrivateHalf;
    use super::*;
    use crate::random_bytes;

    /// Transit's side, as its documentation has it; the real one opens it in the tests of the vault.
    #[test]
    fn what_is_wrapped_opens_under_oaep_without_a_label() {
        let private_half = RsaPrivateHalf::generate().unwrap();
        let public_half =
            TransitPublicHalf::parse(private_half.public_half().unwrap().as_bytes()).unwrap();
        let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap();
        let wrapped = public_half.wrap(&key).unwrap();
        assert_ne!(wrapped, public_half.wrap(&key).unwrap());
        let text = ciphertext(&wrapped).unwrap();
        let raw = STANDARD
            .decode(text.strip_prefix("vault:v1:").unwrap())
            .unwrap();
        assert_eq!(private_half.unwrap(&raw, &[]).unwrap(), key);
    }

    #[test]
    fn the_public_half_is_the_same_in_pem_and_der() {
        let private_half = RsaPrivateHalf::generate().unwrap();
        let der = private_half.public_half().unwrap().as_bytes().to_vec();
        let pem = PKey::public_key_from_der(&der).unwrap();
        let pem = String::from_utf8(pem.public_key_to_pem().unwrap()).unwrap();
        assert_eq!(TransitPublicHalf::from_pem(&pem).unwrap().as_bytes(), der);
        let cut = &pem[..pem.len() / 2];
        assert!(TransitPublicHalf::from_pem(cut).is_err());
    }

    #[test]
    fn a_key_of_another_size_is_refused() {
        let small = openssl::rsa::Rsa::generate(2048).unwrap();
        let small = PKey::from_rsa(small).unwrap();
        let pem = String::from_utf8(small.public_key_to_pem().unwrap()).unwrap();
        let error = TransitPublicHalf::from_pem(&pem).unwrap_err();
        assert!(error.to_string().contains("2048 bits, not 3072"), "{error}");
        let private = SecretBytes::new(small.private_key_to_pkcs8().unwrap());
        assert!(RsaPrivateHalf::parse(&private).is_err());
    }

    #[test]
    fn only_what_has_the_form_is_taken_to_transit() {
        let encoded = STANDARD.encode([7; WRAPPED_LENGTH]);
        assert!(ciphertext(format!("vault:v1:{encoded}").as_bytes()).is_ok());
        let short = STANDARD.encode([7; WRAPPED_LENGTH - 1]);
        for bad in [
            String::new(),
            "vault:v1:".to_owned(),
            encoded.clone(),
            format!("vault:v2:{encoded}"),
            format!("vault:v1:{encoded}="),
            format!("vault:v1:{encoded}\n"),
            format!(" vault:v1:{encoded}"),
            format!("vault:v1:{short}"),
            format!("vault:v1:{}", encoded.replace('B', "-")),
        ] {
            assert!(ciphertext(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(ciphertext(&[0xff; 521]).is_err());
    }
}
