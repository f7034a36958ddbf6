//! From the errors of DynamoDB to those of the domain.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use crypt_keeper_aws::{Failure, detail, in_brackets};
use crypt_keeper_domain::ports::StoreError;

use crate::config::ConfigError;

/// Why the tables could not be opened, made or asked about themselves.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings cannot be right.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// DynamoDB cannot be reached, or says that it is busy.
    #[error("DynamoDB is unavailable")]
    Unavailable(#[source] CallError),
    /// The tables were made by a newer version of this program.
    #[error(
        "the tables are newer than this program: their schema is version {found}, and this \
         program knows {known}. Run the version that made them, or a later one"
    )]
    Newer {
        /// The version that was found.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// A table of that name is there, and is another.
    #[error(
        "table `{table}` is not one of this program: {difference}. Choose another \
         metadata.dynamodb.table_prefix, or, if nothing needs the table, delete it"
    )]
    ForeignTable {
        /// Its name.
        table: String,
        /// In what it differs.
        difference: String,
    },
    /// Something the catalogue holds is not what was once put there.
    #[error("the catalogue of tables is corrupt")]
    Corrupt(#[source] StoreError),
    /// Anything else.
    #[error("DynamoDB failed")]
    Failed(#[source] CallError),
}

impl From<CallError> for OpenError {
    fn from(error: CallError) -> Self {
        if error.fault.may_pass() {
            Self::Unavailable(error)
        } else {
            Self::Failed(error)
        }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unavailable(error) => Self::Unavailable(Box::new(error)),
            OpenError::Corrupt(error) => error,
            // The service's own rights may stop short of making tables: whoever has them can, and
            // then the request succeeds.
            OpenError::Failed(error) if error.fault == Fault::AccessDenied => {
                Self::Unavailable(Box::new(error))
            }
            other => Self::Backend(Box::new(other)),
        }
    }
}

/// A call to DynamoDB failed. It names the call, the table and DynamoDB's words; never a
/// credential.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call} on `{table}`: {fault}{}", in_brackets(.detail.as_ref()))]
pub struct CallError {
    pub(crate) call: &'static str,
    pub(crate) table: String,
    pub(crate) fault: Fault,
    pub(crate) detail: Option<String>,
}

/// What went wrong, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was no connection, or it broke.
    #[error("DynamoDB cannot be reached")]
    Unreachable,
    /// There was no answer in time.
    #[error("DynamoDB has not answered in time")]
    TimedOut,
    /// It throttles, or it failed.
    #[error("DynamoDB throttles or fails")]
    Busy,
    /// Others write the same items at the same time.
    #[error("others write the same items at the same time")]
    Contended,
    /// There is no such table.
    #[error("there is no such table: make it with `crypt-keeper migrate`")]
    NoSuchTable,
    /// The table is there already, or is being made.
    #[error("the table is there already")]
    TableExists,
    /// A condition on one item does not hold.
    #[error("the item is not as it has to be")]
    ConditionFailed,
    /// An act of the same id was another one.
    #[error("another act has taken the same audit id")]
    OtherAct,
    /// The credentials do not allow it.
    #[error("access is denied: the credentials' policy lacks this right on this table")]
    AccessDenied,
    /// DynamoDB does not know the credentials, or the secret is wrong.
    #[error("DynamoDB does not accept the credentials")]
    BadCredentials,
    /// There are no credentials.
    #[error(
        "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, or a \
         role"
    )]
    NoCredentials,
    /// Where the credentials come from, e.g. an instance's metadata service, there was no answer.
    #[error("the source of the AWS credentials failed")]
    CredentialsSource,
    /// Anything else.
    #[error("DynamoDB refused")]
    Other,
}

impl Fault {
    /// Whether asking again may help.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::TimedOut
                | Self::Busy
                | Self::Contended
                | Self::CredentialsSource
        )
    }
}

impl CallError {
    /// What kind of failure it was.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The SDK's error in our words.
    pub(crate) fn of<E>(call: &'static str, table: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let fault = match Failure::of(error) {
            Failure::Unreachable => Fault::Unreachable,
            Failure::TimedOut => Fault::TimedOut,
            Failure::NoCredentials => Fault::NoCredentials,
            Failure::CredentialsSource => Fault::CredentialsSource,
            Failure::Garbled { status } => match of_status(status) {
                Fault::Other => Fault::Unreachable,
                fault => fault,
            },
            Failure::Refused { status, code } => of_answer(status, code),
            Failure::Unsent => Fault::Other,
        };
        Self {
            call,
            table: table.to_owned(),
            fault,
            detail: detail(error),
        }
    }
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        if error.fault.may_pass() {
            Self::Unavailable(Box::new(error))
        } else if error.fault == Fault::OtherAct {
            Self::Conflict
        } else {
            Self::Backend(Box::new(error))
        }
    }
}

/// What a read may end with; whoever reads a partition's table judges what it means that there is none.
#[derive(Debug)]
pub(crate) enum StoreOrCall {
    Store(StoreError),
    Call(CallError),
}

impl From<StoreError> for StoreOrCall {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CallError> for StoreOrCall {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<StoreOrCall> for StoreError {
    fn from(error: StoreOrCall) -> Self {
        match error {
            StoreOrCall::Store(error) => error,
            StoreOrCall::Call(error) => error.into(),
        }
    }
}

/// The error codes of DynamoDB ("Error handling with DynamoDB" in its developer guide).
fn of_answer(status: u16, code: Option<&str>) -> Fault {
    match code.unwrap_or_default() {
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "TransactionInProgressException" => Fault::Busy,
        "TransactionConflictException" | "ReplicatedWriteConflictException" => Fault::Contended,
        "ConditionalCheckFailedException" => Fault::ConditionFailed,
        "IdempotentParameterMismatchException" => Fault::OtherAct,
        "ResourceNotFoundException" | "TableNotFoundException" => Fault::NoSuchTable,
        "ResourceInUseException" | "TableInUseException" | "TableAlreadyExistsException" => {
            Fault::TableExists
        }
        "AccessDeniedException" => Fault::AccessDenied,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "InvalidClientTokenId"
        | "ExpiredTokenException" => Fault::BadCredentials,
        _ => of_status(status),
    }
}

fn of_status(status: u16) -> Fault {
    match status {
        403 => Fault::AccessDenied,
        408 | 429 | 500.. => Fault::Busy,
        _ => Fault::Other,
    }
}

/// [`StoreError::Unavailable`] for a reason of our own.
pub(crate) fn unavailable(reason: &'static str) -> StoreError {
    StoreError::Unavailable(reason.into())
}

/// One error for many who asked the same.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<StoreError>);

impl SharedError {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    /// The error, once more.
    pub(crate) fn to_store(&self) -> StoreError {
        match &*self.0 {
            StoreError::Conflict => StoreError::Conflict,
            StoreError::Unavailable(_) => StoreError::Unavailable(Box::new(self.clone())),
            StoreError::Corrupt(_) => StoreError::Corrupt(Box::new(self.clone())),
            StoreError::Backend(_) => StoreError::Backend(Box::new(self.clone())),
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => fmt::Display::fmt(source, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_code_and_then_by_status() {
        for (status, code, fault) in [
            (400, "ProvisionedThroughputExceededException", Fault::Busy),
            (400, "ThrottlingException", Fault::Busy),
            (400, "RequestLimitExceeded", Fault::Busy),
            (400, "TransactionInProgressException", Fault::Busy),
            (500, "InternalServerError", Fault::Busy),
            (503, "", Fault::Busy),
            (400, "TransactionConflictException", Fault::Contended),
            (
                400,
                "ConditionalCheckFailedException",
                Fault::ConditionFailed,
            ),
            (400, "IdempotentParameterMismatchException", Fault::OtherAct),
            (400, "ResourceNotFoundException", Fault::NoSuchTable),
            (400, "ResourceInUseException", Fault::TableExists),
            (400, "AccessDeniedException", Fault::AccessDenied),
            (400, "UnrecognizedClientException", Fault::BadCredentials),
            (400, "ValidationException", Fault::Other),
            (403, "", Fault::AccessDenied),
        ] {
            let code = (!code.is_empty()).then_some(code);
            assert_eq!(of_answer(status, code), fault, "{status} {code:?}");
        }
    }

    #[test]
    fn what_may_pass_is_unavailable_and_the_rest_is_not() {
        let error = |fault| CallError {
            call: "GetItem",
            table: "documents".to_owned(),
            fault,
            detail: None,
        };
        for fault in [
            Fault::Unreachable,
            Fault::TimedOut,
            Fault::Busy,
            Fault::Contended,
            Fault::CredentialsSource,
        ] {
            let error = StoreError::from(error(fault));
            assert!(matches!(error, StoreError::Unavailable(_)), "{fault:?}");
        }
        for fault in [Fault::NoSuchTable, Fault::AccessDenied, Fault::Other] {
            let error = StoreError::from(error(fault));
            assert!(matches!(error, StoreError::Backend(_)), "{fault:?}");
        }
        let taken = StoreError::from(error(Fault::OtherAct));
        assert!(matches!(taken, StoreError::Conflict));
    }

    #[test]
    fn a_shared_error_keeps_its_kind_and_its_words() {
        let shared = SharedError::new(unavailable("gone"));
        for _ in 0..2 {
            let StoreError::Unavailable(source) = shared.to_store() else {
                panic!("another kind");
            };
            assert_eq!(source.to_string(), "gone");
        }
    }
}
