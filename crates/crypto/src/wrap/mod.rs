//! Wrapping document keys under key pairs.
//!
//! The algorithms are a closed set; each name is fixed by the key registry's entry of its serial.
//! A label binds a wrapped key to its algorithm, its serial and its document, so that one pasted
//! into another document's row does not open.

pub mod hpke;
pub mod rsa_oaep;
pub mod transit;

use std::fmt;

use crypt_keeper_secret::{DocumentKey, SecretBytes};

use self::hpke::{X25519PrivateHalf, X25519PublicHalf, XWingPrivateHalf, XWingPublicHalf};
use crate::{DocumentIdBytes, error::WrapError, random::random_bytes};
use rsa_oaep::{RsaPrivateHalf, RsaPublicHalf};

const LABEL_PREFIX: &[u8] = b"crypt-keeper/wrap/v1\0";

/// How document keys are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WrapAlgorithm {
    /// `CK-RSA-OAEP-256`: RSA-3072, OAEP with SHA-256 (MGF1 the same) and our label (RFC 8017).
    RsaOaep256,
    /// `CK-HPKE-X25519`: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
    /// AES-256-GCM, and our label as its `info`.
    HpkeX25519,
    /// `CK-HPKE-XWING`: the same with the KEM X-Wing, X25519 and ML-KEM-768 in one.
    HpkeXWing,
}

impl WrapAlgorithm {
    /// Every algorithm this crate implements.
    pub const ALL: [Self; 3] = [Self::RsaOaep256, Self::HpkeX25519, Self::HpkeXWing];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep256 => "CK-RSA-OAEP-256",
            Self::HpkeX25519 => "CK-HPKE-X25519",
            Self::HpkeXWing => "CK-HPKE-XWING",
        }
    }

    /// The algorithm of exactly this stored name.
    ///
    /// # Errors
    /// [`WrapError::UnknownAlgorithm`] for any other name.
    pub fn from_name(name: &str) -> Result<Self, WrapError> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.name() == name)
            .ok_or(WrapError::UnknownAlgorithm)
    }

    /// `"crypt-keeper/wrap/v1" 00 algorithm name 00 serial (u64 BE) document id (16)`.
    fn label(self, serial: u64, document_id: &DocumentIdBytes) -> Vec<u8> {
        let mut label = Vec::with_capacity(64);
        label.extend_from_slice(LABEL_PREFIX);
        label.extend_from_slice(self.name().as_bytes());
        label.push(0);
        label.extend_from_slice(&serial.to_be_bytes());
        label.extend_from_slice(document_id);
        label
    }
}

impl fmt::Display for WrapAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The public half of a key pair: it wraps. Parsed once, used from any number of threads.
#[derive(Debug, Clone)]
pub enum PublicHalf {
    /// Of [`WrapAlgorithm::RsaOaep256`].
    RsaOaep256(RsaPublicHalf),
    /// Of [`WrapAlgorithm::HpkeX25519`].
    HpkeX25519(X25519PublicHalf),
    /// Of [`WrapAlgorithm::HpkeXWing`].
    HpkeXWing(XWingPublicHalf),
}

impl PublicHalf {
    /// Reads a stored public half (RSA: SPKI, DER; HPKE: as its KEM serializes it).
    ///
    /// # Errors
    /// [`WrapError::BadPublicHalf`] if it is not exactly what the algorithm asks for.
    pub fn parse(algorithm: WrapAlgorithm, bytes: &[u8]) -> Result<Self, WrapError> {
        match algorithm {
            WrapAlgorithm::RsaOaep256 => Ok(Self::RsaOaep256(RsaPublicHalf::parse(bytes)?)),
            WrapAlgorithm::HpkeX25519 => Ok(Self::HpkeX25519(X25519PublicHalf::parse(bytes)?)),
            WrapAlgorithm::HpkeXWing => Ok(Self::HpkeXWing(XWingPublicHalf::parse(bytes)?)),
        }
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::RsaOaep256(half) => half.as_bytes(),
            Self::HpkeX25519(half) => half.as_bytes(),
            Self::HpkeXWing(half) => half.as_bytes(),
        }
    }

    /// The algorithm it belongs to.
    #[must_use]
    pub const fn algorithm(&self) -> WrapAlgorithm {
        match self {
            Self::RsaOaep256(_) => WrapAlgorithm::RsaOaep256,
            Self::HpkeX25519(_) => WrapAlgorithm::HpkeX25519,
            Self::HpkeXWing(_) => WrapAlgorithm::HpkeXWing,
        }
    }

    /// Wraps a document's key. Twice gives two different wraps.
    ///
    /// # Errors
    /// [`WrapError::OpenSsl`] or [`WrapError::Hpke`] if the library fails.
    pub fn wrap(
        &self,
        key: &DocumentKey,
        serial: u64,
        document_id: &DocumentIdBytes,
    ) -> Result<Vec<u8>, WrapError> {
        let label = self.algorithm().label(serial, document_id);
        match self {
            Self::RsaOaep256(half) => half.wrap(key, &label),
            Self::HpkeX25519(half) => half.wrap(key, &label),
            Self::HpkeXWing(half) => half.wrap(key, &label),
        }
    }
}

/// Two public halves are the same if their stored bytes are.
impl PartialEq for PublicHalf {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm() == other.algorithm() && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicHalf {}

/// The private half of a key pair: it unwraps. Parsed once, used from any number of threads; a
/// clone is cheap. It is wiped when the last clone is dropped.
#[derive(Debug, Clone)]
pub enum PrivateHalf {
    /// Of [`WrapAlgorithm::RsaOaep256`].
    RsaOaep256(RsaPrivateHalf),
    /// Of [`WrapAlgorithm::HpkeX25519`].
    HpkeX25519(X25519PrivateHalf),
    /// Of [`WrapAlgorithm::HpkeXWing`].
    HpkeXWing(XWingPrivateHalf),
}

impl PrivateHalf {
    /// Reads a private half as it was sealed (RSA: PKCS#8, DER; X25519: the scalar; X-Wing: the
    /// seed).
    ///
    /// # Errors
    /// [`WrapError::BadPrivateHalf`] if it is not what the algorithm asks for.
    pub fn parse(algorithm: WrapAlgorithm, bytes: &SecretBytes) -> Result<Self, WrapError> {
        match algorithm {
            WrapAlgorithm::RsaOaep256 => Ok(Self::RsaOaep256(RsaPrivateHalf::parse(bytes)?)),
            WrapAlgorithm::HpkeX25519 => Ok(Self::HpkeX25519(X25519PrivateHalf::parse(bytes)?)),
            WrapAlgorithm::HpkeXWing => Ok(Self::HpkeXWing(XWingPrivateHalf::parse(bytes)?)),
        }
    }

    /// The bytes to seal.
    ///
    /// # Errors
    /// [`WrapError::OpenSsl`] if OpenSSL fails.
    pub fn to_bytes(&self) -> Result<SecretBytes, WrapError> {
        match self {
            Self::RsaOaep256(half) => half.to_bytes(),
            Self::HpkeX25519(half) => Ok(half.to_bytes()),
            Self::HpkeXWing(half) => Ok(half.to_bytes()),
        }
    }

    /// The algorithm it belongs to.
    #[must_use]
    pub const fn algorithm(&self) -> WrapAlgorithm {
        match self {
            Self::RsaOaep256(_) => WrapAlgorithm::RsaOaep256,
            Self::HpkeX25519(_) => WrapAlgorithm::HpkeX25519,
            Self::HpkeXWing(_) => WrapAlgorithm::HpkeXWing,
        }
    }

    /// The public half that belongs to it.
    ///
    /// # Errors
    /// [`WrapError::OpenSsl`] if OpenSSL fails.
    pub fn public_half(&self) -> Result<PublicHalf, WrapError> {
        match self {
            Self::RsaOaep256(half) => Ok(PublicHalf::RsaOaep256(half.public_half()?)),
            Self::HpkeX25519(half) => Ok(PublicHalf::HpkeX25519(half.public_half())),
            Self::HpkeXWing(half) => Ok(PublicHalf::HpkeXWing(half.public_half())),
        }
    }

    /// Unwraps a document's key. This is CPU work of up to the better part of a millisecond: keep it
    /// off asynchronous workers. Check the [`KeyCommitment`](crate::KeyCommitment) afterwards.
    ///
    /// # Errors
    /// [`WrapError::DoesNotOpen`], whatever is wrong with the wrapped key.
    pub fn unwrap(
        &self,
        wrapped: &[u8],
        serial: u64,
        document_id: &DocumentIdBytes,
    ) -> Result<DocumentKey, WrapError> {
        let label = self.algorithm().label(serial, document_id);
        match self {
            Self::RsaOaep256(half) => half.unwrap(wrapped, &label),
            Self::HpkeX25519(half) => half.unwrap(wrapped, &label),
            Self::HpkeXWing(half) => half.unwrap(wrapped, &label),
        }
    }
}

/// A key pair whose halves belong together.
#[derive(Debug, Clone)]
pub struct KeyPair {
    public: PublicHalf,
    private: PrivateHalf,
}

impl KeyPair {
    /// Makes a key pair. Takes up to seconds of CPU for RSA.
    ///
    /// # Errors
    /// [`WrapError::OpenSsl`] if OpenSSL fails.
    pub fn generate(algorithm: WrapAlgorithm) -> Result<Self, WrapError> {
        let private = match algorithm {
            WrapAlgorithm::RsaOaep256 => PrivateHalf::RsaOaep256(RsaPrivateHalf::generate()?),
            WrapAlgorithm::HpkeX25519 => PrivateHalf::HpkeX25519(X25519PrivateHalf::generate()),
            WrapAlgorithm::HpkeXWing => PrivateHalf::HpkeXWing(XWingPrivateHalf::generate()),
        };
        Ok(Self {
            public: private.public_half()?,
            private,
        })
    }

    /// The half that wraps.
    #[must_use]
    pub const fn public_half(&self) -> &PublicHalf {
        &self.public
    }

    /// The half that unwraps.
    #[must_use]
    pub const fn private_half(&self) -> &PrivateHalf {
        &self.private
    }
}

/// Wraps a random key with one half and unwraps it with the other: what a new key pair must pass,
/// as read back from its store, before anything is trusted to it.
///
/// # Errors
/// [`WrapError::SelfTestFailed`] if the halves do not belong together.
pub fn self_test(public: &PublicHalf, private: &PrivateHalf, serial: u64) -> Result<(), WrapError> {
    let mut document_id = [0; 16];
    random_bytes(&mut document_id)?;
    let key = DocumentKey::try_fill(|bytes| random_bytes(bytes))?;
    let wrapped = public.wrap(&key, serial, &document_id)?;
    match private.unwrap(&wrapped, serial, &document_id) {
        Ok(unwrapped) if unwrapped == key => Ok(()),
        Ok(_) | Err(WrapError::DoesNotOpen) => Err(WrapError::SelfTestFailed),
        Err(error) => Err(error),
    }
}
