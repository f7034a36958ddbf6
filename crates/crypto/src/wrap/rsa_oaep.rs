//! `CK-RSA-OAEP-256`: RSAES-OAEP (RFC 8017) with a 3072-bit modulus, SHA-256 for the hash and for
//! MGF1, and a label.

use std::fmt;

use crypt_keeper_secret::{DocumentKey, ExposeSecret, SecretBytes};
use openssl::{
    bn::BigNum,
    error::ErrorStack,
    md::Md,
    pkey::{HasPublic, Id, PKey, PKeyRef, Private, Public},
    pkey_ctx::PkeyCtx,
    rsa::{Padding, Rsa},
};
use zeroize::Zeroizing;

use crate::error::{KeyFault, WrapError};

/// Size of the modulus in bits.
pub const MODULUS_BITS: u32 = 3072;
/// Length of a wrapped key in bytes.
pub const WRAPPED_LENGTH: usize = MODULUS_BITS as usize / 8;
const PUBLIC_EXPONENT: u32 = 65537;

/// An RSA-3072 public key.
#[derive(Clone)]
pub struct RsaPublicHalf {
    key: PKey<Public>,
    der: Vec<u8>,
}

impl RsaPublicHalf {
    pub(super) fn parse(der: &[u8]) -> Result<Self, WrapError> {
        let key = PKey::public_key_from_der(der)
            .map_err(|_| WrapError::BadPublicHalf(KeyFault::Encoding))?;
        check_parameters(&key).map_err(WrapError::BadPublicHalf)?;
        // One key, one encoding: the bytes are authenticated and compared as they are.
        if key.public_key_to_der()? != der {
            return Err(WrapError::BadPublicHalf(KeyFault::Encoding));
        }
        Ok(Self {
            key,
            der: der.to_vec(),
        })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn wrap(&self, key: &DocumentKey, label: &[u8]) -> Result<Vec<u8>, WrapError> {
        let mut wrapped = vec![0; WRAPPED_LENGTH];
        let mut context = PkeyCtx::new(&self.key)?;
        context.encrypt_init()?;
        set_oaep(&mut context, label)?;
        let length = context.encrypt(key.expose_secret(), Some(&mut wrapped))?;
        wrapped.truncate(length);
        Ok(wrapped)
    }
}

impl fmt::Debug for RsaPublicHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicHalf({} bits)", self.key.bits())
    }
}

/// An RSA-3072 private key.
#[derive(Clone)]
pub struct RsaPrivateHalf {
    key: PKey<Private>,
}

impl RsaPrivateHalf {
    pub(super) fn generate() -> Result<Self, WrapError> {
        let exponent = BigNum::from_u32(PUBLIC_EXPONENT)?;
        let key = PKey::from_rsa(Rsa::generate_with_e(MODULUS_BITS, &exponent)?)?;
        Ok(Self { key })
    }

    pub(crate) fn parse(der: &SecretBytes) -> Result<Self, WrapError> {
        let key = PKey::private_key_from_pkcs8(der.expose_secret())
            .map_err(|_| WrapError::BadPrivateHalf(KeyFault::Encoding))?;
        check_parameters(&key).map_err(WrapError::BadPrivateHalf)?;
        Ok(Self { key })
    }

    pub(super) fn to_bytes(&self) -> Result<SecretBytes, WrapError> {
        Ok(SecretBytes::new(self.key.private_key_to_pkcs8()?))
    }

    pub(super) fn public_half(&self) -> Result<RsaPublicHalf, WrapError> {
        RsaPublicHalf::parse(&self.key.public_key_to_der()?)
    }

    pub(super) fn unwrap(&self, wrapped: &[u8], label: &[u8]) -> Result<DocumentKey, WrapError> {
        let opened = self.open(wrapped, label)?;
        DocumentKey::from_slice(&opened).ok_or(WrapError::DoesNotOpen)
    }

    /// The primitive: a message of any length that OAEP holds, under any label.
    pub(crate) fn open(
        &self,
        wrapped: &[u8],
        label: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, WrapError> {
        if wrapped.len() != WRAPPED_LENGTH {
            return Err(WrapError::DoesNotOpen);
        }
        let mut message = Zeroizing::new(vec![0; WRAPPED_LENGTH]);
        let mut context = PkeyCtx::new(&self.key)?;
        context.decrypt_init()?;
        set_oaep(&mut context, label)?;
        let length = context
            .decrypt(wrapped, Some(&mut message))
            .map_err(|_| WrapError::DoesNotOpen)?;
        message.truncate(length);
        Ok(message)
    }
}

impl fmt::Debug for RsaPrivateHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPrivateHalf([redacted])")
    }
}

fn set_oaep<T>(context: &mut PkeyCtx<T>, label: &[u8]) -> Result<(), ErrorStack> {
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(Md::sha256())?;
    context.set_rsa_mgf1_md(Md::sha256())?;
    // OAEP's default label is the empty one; OpenSSL refuses an allocation of nothing.
    if label.is_empty() {
        Ok(())
    } else {
        context.set_rsa_oaep_label(label)
    }
}

fn check_parameters<T: HasPublic>(key: &PKeyRef<T>) -> Result<(), KeyFault> {
    if key.id() != Id::RSA {
        return Err(KeyFault::Kind);
    }
    let rsa = key.rsa().map_err(|_| KeyFault::Kind)?;
    let bits = u32::try_from(rsa.n().num_bits()).unwrap_or(0);
    if bits != MODULUS_BITS {
        return Err(KeyFault::ModulusSize {
            found: bits,
            expected: MODULUS_BITS,
        });
    }
    let exponent = BigNum::from_u32(PUBLIC_EXPONENT).map_err(|_| KeyFault::Exponent)?;
    if rsa.e() == &*exponent {
        Ok(())
    } else {
        Err(KeyFault::Exponent)
    }
}
