//! From the domain's errors to the answers of version 1: one match, nothing left over.

use actix_web::http::StatusCode;
use crypt_keeper_api::v1::error::{
    INVALID_DOCUMENT, INVALID_USER, canned, not_json, resource_error,
};
use crypt_keeper_api::v1::{DOWNLOAD_URL, SHARE, UPLOAD_URL};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::FieldError;
use serde_json::{Map, Value, json};

use crate::http::MAX_BODY;
use crate::http::limits::BodyError;

/// Seconds after which asking again may help.
pub(in super::super) const RETRY_AFTER: &str = "5";

/// What was asked for; refusals look different from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `POST upload_url/`.
    UploadUrl,
    /// `GET download_url/<id>/`.
    DownloadUrl,
    /// `POST share/`.
    Share,
    /// `GET share/<id>/`.
    Shares,
}

impl Operation {
    fn resource(self) -> &'static str {
        match self {
            Self::UploadUrl => UPLOAD_URL,
            Self::DownloadUrl => DOWNLOAD_URL,
            Self::Share | Self::Shares => SHARE,
        }
    }
}

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `None`: an empty body.
    pub(super) body: Option<Value>,
    /// What the log should say, once.
    pub(super) cause: Option<Error>,
}

impl Refusal {
    fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            cause: None,
        }
    }

    pub(super) fn bad_request(body: Value) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: Some(body),
            cause: None,
        }
    }

    fn failed(status: StatusCode, cause: Error) -> Self {
        Self {
            status,
            body: Some(canned()),
            cause: Some(cause),
        }
    }

    /// The credentials could not be judged, or are wrong.
    pub(super) fn of_authentication(error: Error) -> Self {
        // No document, user or field is in question yet: every operation answers alike.
        Self::of(Operation::UploadUrl, error)
    }

    /// A path that names no document.
    pub(super) fn not_found() -> Self {
        Self::empty(StatusCode::NOT_FOUND)
    }

    /// A body that is no JSON.
    pub(super) fn not_json() -> Self {
        Self::bad_request(not_json())
    }

    /// A content type that is not JSON.
    pub(super) fn not_understood() -> Self {
        Self::bad_request(canned())
    }

    /// Something that is wrong with the whole of a request to `operation`.
    pub(super) fn of_resource(operation: Operation, errors: impl Into<Value>) -> Self {
        Self::bad_request(resource_error(operation.resource(), errors))
    }

    /// Fields that are wrong.
    pub(super) fn of_fields(operation: Operation, errors: Vec<FieldError>) -> Self {
        let fields: Map<String, Value> = errors
            .into_iter()
            .map(|error| (error.field.to_owned(), Value::String(error.message)))
            .collect();
        Self::of_resource(operation, fields)
    }

    /// What the domain refused.
    pub(super) fn of(operation: Operation, error: Error) -> Self {
        match error {
            Error::Unauthenticated | Error::Forbidden => Self::empty(StatusCode::UNAUTHORIZED),
            Error::NoSuchDocument => match operation {
                Operation::UploadUrl | Operation::DownloadUrl => Self::not_found(),
                Operation::Share => Self::of_resource(operation, INVALID_DOCUMENT),
                Operation::Shares => Self::bad_request(Value::String(INVALID_DOCUMENT.to_owned())),
            },
            Error::NoSuchUser => Self::of_resource(operation, INVALID_USER),
            Error::Invalid(fields) => Self::of_fields(operation, fields),
            // Asking again helps: at once for a conflict, later for the others.
            Error::Conflict
            | Error::NoKeyPair(_)
            | Error::KeyPairStopped(_)
            | Error::ClockSkew
            | Error::Unavailable(_) => Self::failed(StatusCode::SERVICE_UNAVAILABLE, error),
            Error::Corrupt(_) | Error::Internal(_) => {
                Self::failed(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
            // Version 1 administers nothing, so none of its operations can end like this.
            Error::NoSuchApiKey
            | Error::NoSuchKeyPair(_)
            | Error::KeyPairState { .. }
            | Error::AnotherKeyPairIsActive(_)
            | Error::KeyPairNeeded { .. }
            | Error::KeyPairRests { .. }
            | Error::WaitTooShort
            | Error::DestructionNotDue { .. }
            | Error::DestructionHasBegun(_)
            | Error::NoSuchPartition(_)
            | Error::PartitionNotEnded { .. }
            | Error::NoSuchHold(_)
            | Error::HoldTooLate(_)
            | Error::HoldIncomplete { .. }
            | Error::UserNameTaken
            | Error::TooManyApiKeys { .. } => {
                Self::failed(StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let say = |status, words: String| Self {
            status,
            body: Some(json!({ "error_message": words })),
            cause: None,
        };
        match error {
            BodyError::TooLong => say(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body of a request has at most {MAX_BODY} bytes."),
            ),
            BodyError::TooSlow => say(
                StatusCode::REQUEST_TIMEOUT,
                "The body of the request took too long to come.".to_owned(),
            ),
            BodyError::Cut => Self::not_json(),
        }
    }
}
