//! Document formats and key wrapping over OpenSSL: synchronous, and without I/O of its own beyond
//! adapters over [`std::io`]. Every primitive is OpenSSL's; this crate composes them.
//!
//! # Encrypting a document
//! A document is encrypted under one [`DocumentKey`] as `AES256_GCM_HKDF_1MB` ([`document`]), in
//! segments of 1 MiB. [`Encryptor`] takes plaintext in pieces of any size and gives ciphertext a
//! segment at a time; [`Decryptor`] is its mirror and releases only bytes that were verified.
//!
//! ```
//! use crypt_keeper_crypto::{Decryptor, DocumentKey, Encryptor, FreshHeader, random_bytes};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = DocumentKey::try_fill(|bytes| random_bytes(bytes))?;
//! let id = [7; 16];
//!
//! let mut object = Vec::new();
//! let mut encryptor = Encryptor::new(&key, &id, FreshHeader::generate()?)?;
//! for mut piece in [b"attack ".as_slice(), b"at dawn"] {
//!     while let Some(segment) = encryptor.push(&mut piece)? {
//!         object.extend_from_slice(segment);
//!     }
//! }
//! object.extend_from_slice(&encryptor.finish()?);
//!
//! let mut plaintext = Vec::new();
//! let mut decryptor = Decryptor::new(&key, &id);
//! let mut received = object.as_slice();
//! while let Some(verified) = decryptor.push(&mut received)? {
//!     plaintext.extend_from_slice(verified);
//! }
//! // Only `finish` knows that the document ends here and was not cut.
//! plaintext.extend_from_slice(&decryptor.finish()?);
//! assert_eq!(plaintext, b"attack at dawn");
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! |---|---|
//! | encrypt or decrypt a stream that arrives in pieces (an HTTP body) | [`Encryptor`], [`Decryptor`] |
//! | the same over [`std::io`] | [`EncryptingReader`], [`DecryptingReader`], [`EncryptingWriter`], [`DecryptingWriter`] |
//! | a small document in memory | [`document::encrypt`], [`document::decrypt`] |
//! | segments in parallel and in any order | [`SegmentEncryptor`], [`SegmentDecryptor`], [`Layout`] |
//! | read a range of a stored document | [`RangePlan`], [`RangeDecryptor`], [`SeekableReader`] |
//! | read and write the first version's `AES\|CBC` | [`CbcEncryptor`], [`CbcDecryptor`] |
//!
//! # Keys
//! The service stores a document key wrapped under a key pair ([`wrap`]) together with a
//! [`KeyCommitment`], which everyone who receives a key checks:
//!
//! ```
//! use crypt_keeper_crypto::{DocumentKey, KeyCommitment, KeyPair, WrapAlgorithm, random_bytes};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pair = KeyPair::generate(WrapAlgorithm::RsaOaep256)?;
//! let (serial, id) = (42, [7; 16]);
//! let key = DocumentKey::try_fill(|bytes| random_bytes(bytes))?;
//! let commitment = KeyCommitment::of(&key, &id)?;
//! let wrapped = pair.public_half().wrap(&key, serial, &id)?;
//!
//! let unwrapped = pair.private_half().unwrap(&wrapped, serial, &id)?;
//! commitment.check(&unwrapped, &id)?;
//! assert_eq!(unwrapped, key);
//! # Ok(())
//! # }
//! ```
//!
//! A private half is stored sealed ([`seal`]) under a [`MasterKeyRing`], which comes from outside
//! the database ([`master_key`]).

mod aead;
pub mod cbc;
pub mod commitment;
pub mod document;
pub mod error;
pub mod format;
mod hkdf;
pub mod master_key;
mod random;
pub mod seal;
pub mod wrap;

#[cfg(test)]
mod wycheproof;

pub use cbc::{CbcDecryptor, CbcEncryptor};
pub use commitment::KeyCommitment;
pub use crypt_keeper_secret::{DocumentKey, ExposeSecret, SecretBytes};
pub use document::{
    DecryptingReader, DecryptingWriter, Decryptor, EncryptingReader, EncryptingWriter, Encryptor,
    FreshHeader, Header, Layout, RangeDecryptor, RangeEnd, RangePlan, SeekableReader,
    SegmentDecryptor, SegmentEncryptor, SegmentSlot,
};
pub use error::{
    Alteration, CommitmentError, DocumentError, LineFault, MasterKeyError, OpenSslError, SealError,
    WrapError,
};
pub use format::Format;
pub use master_key::{MasterKey, MasterKeyId, MasterKeyRing, Purpose};
pub use random::random_bytes;
pub use seal::SealContext;
pub use wrap::{KeyPair, PrivateHalf, PublicHalf, WrapAlgorithm};

/// The 16 raw bytes of a document id (of its UUID, in network order). The formats take any 16.
pub type DocumentIdBytes = [u8; 16];
