//! Everything that can go wrong, in words for the one who typed the command.
//!
//! An error says what was wrong ([`std::fmt::Display`]), why ([`std::error::Error::source`]), what
//! to do ([`Error::hint`]), and, where the service answered, under which id its operator finds the
//! request ([`Error::request_id`]). Nothing of an error holds a secret, and every text that came
//! from elsewhere is escaped for a terminal.

mod asked;
mod class;
mod hint;
mod network;
mod settings;

use crate::terminal::{escaped, escaped_path};
use crate::units::Bytes;
use std::io;
use std::path::PathBuf;

pub use asked::Asked;
pub use class::ErrorClass;
pub use network::NetworkFailure;
pub use settings::{Setting, SettingsProblem};

/// A failure of the client. See the module's own words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that is needed was given nowhere.
    #[error("no {0} was given")]
    MissingSetting(Setting),

    /// The address of the service cannot be used.
    #[error("the service's address is not usable: {0}")]
    InvalidAddress(&'static str),

    /// Credentials or keys would have crossed a network in clear.
    #[error(
        "plain http to {} is refused: {carried} would cross the network in clear",
        escaped(host)
    )]
    PlainHttp {
        /// Host the request would have gone to.
        host: String,
        /// What would have been readable on the way.
        carried: &'static str,
    },

    /// The user name cannot be one.
    #[error("the user name is not usable: {0}")]
    InvalidUser(&'static str),

    /// The API key cannot be one. It is never quoted.
    #[error("the API key is not usable: {0}")]
    InvalidApiKey(&'static str),

    /// A file with settings could not be used.
    #[error("cannot use {}: {problem}", escaped_path(path))]
    SettingsFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        problem: SettingsProblem,
    },

    /// The id of a document cannot be one.
    #[error("'{}' is not the id of a document", escaped(.0))]
    InvalidDocumentId(String),

    /// A name or type is longer than the service stores.
    #[error("the {what} is {length} {unit} long; the limit is {limit}")]
    TextTooLong {
        /// Which text.
        what: &'static str,
        /// Its length.
        length: usize,
        /// What is counted.
        unit: &'static str,
        /// The most that is allowed.
        limit: usize,
    },

    /// The file to upload cannot be read.
    #[error("cannot read {}", escaped_path(path))]
    SourceUnreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// A folder is no document.
    #[error("{} is a folder", escaped_path(.0))]
    SourceIsFolder(PathBuf),

    /// The file was written to while it was read.
    #[error("{} changed while it was being uploaded", escaped_path(.0))]
    SourceChanged(PathBuf),

    /// The document does not fit into one object.
    #[error("the document has {}, and {} is the most that can be uploaded",
            length.map_or_else(|| "more bytes than fit".to_owned(), |n| Bytes(n).to_string()), Bytes(*limit))]
    TooLarge {
        /// Length of the plaintext in bytes; `None` for a stream that was cut off.
        length: Option<u64>,
        /// Largest plaintext, in bytes.
        limit: u64,
    },

    /// There is a file already where the document would go.
    #[error("{} exists already", escaped_path(.0))]
    TargetExists(PathBuf),

    /// A device, pipe or folder is no place for a download.
    #[error("{} is not a regular file", escaped_path(.0))]
    TargetNotAFile(PathBuf),

    /// The file could not be written.
    #[error("cannot write {}", escaped_path(path))]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// Standard output could not be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),

    /// Standard input could not be read.
    #[error("cannot read standard input")]
    Input(#[source] io::Error),

    /// Standard input held no document id.
    #[error("standard input holds no document id")]
    NoDocumentIdOnInput,

    /// The service refused the credentials, or the user has no right to what was asked.
    #[error("the service refused: {}", asked.refusal())]
    Unauthorized {
        /// What was asked.
        asked: Asked,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// There is no such document.
    #[error("there is no document {}", escaped(id))]
    DocumentNotFound {
        /// The id that was asked for.
        id: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The document is known, its content is not in the object store.
    #[error("the content of {} is not in the object store", escaped(.0))]
    ContentMissing(String),

    /// The service knows no such user.
    #[error("the service knows no user {}", escaped(user))]
    UserNotFound {
        /// The name that was asked for.
        user: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The service would not do it, and said why.
    #[error("the service refused the request ({status}){}", said(message))]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: Option<String>,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// Too many requests, or too large a one.
    #[error("a limit of the service was hit ({status}){}", said(message))]
    ServiceLimit {
        /// HTTP status: 413 or 429.
        status: u16,
        /// Its words.
        message: Option<String>,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The service is there and cannot serve now: asking again later may help.
    #[error("the service is not available ({status}){}", said(message))]
    Unavailable {
        /// HTTP status: 502, 503 or 504.
        status: u16,
        /// Its words.
        message: Option<String>,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The service met a fault of its own, such as a record that is corrupt: its operator can help,
    /// asking again hardly.
    #[error("the service failed ({status}){}", said(message))]
    ServiceFailed {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: Option<String>,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// The answer is none of version 1.
    #[error(
        "{} did not answer as a Crypt-Keeper service does: {problem}",
        escaped(address)
    )]
    UnexpectedAnswer {
        /// Who answered.
        address: String,
        /// What was odd.
        problem: String,
        /// The service's id of the request.
        request_id: Option<String>,
    },

    /// No connection, or one that broke.
    #[error("{} ({})", failure.what(), escaped(address))]
    Network {
        /// Scheme, host and path: never the query, which may be a signature.
        address: String,
        /// What happened.
        #[source]
        failure: NetworkFailure,
    },

    /// The object store would not take or give the object.
    #[error("the object store refused ({status}{})", code.as_ref().map(|c| format!(", {}", escaped(c))).unwrap_or_default())]
    Store {
        /// HTTP status.
        status: u16,
        /// The store's own error code, such as `AccessDenied`.
        code: Option<String>,
        /// The store's id of the request.
        request_id: Option<String>,
    },

    /// An attempt was made anew and found an object: one before it arrived, unconfirmed.
    #[error(
        "the object of {0} is in the store already: an attempt whose answer was lost has put it there"
    )]
    UploadUncertain(String),

    /// A tag did not verify, or bytes are missing or too many.
    #[error("the document was altered or is incomplete: {0}")]
    Altered(String),

    /// Reading this encryption type has to be asked for.
    #[error("this document is encrypted as AES|CBC, which does not show alterations")]
    LegacyNotAllowed,

    /// This program knows no such encryption type.
    #[error("this document is encrypted as '{}', which ckc cannot read", escaped(.0))]
    UnknownEncryptionType(String),

    /// The operating system or the cryptographic library failed.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The class, which decides the exit code.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::MissingSetting(_)
            | Self::InvalidAddress(_)
            | Self::PlainHttp { .. }
            | Self::InvalidUser(_)
            | Self::InvalidApiKey(_)
            | Self::SettingsFile { .. }
            | Self::InvalidDocumentId(_)
            | Self::NoDocumentIdOnInput
            | Self::SourceUnreadable { .. }
            | Self::SourceIsFolder(_)
            | Self::TargetExists(_)
            | Self::TargetNotAFile(_)
            | Self::LegacyNotAllowed => ErrorClass::Usage,
            Self::Unauthorized { .. } => ErrorClass::Authentication,
            Self::DocumentNotFound { .. } | Self::ContentMissing(_) | Self::UserNotFound { .. } => {
                ErrorClass::NotFound
            }
            Self::Altered(_) => ErrorClass::Integrity,
            Self::Network { .. } | Self::Unavailable { .. } | Self::UploadUncertain(_) => {
                ErrorClass::Network
            }
            Self::Store { status, .. } if *status >= 500 => ErrorClass::Network,
            Self::TooLarge { .. } | Self::TextTooLong { .. } | Self::ServiceLimit { .. } => {
                ErrorClass::Limit
            }
            Self::SourceChanged(_)
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Input(_)
            | Self::Refused { .. }
            | Self::ServiceFailed { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::Store { .. }
            | Self::UnknownEncryptionType(_)
            | Self::Internal(_) => ErrorClass::Other,
        }
    }

    /// The id under which the one who answered logged the request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { request_id, .. }
            | Self::DocumentNotFound { request_id, .. }
            | Self::UserNotFound { request_id, .. }
            | Self::Refused { request_id, .. }
            | Self::ServiceLimit { request_id, .. }
            | Self::Unavailable { request_id, .. }
            | Self::ServiceFailed { request_id, .. }
            | Self::UnexpectedAnswer { request_id, .. }
            | Self::Store { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }
}

fn said(message: &Option<String>) -> String {
    message
        .as_ref()
        .map(|words| format!(": {}", escaped(words)))
        .unwrap_or_default()
}
