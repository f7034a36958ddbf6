//! Why a command did not do what it was told, and the exit code that says so.

use crypt_keeper_domain::Error;

use crate::error::{Chain, StartError};

/// Why a command failed: one readable line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or the configuration asks for what cannot be: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It was asked rightly, and did not work: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// All has been said on stdout, and is not well: exit code 1.
    #[error("something is not as it should be")]
    Findings,
    /// Whoever reads stdout has read enough, as `head` does: no failure.
    #[error("nobody reads on")]
    ReaderGone,
    /// What was done cannot be told: stdout cannot be written.
    #[error("cannot write to stdout: {0}")]
    Output(std::io::Error),
}

impl Failure {
    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Failed(_) | Self::Findings | Self::Output(_) => 1,
            Self::Usage(_) => 2,
        }
    }

    /// What to say on stderr, if anything is left to say.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Findings | Self::ReaderGone => None,
            Self::Usage(_) | Self::Failed(_) | Self::Output(_) => Some(self.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Output(error),
        }
    }
}

/// What keeps a command from beginning.
impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let message = Chain(&error).to_string();
        match error {
            StartError::Config(_)
            | StartError::NotCompiledIn { .. }
            | StartError::NoMasterKey
            | StartError::OtherVault(_)
            | StartError::IngestRole => Self::Usage(message),
            _ => Self::Failed(message),
        }
    }
}

/// What the domain refuses, in words for an operator. Commands that know more say more.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::NoSuchUser => "; `crypt-keeper user list` lists them",
            Error::NoSuchDocument => "; `crypt-keeper documents list` lists them",
            Error::NoSuchApiKey => "; `crypt-keeper api-key list NAME` lists those of a user",
            Error::NoSuchKeyPair(_) => "; `crypt-keeper keys list` lists them",
            Error::NoKeyPair(_) => "; `crypt-keeper setup` makes one",
            Error::KeyPairState { .. } => "; `crypt-keeper keys show SERIAL` shows it",
            Error::AnotherKeyPairIsActive(_) => {
                "; resume it without --active, and its documents can be read again"
            }
            Error::KeyPairNeeded { .. } => {
                "; they would be lost with it (`crypt-keeper documents list --key-pair SERIAL` \
                 lists them)"
            }
            Error::DestructionNotDue { .. } => {
                "; the service does it then, and until then `crypt-keeper keys cancel-destroy \
                 SERIAL` calls it off"
            }
            Error::NoSuchPartition(_) => "; `crypt-keeper partitions list` shows them all",
            Error::PartitionNotEnded { .. } => "; its documents can be dropped after that",
            Error::NoSuchHold(_) => "; `crypt-keeper hold list` shows them all",
            Error::HoldIncomplete { .. } => {
                "; the hold has begun, and the document does not expire: place it again once the \
                 object is there, or after that moment, to complete it"
            }
            Error::Conflict => "; look again, and repeat it if it is still needed",
            Error::ClockSkew => "; `crypt-keeper doctor` measures them",
            Error::Unavailable(_) | Error::Corrupt(_) | Error::Internal(_) => {
                "; `crypt-keeper doctor` looks at every part"
            }
            Error::Unauthenticated
            | Error::Forbidden
            | Error::UserNameTaken
            | Error::TooManyApiKeys { .. }
            | Error::Invalid(_)
            | Error::KeyPairRests { .. }
            | Error::WaitTooShort
            | Error::DestructionHasBegun(_)
            | Error::HoldTooLate(_)
            | Error::KeyPairStopped(_) => "",
        };
        let message = format!("{}{hint}", Chain(&error));
        match error {
            Error::Invalid(_) | Error::WaitTooShort => Self::Usage(message),
            _ => Self::Failed(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let gone = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit_code(), gone.message()), (0, None));
        let full = Failure::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert_eq!(full.exit_code(), 1);
        assert!(full.message().is_some());
    }
}
