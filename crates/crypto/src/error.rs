//! What can go wrong, one closed enum a concern. None of these texts ever holds a key, a plaintext
//! or a line of the master key file.

use std::io;

use hpke::HpkeError;
use openssl::error::ErrorStack;
use thiserror::Error;

use crate::{document::layout::MAX_PLAINTEXT_LENGTH, master_key::MasterKeyId};

/// OpenSSL itself failed: out of memory, or its random generator could not be seeded. Nothing is
/// said about the data.
#[derive(Debug, Clone, Error)]
#[error("OpenSSL failed")]
pub struct OpenSslError(#[from] ErrorStack);

/// Why a document cannot be encrypted or decrypted.
#[derive(Debug, Clone, Error)]
pub enum DocumentError {
    /// The bytes are not, or not all of, what was encrypted under this key for this document. A
    /// wrong key and a wrong document id look the same.
    #[error("the document was altered or is incomplete: {0}")]
    AlteredOrIncomplete(Alteration),
    /// The plaintext exceeds what the format can hold.
    #[error("the document is too long: this format holds at most {MAX_PLAINTEXT_LENGTH} bytes")]
    TooLong,
    /// A range that ends before it starts.
    #[error("the range ends at {end}, before its start at {start}")]
    BadRange {
        /// First byte wanted.
        start: u64,
        /// The byte after the last one wanted.
        end: u64,
    },
    /// A buffer handed in for encryption cannot be this segment: every segment but the last fills
    /// its 1 MiB, and only the first of a document may be empty.
    #[error("a buffer of {length} bytes cannot be segment {segment} (last: {last})")]
    BadSegmentLength {
        /// Number of the segment, from 0.
        segment: u32,
        /// Length of the buffer in bytes, header and tag included.
        length: usize,
        /// Whether it was to be the last segment.
        last: bool,
    },
    /// OpenSSL itself failed.
    #[error(transparent)]
    OpenSsl(#[from] OpenSslError),
}

/// What gave an alteration away. Fine to display: it tells an attacker nothing he did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Alteration {
    /// The first byte is not the length of the header: not this format at all.
    #[error("it does not start with a header of this format")]
    NotThisFormat,
    /// A segment's tag does not verify: changed, moved, or under another key.
    #[error("segment {segment} does not verify")]
    SegmentNotVerified {
        /// Number of the segment, from 0.
        segment: u32,
    },
    /// It ends where no document can end.
    #[error("it is cut short")]
    CutShort,
    /// Bytes follow where the document must have ended.
    #[error("bytes follow its end")]
    TrailingBytes,
    /// More segments than the format can number.
    #[error("it has more segments than the format allows")]
    TooManySegments,
}

impl From<ErrorStack> for DocumentError {
    fn from(error: ErrorStack) -> Self {
        Self::OpenSsl(error.into())
    }
}

impl From<Alteration> for DocumentError {
    fn from(alteration: Alteration) -> Self {
        Self::AlteredOrIncomplete(alteration)
    }
}

/// For the adapters over [`std::io`]: [`io::Error::get_ref`] gives the [`DocumentError`] back.
impl From<DocumentError> for io::Error {
    fn from(error: DocumentError) -> Self {
        let kind = match &error {
            DocumentError::AlteredOrIncomplete(_) => io::ErrorKind::InvalidData,
            DocumentError::TooLong
            | DocumentError::BadRange { .. }
            | DocumentError::BadSegmentLength { .. } => io::ErrorKind::InvalidInput,
            DocumentError::OpenSsl(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Why a key is not the document's.
#[derive(Debug, Clone, Error)]
pub enum CommitmentError {
    /// The key is not the one that was committed to: a wrong key, a restored row, a corrupt wrap.
    #[error("this is not the key of this document: the key commitment differs")]
    Mismatch,
    /// OpenSSL itself failed.
    #[error(transparent)]
    OpenSsl(#[from] OpenSslError),
}

/// Why a document key cannot be wrapped or unwrapped.
#[derive(Debug, Clone, Error)]
pub enum WrapError {
    /// The algorithm's name is not one this crate implements.
    #[error("the wrapping algorithm is not known here")]
    UnknownAlgorithm,
    /// The public half is not what its algorithm asks for.
    #[error("the public half of the key pair is not acceptable: {0}")]
    BadPublicHalf(KeyFault),
    /// The private half is not what its algorithm asks for.
    #[error("the private half of the key pair is not acceptable: {0}")]
    BadPrivateHalf(KeyFault),
    /// The wrapped key does not open: altered, of another document, or of another key pair.
    #[error("the wrapped key does not open under this key pair for this document")]
    DoesNotOpen,
    /// A key pair's two halves do not belong together.
    #[error("the self-test failed: what the public half wraps, the private half does not open")]
    SelfTestFailed,
    /// The HPKE library itself failed.
    #[error("HPKE failed: {0}")]
    Hpke(HpkeError),
    /// OpenSSL itself failed.
    #[error(transparent)]
    OpenSsl(#[from] OpenSslError),
}

impl From<ErrorStack> for WrapError {
    fn from(error: ErrorStack) -> Self {
        Self::OpenSsl(error.into())
    }
}

/// What is wrong with one half of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// It is not the encoding its algorithm asks for, or something follows it.
    #[error("it is not in the expected encoding")]
    Encoding,
    /// It is a key of another kind.
    #[error("it is not a key of the expected kind")]
    Kind,
    /// Its modulus has the wrong size.
    #[error("its modulus has {found} bits, not {expected}")]
    ModulusSize {
        /// Size found, in bits.
        found: u32,
        /// Size asked for, in bits.
        expected: u32,
    },
    /// Its public exponent is not 65537.
    #[error("its public exponent is not 65537")]
    Exponent,
    /// Its X25519 point has a low order: every secret shared with it would be known to all.
    #[error("its X25519 point is of low order")]
    LowOrder,
}

/// Why a sealed blob cannot be opened.
#[derive(Debug, Clone, Error)]
pub enum SealError {
    /// It is too short, or of a version this crate does not know.
    #[error("this is not a sealed blob")]
    NotASealedBlob,
    /// It was sealed under a master key that the ring lacks.
    #[error(
        "it is sealed under master key {0}, which is not in the ring: add its line to the master \
         key file"
    )]
    UnknownMasterKey(MasterKeyId),
    /// It was altered, or belongs to another key pair, scope or algorithm, or the master key of
    /// that id is another.
    #[error("the sealed blob does not open under master key {0}: altered, or not of this key pair")]
    DoesNotOpen(MasterKeyId),
    /// OpenSSL itself failed.
    #[error(transparent)]
    OpenSsl(#[from] OpenSslError),
}

/// Why a ring of master keys is refused.
#[derive(Debug, Clone, Error)]
pub enum MasterKeyError {
    /// There is no line in it.
    #[error("the master key ring is empty: it needs a line `id:key`")]
    Empty,
    /// A line is not `id:key`.
    #[error("line {line} of the master key ring: {fault}")]
    BadLine {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// Two keys would have the same id.
    #[error("master key {0} is already in the ring")]
    Duplicate(MasterKeyId),
    /// OpenSSL itself failed.
    #[error(transparent)]
    OpenSsl(#[from] OpenSslError),
}

/// What is wrong with a line of a ring of master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// No colon.
    #[error("there is no colon between id and key")]
    NoColon,
    /// The id is malformed.
    #[error("the id is not 16 lower-case hexadecimal digits")]
    Id,
    /// The key is malformed.
    #[error("the key is not standard padded base64 of 32 bytes")]
    Key,
    /// The key does not lie in clear, where it should.
    #[error(
        "the key is sealed by Vault's Transit: name its Transit key in `keys.master_key_transit`"
    )]
    Sealed,
    /// The key lies in clear, where it should be sealed.
    #[error(
        "the key is not sealed (`vault:v1:..`): with `keys.master_key_transit` the ring holds sealed \
         keys alone, and one that lay here in clear is known to whoever has seen the file"
    )]
    NotSealed,
    /// The id occurred on an earlier line.
    #[error("its id is that of an earlier line")]
    Duplicate,
}
