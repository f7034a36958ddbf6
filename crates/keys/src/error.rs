use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crypt_keeper_crypto::{CommitmentError, WrapError};
use crypt_keeper_domain::model::{Algorithm, Serial};
use crypt_keeper_domain::ports::{BoxError, VaultError};

/// What can be wrong with a key pair and its private half. Never a secret.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// A document's row names a pair that is not there.
    #[error("key pair {0} is not in the registry")]
    NotInRegistry(Serial),
    /// A document's row and the registry disagree.
    #[error("a key is said to be wrapped by {found}, but key pair {serial} is of {expected}")]
    OtherAlgorithm {
        /// The pair.
        serial: Serial,
        /// What the document's row says.
        found: Algorithm,
        /// What the registry says.
        expected: Algorithm,
    },
    /// The pair is of an algorithm that this vault does not do.
    #[error(
        "key pair {serial} is of {algorithm}, which this key vault does not do: `keys.backend` \
         must be the one that it was made with"
    )]
    OtherVault {
        /// The pair.
        serial: Serial,
        /// Its algorithm.
        algorithm: Algorithm,
    },
    /// The vault has no private halves: the server is there to accept uploads.
    #[error("this server only wraps: it has no way to private halves, on purpose")]
    WrapsOnly,
    /// There is nothing under the serial.
    #[error("key pair {serial} has no private half in {store}: restore {store} from its backup")]
    NoPrivateHalf {
        /// The pair.
        serial: Serial,
        /// Where it should be: `the key store`.
        store: &'static str,
    },
    /// The private half of another pair.
    #[error("the private half of key pair {0} belongs to another public half")]
    OtherPublicHalf(Serial),
    /// It does not parse, does not open, or the library failed.
    #[error("key pair {serial} cannot be used")]
    Unusable {
        /// The pair.
        serial: Serial,
        /// What is wrong.
        #[source]
        source: WrapError,
    },
    /// The unwrapped key is not the one that was committed to.
    #[error("a key wrapped under key pair {serial} is not the one that was committed to")]
    OtherKey {
        /// The pair.
        serial: Serial,
        /// What is wrong.
        #[source]
        source: CommitmentError,
    },
    /// The serial is taken.
    #[error("there is a private half of serial {0} already: it is kept, and no pair was made")]
    Exists(Serial),
    /// What was kept does not come back.
    #[error("the private half of key pair {serial} was not read back as it was written")]
    NotKept {
        /// The pair.
        serial: Serial,
        /// What was read, if it was an error.
        #[source]
        source: Option<BoxError>,
    },
}

impl PairError {
    /// As the vault's error: corrupt, unless the library failed.
    #[must_use]
    pub fn wrap(serial: Serial, source: WrapError) -> VaultError {
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

    /// As the vault's error: corrupt, unless the library failed.
    #[must_use]
    pub fn commitment(serial: Serial, source: CommitmentError) -> VaultError {
        let is_ours = matches!(source, CommitmentError::OpenSsl(_));
        let error = Box::new(Self::OtherKey { serial, source });
        if is_ours {
            VaultError::Backend(error)
        } else {
            VaultError::Corrupt(error)
        }
    }

    /// As [`VaultError::Corrupt`].
    #[must_use]
    pub fn corrupt(self) -> VaultError {
        VaultError::Corrupt(Box::new(self))
    }

    /// As [`VaultError::Backend`].
    #[must_use]
    pub fn backend(self) -> VaultError {
        VaultError::Backend(Box::new(self))
    }

    pub(crate) fn not_kept(serial: Serial, source: Option<BoxError>) -> VaultError {
        Self::NotKept { serial, source }.backend()
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
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut behind = error.source();
    while let Some(cause) = behind {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        behind = cause.source();
    }
    line
}
