use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crypt_keeper_crypto::{CommitmentError, SealError, WrapError};
use crypt_keeper_domain::model::{Algorithm, Serial};
use crypt_keeper_domain::ports::VaultError;

/// What can be wrong with a key pair and its private half. Never a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PairError {
    #[error("key pair {0} is not in the registry")]
    NotInRegistry(Serial),
    #[error("a key is said to be wrapped by {found}, but key pair {serial} is of {expected}")]
    OtherAlgorithm {
        serial: Serial,
        found: Algorithm,
        expected: Algorithm,
    },
    #[error(
        "key pair {0} has no private half in the key store: restore the key store from its backup"
    )]
    NoPrivateHalf(Serial),
    #[error("the private half of key pair {serial} does not open")]
    DoesNotOpen {
        serial: Serial,
        #[source]
        source: SealError,
    },
    #[error("the private half of key pair {0} belongs to another public half")]
    OtherPublicHalf(Serial),
    #[error("key pair {serial} cannot be used")]
    Unusable {
        serial: Serial,
        #[source]
        source: WrapError,
    },
    #[error("a key wrapped under key pair {serial} is not the one that was committed to")]
    OtherKey {
        serial: Serial,
        #[source]
        source: CommitmentError,
    },
    #[error("there is a private half of serial {0} already: it is kept, and no pair was made")]
    Exists(Serial),
    #[error("the private half of key pair {0} was not read back as it was written")]
    NotKept(Serial),
}

impl PairError {
    pub(crate) fn sealed(serial: Serial, source: SealError) -> VaultError {
        // The row is as good as it was: it is the ring that lacks a line.
        let is_corrupt = matches!(
            source,
            SealError::NotASealedBlob | SealError::DoesNotOpen(_)
        );
        let error = Box::new(Self::DoesNotOpen { serial, source });
        if is_corrupt {
            VaultError::Corrupt(error)
        } else {
            VaultError::Backend(error)
        }
    }

    pub(crate) fn wrap(serial: Serial, source: WrapError) -> VaultError {
        let is_ours = matches!(
            source,
            WrapError::OpenSsl(_) | WrapError::Hpke(_) | WrapError::UnknownAlgorithm
        );
        let error = Box::new(Self::Unusable { serial, source });
        if is_ours {
            VaultError::Backend(error)
        } else {
            VaultError::Corrupt(error)
        }
    }

    pub(crate) fn commitment(serial: Serial, source: CommitmentError) -> VaultError {
        let is_ours = matches!(source, CommitmentError::OpenSsl(_));
        let error = Box::new(Self::OtherKey { serial, source });
        if is_ours {
            VaultError::Backend(error)
        } else {
            VaultError::Corrupt(error)
        }
    }

    pub(crate) fn corrupt(self) -> VaultError {
        VaultError::Corrupt(Box::new(self))
    }
}

/// An error that several waited for, given to each of them.
pub(crate) fn unshare(error: Arc<VaultError>) -> VaultError {
    match Arc::try_unwrap(error) {
        Ok(sole) => sole,
        Err(shared) => match &*shared {
            VaultError::NoActivePair(scope) => VaultError::NoActivePair(scope.clone()),
            VaultError::Refused(serial) => VaultError::Refused(*serial),
            VaultError::Unavailable(_) => VaultError::Unavailable(Box::new(Cause(shared))),
            VaultError::Corrupt(_) => VaultError::Corrupt(Box::new(Cause(shared))),
            VaultError::Backend(_) => VaultError::Backend(Box::new(Cause(shared))),
        },
    }
}

/// The error behind a shared error.
#[derive(Debug)]
struct Cause(Arc<VaultError>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

/// An error and all that is behind it, in one line.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        behind = cause.source();
    }
    line
}
