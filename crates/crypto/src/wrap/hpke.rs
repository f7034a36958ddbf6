//! `CK-HPKE-X25519` and `CK-HPKE-XWING`: HPKE (RFC 9180) in base mode, KDF 0x0001 (HKDF-SHA256),
//! AEAD 0x0002 (AES-256-GCM), empty associated data; the label is HPKE's `info`.
//!
//! The KEM is DHKEM(X25519, HKDF-SHA256) (0x0020) or X-Wing, which is X25519 and ML-KEM-768 in one
//! (0x647A, draft-ietf-hpke-pq). A wrapped key is the encapsulated key, then ciphertext and tag.
//! Why this library: `docs/adr/0006-hpke-library.md`.

use std::{fmt, sync::Arc};

use ::hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable,
    aead::{Aead, AesGcm256},
    kdf::HkdfSha256,
    kem::{X25519HkdfSha256, XWing},
    rand_core::{CryptoRng, UnwrapErr},
    setup_receiver, single_shot_open, single_shot_seal_with_rng,
};
use crypt_keeper_secret::{DocumentKey, ExposeSecret, KEY_LENGTH, SecretBytes};
use getrandom::SysRng;
use zeroize::Zeroizing;

use crate::error::{KeyFault, WrapError};

/// Length of an X25519 point: the whole of an X25519 public key, the last bytes of an X-Wing one.
const POINT_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;

/// The public half of `CK-HPKE-X25519`: 32 bytes.
pub type X25519PublicHalf = HpkePublicHalf<X25519HkdfSha256>;
/// The private half of `CK-HPKE-X25519`: a scalar of 32 bytes.
pub type X25519PrivateHalf = HpkePrivateHalf<X25519HkdfSha256>;
/// The public half of `CK-HPKE-XWING`: 1,184 bytes of ML-KEM-768, 32 of X25519.
pub type XWingPublicHalf = HpkePublicHalf<XWing>;
/// The private half of `CK-HPKE-XWING`: a seed of 32 bytes.
pub type XWingPrivateHalf = HpkePrivateHalf<XWing>;

/// A public key of a KEM. A clone is cheap.
pub struct HpkePublicHalf<K: Kem>(Arc<Public<K>>);

struct Public<K: Kem> {
    key: K::PublicKey,
    bytes: Vec<u8>,
}

impl<K: Kem> HpkePublicHalf<K> {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, WrapError> {
        let key = K::PublicKey::from_bytes(bytes)
            .map_err(|_| WrapError::BadPublicHalf(KeyFault::Encoding))?;
        check_point(bytes)?;
        let bytes = bytes.to_vec();
        Ok(Self(Arc::new(Public { key, bytes })))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub(super) fn wrap(&self, key: &DocumentKey, label: &[u8]) -> Result<Vec<u8>, WrapError> {
        let key = key.expose_secret();
        seal::<AesGcm256, K>(&self.0.key, label, b"", key, &mut system_random()).map_err(|error| {
            match error {
                HpkeError::EncapError => WrapError::BadPublicHalf(KeyFault::LowOrder),
                other => WrapError::Hpke(other),
            }
        })
    }
}

impl<K: Kem> Clone for HpkePublicHalf<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kem> fmt::Debug for HpkePublicHalf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HpkePublicHalf(KEM {:#06x})", K::KEM_ID)
    }
}

/// A private key of a KEM. A clone is cheap; the library wipes the key when the last one is
/// dropped.
pub struct HpkePrivateHalf<K: Kem>(Arc<K::PrivateKey>);

impl<K: Kem> HpkePrivateHalf<K> {
    pub(super) fn generate() -> Self {
        let (key, _) = K::gen_keypair_with_rng(&mut system_random());
        Self(Arc::new(key))
    }

    pub(super) fn parse(bytes: &SecretBytes) -> Result<Self, WrapError> {
        match K::PrivateKey::from_bytes(bytes.expose_secret()) {
            Ok(key) => Ok(Self(Arc::new(key))),
            Err(_) => Err(WrapError::BadPrivateHalf(KeyFault::Encoding)),
        }
    }

    pub(super) fn to_bytes(&self) -> SecretBytes {
        let mut bytes = vec![0; K::PrivateKey::size()];
        self.0.write_exact(&mut bytes);
        SecretBytes::new(bytes)
    }

    pub(super) fn public_half(&self) -> HpkePublicHalf<K> {
        let key = K::sk_to_pk(&self.0);
        let bytes = key.to_bytes().to_vec();
        HpkePublicHalf(Arc::new(Public { key, bytes }))
    }

    pub(super) fn unwrap(&self, wrapped: &[u8], label: &[u8]) -> Result<DocumentKey, WrapError> {
        if wrapped.len() != K::EncappedKey::size() + KEY_LENGTH + TAG_LENGTH {
            return Err(WrapError::DoesNotOpen);
        }
        let opened = open::<AesGcm256, K>(&self.0, label, b"", wrapped)
            .map_err(|_| WrapError::DoesNotOpen)?;
        DocumentKey::from_slice(&opened).ok_or(WrapError::DoesNotOpen)
    }
}

impl<K: Kem> Clone for HpkePrivateHalf<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kem> fmt::Debug for HpkePrivateHalf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HpkePrivateHalf([redacted])")
    }
}

/// The primitive: any AEAD, associated data and message. Encapsulated key, ciphertext, tag.
fn seal<A: Aead, K: Kem>(
    key: &K::PublicKey,
    info: &[u8],
    associated_data: &[u8],
    message: &[u8],
    random: &mut impl CryptoRng,
) -> Result<Vec<u8>, HpkeError> {
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<A, HkdfSha256, K>(
        &OpModeS::Base,
        key,
        info,
        message,
        associated_data,
        random,
    )?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

fn open<A: Aead, K: Kem>(
    key: &K::PrivateKey,
    info: &[u8],
    associated_data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
    let (encapsulated, ciphertext) = sealed
        .split_at_checked(K::EncappedKey::size())
        .ok_or(HpkeError::OpenError)?;
    let encapsulated = K::EncappedKey::from_bytes(encapsulated)?;
    single_shot_open::<A, HkdfSha256, K>(
        &OpModeR::Base,
        key,
        &encapsulated,
        info,
        ciphertext,
        associated_data,
    )
    .map(Zeroizing::new)
}

/// Refuses a point of low order: whatever is wrapped to it has a shared secret of zeros (RFC 9180,
/// section 7.1.4). X-Wing does not ask for this, but half of its strength would be gone.
fn check_point(public_half: &[u8]) -> Result<(), WrapError> {
    let refused = |_| WrapError::BadPublicHalf(KeyFault::LowOrder);
    let point = public_half
        .last_chunk::<POINT_LENGTH>()
        .ok_or(WrapError::BadPublicHalf(KeyFault::Encoding))?;
    let point = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(point).map_err(refused)?;
    // Any scalar will do: a clamped one is a multiple of 8, and takes every such point to zero.
    let scalar = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&[1; 32]).map_err(refused)?;
    setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(&OpModeR::Base, &scalar, &point, b"")
        .map_err(refused)?;
    Ok(())
}

/// The library asks for a generator that cannot fail. The kernel's fails only where it is missing
/// altogether, and there the service has not come as far as this.
fn system_random() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

#[cfg(test)]
mod tests;
