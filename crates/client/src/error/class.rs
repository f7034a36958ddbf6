//! Classes of failure, and the exit code of each.

/// What kind of failure it was: scripts tell them apart by exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// None of the others: a disk that is full, a service that answers nonsense.
    Other,
    /// The command line, a profile or a file named on it is not usable as it is.
    Usage,
    /// The service did not accept the credentials, or the user lacks the right.
    Authentication,
    /// There is no such document, user or object.
    NotFound,
    /// The document was altered or is incomplete.
    Integrity,
    /// The service or the object store could not be reached or is not available.
    Network,
    /// Something is larger, or more, than is allowed.
    Limit,
}

impl ErrorClass {
    /// The exit code of `ckc`: 1 other, 2 usage, 3 authentication, 4 not found, 5 integrity,
    /// 6 network, 7 limit. (0 is success; 130 and the like mean that a signal ended it.)
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::Authentication => 3,
            Self::NotFound => 4,
            Self::Integrity => 5,
            Self::Network => 6,
            Self::Limit => 7,
        }
    }
}
