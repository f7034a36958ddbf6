//! What a use case may answer besides success; each API version maps it in one exhaustive match.

use crate::model::{DocumentId, FieldError, KeyState, Partition, Scope, Serial, Timestamp};
use crate::ports::{BlobError, BoxError, EntropyError, StoreError, VaultError};

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credentials are wrong, unknown, expired, or of a disabled user. It does not say which.
    #[error("the credentials are not valid")]
    Unauthenticated,
    /// The caller is known, but may not do this.
    #[error("the caller may not do this")]
    Forbidden,
    /// There is no such document, or none that is not expired or deleted.
    #[error("no such document")]
    NoSuchDocument,
    /// There is no such user, or none that is active.
    #[error("no such user")]
    NoSuchUser,
    /// There is no such API key.
    #[error("no such API key")]
    NoSuchApiKey,
    /// There is no such key pair.
    #[error("no key pair has serial {0}")]
    NoSuchKeyPair(Serial),
    /// The name is taken by another user.
    #[error("the user name is taken")]
    UserNameTaken,
    /// The user has as many live API keys as a user may have.
    #[error("the user has {limit} live API keys, the most that are allowed; revoke one first")]
    TooManyApiKeys {
        /// The most that are allowed.
        limit: usize,
    },
    /// Fields of the input are wrong.
    #[error("the input is not valid: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// Somebody else changed it at the same time; looking again and repeating helps.
    #[error("it was changed by somebody else at the same time")]
    Conflict,
    /// Nothing can be uploaded: the scope has no active key pair.
    #[error("scope {0} has no active key pair")]
    NoKeyPair(Scope),
    /// The document's key pair is suspended, compromised or gone.
    #[error("key pair {0} does not release keys in its present state")]
    KeyPairStopped(Serial),
    /// The life of the key pair does not allow this step.
    #[error("key pair {serial} is {state}, which does not allow this")]
    KeyPairState {
        /// Which pair.
        serial: Serial,
        /// Where it is in its life.
        state: KeyState,
    },
    /// The scope has another active pair of the algorithm.
    #[error("scope {0} has another active key pair")]
    AnotherKeyPairIsActive(Scope),
    /// Documents would be lost with the key pair.
    #[error("key pair {serial} is needed; live documents under it: {documents}")]
    KeyPairNeeded {
        /// Which pair.
        serial: Serial,
        /// How many documents.
        documents: u64,
    },
    /// The key pair has left active service too short a while ago.
    #[error("key pair {serial} left active service less than a day ago: wait until {until}")]
    KeyPairRests {
        /// Which pair.
        serial: Serial,
        /// From when on its destruction may be scheduled.
        until: Timestamp,
    },
    /// A destruction would wait for less than the least.
    #[error("a destruction waits for at least 7 days")]
    WaitTooShort,
    /// The destruction is scheduled for later.
    #[error("the destruction of key pair {serial} is not due before {due}")]
    DestructionNotDue {
        /// Which pair.
        serial: Serial,
        /// When it is due.
        due: Timestamp,
    },
    /// The destruction has begun and cannot be cancelled any more.
    #[error("the destruction of key pair {0} has begun: there is no way back")]
    DestructionHasBegun(Serial),
    /// There is no such partition.
    #[error("there is no partition {0}")]
    NoSuchPartition(Partition),
    /// Documents may still be put into the partition.
    #[error("partition {partition} takes documents {}", until(*.ends_at))]
    PartitionNotEnded {
        /// Which.
        partition: Partition,
        /// When its period ends; `None`: never.
        ends_at: Option<Timestamp>,
    },
    /// There is no hold on the document.
    #[error("there is no legal hold on document {0}")]
    NoSuchHold(DocumentId),
    /// The objects of the document's partition are being deleted, or are gone.
    #[error("the objects of partition {0} are being deleted: nothing of it can be held any more")]
    HoldTooLate(Partition),
    /// The document is to be held, but its object may still be uploaded: the hold has begun and
    /// keeps what is there, and is completed when it is placed again.
    #[error("the object of document {document} is not there, and may be uploaded until {until}")]
    HoldIncomplete {
        /// Which document.
        document: DocumentId,
        /// From when on the hold can be completed without an object.
        until: Timestamp,
    },
    /// The clocks of service and store are too far apart: ids made here are refused there.
    #[error("the clocks of the service and its store are too far apart")]
    ClockSkew,
    /// A part cannot be reached or is too busy. Asking again may help; whether the act took place
    /// may be unknown.
    #[error("a part of the service is unavailable")]
    Unavailable(#[source] BoxError),
    /// Something stored is not what was once stored.
    #[error("stored data is corrupt")]
    Corrupt(#[source] BoxError),
    /// Anything else that is no fault of the caller.
    #[error("an internal error")]
    Internal(#[source] BoxError),
}

fn until(ends_at: Option<Timestamp>) -> String {
    match ends_at {
        Some(end) => format!("until five minutes after {end}"),
        None => "for ever".to_owned(),
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            StoreError::Corrupt(_) => Self::Corrupt(Box::new(error)),
            StoreError::Backend(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoActivePair(scope) => Self::NoKeyPair(scope),
            VaultError::Refused(serial) => Self::KeyPairStopped(serial),
            VaultError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            VaultError::Corrupt(_) => Self::Corrupt(Box::new(error)),
            VaultError::Backend(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable(_) => Self::Unavailable(Box::new(error)),
            BlobError::Backend(_) => Self::Internal(Box::new(error)),
        }
    }
}

impl From<EntropyError> for Error {
    fn from(error: EntropyError) -> Self {
        Self::Internal(Box::new(error))
    }
}
