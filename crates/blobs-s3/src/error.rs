use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use crypt_keeper_aws::{Failure, detail, in_brackets};
use crypt_keeper_domain::ports::BlobError;

/// A call to the object store failed. It names the call, the bucket and the store's words; never a
/// credential, and never a presigned URL.
#[derive(Debug, thiserror::Error)]
#[error("{call} on bucket `{bucket}`: {fault}{}", in_brackets(.detail.as_ref()))]
pub struct S3Error {
    call: &'static str,
    bucket: String,
    fault: Fault,
    detail: Option<String>,
}

impl S3Error {
    /// What kind of failure it was.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }
}

/// What went wrong, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was no connection, or it broke.
    #[error("the store cannot be reached")]
    Unreachable,
    /// There was no answer in time.
    #[error("the store has not answered in time")]
    TimedOut,
    /// It said that it is busy, or that it failed.
    #[error("the store is busy or failing")]
    Busy,
    /// There is no such bucket.
    #[error("there is no such bucket: make it with `crypt-keeper setup`, or name the right one")]
    NoSuchBucket,
    /// The credentials do not allow it.
    #[error("access is denied: the credentials' policy lacks this right on this bucket")]
    AccessDenied,
    /// The store does not know the credentials, or the secret is wrong.
    #[error("the store does not accept the credentials")]
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
    /// The clocks differ too much.
    #[error("this machine's clock and the store's differ too much: set the clock")]
    ClockSkew,
    /// The object was replaced while it was copied.
    #[error("the object changed meanwhile: try again")]
    Changed,
    /// The bucket is elsewhere.
    #[error("the bucket is in another region: set its region")]
    OtherRegion,
    /// It knows the call from the documentation of S3 only.
    #[error("the store does not have this call")]
    NotImplemented,
    /// Anything else.
    #[error("the store refused")]
    Other,
}

impl Fault {
    /// Whether asking again later may help.
    #[must_use]
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::TimedOut
                | Self::Busy
                | Self::CredentialsSource
                | Self::Changed
        )
    }
}

impl From<S3Error> for BlobError {
    fn from(error: S3Error) -> Self {
        if error.fault.may_pass() {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Backend(Box::new(error))
        }
    }
}

/// Which call, on which bucket, an error belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) name: &'static str,
    pub(crate) bucket: &'a str,
}

impl Call<'_> {
    /// The SDK's error in our words.
    pub(crate) fn failed<E>(self, error: &SdkError<E, HttpResponse>) -> S3Error
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
        self.fault(fault, detail(error))
    }

    pub(crate) fn fault(self, fault: Fault, detail: Option<String>) -> S3Error {
        S3Error {
            call: self.name,
            bucket: self.bucket.to_owned(),
            fault,
            detail,
        }
    }
}

/// The error codes of S3 (API reference, "Error responses"), and those of its kin.
pub(crate) fn of_answer(status: u16, code: Option<&str>) -> Fault {
    match code.unwrap_or_default() {
        "NoSuchBucket" => Fault::NoSuchBucket,
        "AccessDenied" | "AllAccessDisabled" => Fault::AccessDenied,
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidClientTokenId" => Fault::BadCredentials,
        "RequestTimeTooSkewed" => Fault::ClockSkew,
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Fault::OtherRegion,
        "SlowDown"
        | "RequestTimeout"
        | "InternalError"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "OperationAborted" => Fault::Busy,
        "PreconditionFailed" => Fault::Changed,
        "NotImplemented" | "MethodNotAllowed" => Fault::NotImplemented,
        _ => of_status(status),
    }
}

fn of_status(status: u16) -> Fault {
    match status {
        301 => Fault::OtherRegion,
        403 => Fault::AccessDenied,
        408 | 429 => Fault::Busy,
        // It will not be by and by.
        405 | 501 => Fault::NotImplemented,
        500.. => Fault::Busy,
        _ => Fault::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_code_and_then_by_status() {
        for (status, code, fault) in [
            (503, Some("SlowDown"), Fault::Busy),
            (412, Some("PreconditionFailed"), Fault::Changed),
            (500, Some("InternalError"), Fault::Busy),
            (502, None, Fault::Busy),
            (429, None, Fault::Busy),
            (501, Some("NotImplemented"), Fault::NotImplemented),
            (501, None, Fault::NotImplemented),
            (404, Some("NoSuchBucket"), Fault::NoSuchBucket),
            (404, Some("NoSuchKey"), Fault::Other),
            (403, Some("AccessDenied"), Fault::AccessDenied),
            (403, None, Fault::AccessDenied),
            (403, Some("SignatureDoesNotMatch"), Fault::BadCredentials),
            (403, Some("RequestTimeTooSkewed"), Fault::ClockSkew),
            (301, Some("PermanentRedirect"), Fault::OtherRegion),
            (
                400,
                Some("AuthorizationHeaderMalformed"),
                Fault::OtherRegion,
            ),
            (301, None, Fault::OtherRegion),
            (200, Some("AccessDenied"), Fault::AccessDenied),
        ] {
            assert_eq!(of_answer(status, code), fault, "{status} {code:?}");
        }
    }

    #[test]
    fn what_may_pass_is_unavailable_and_the_rest_is_not() {
        let call = Call {
            name: "HeadObject",
            bucket: "documents",
        };
        for fault in [Fault::Unreachable, Fault::TimedOut, Fault::Busy] {
            let error = BlobError::from(call.fault(fault, None));
            assert!(matches!(error, BlobError::Unavailable(_)), "{fault:?}");
        }
        for fault in [Fault::NoSuchBucket, Fault::AccessDenied, Fault::Other] {
            let error = BlobError::from(call.fault(fault, None));
            assert!(matches!(error, BlobError::Backend(_)), "{fault:?}");
        }
    }
}
