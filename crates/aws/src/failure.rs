use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Why a call has brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<'a> {
    /// There was no connection, or it broke.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// There are no credentials.
    NoCredentials,
    /// Where the credentials come from, e.g. an instance's metadata service, there was no answer.
    CredentialsSource,
    /// An answer began, and cannot be read to its end.
    Garbled {
        /// Its HTTP status, which is a good one if the answer broke off in the middle.
        status: u16,
    },
    /// The service refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's error code; answers to HEAD have none.
        code: Option<&'a str>,
    },
    /// The request could not be made.
    Unsent,
}

impl<'a> Failure<'a> {
    /// Tells the SDK's errors apart.
    #[must_use]
    pub fn of<E>(error: &'a SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(failure) => match of_credentials(error) {
                // Whatever else keeps a request from being answered is the network's: a connection
                // that closed in the middle of it is no "I/O" to the SDK.
                Self::Unsent if !failure.is_user() => Self::Unreachable,
                other => other,
            },
            SdkError::ResponseError(response) => Self::Garbled {
                status: response.raw().status().as_u16(),
            },
            SdkError::ServiceError(answer) => Self::Refused {
                status: answer.raw().status().as_u16(),
                code: answer.err().code(),
            },
            _ => of_credentials(error),
        }
    }
}

/// The SDK could not sign: there are no credentials, or their source failed.
fn of_credentials(error: &(dyn Error + 'static)) -> Failure<'static> {
    match chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
        Some(
            CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_),
        ) => Failure::NoCredentials,
        Some(_) => Failure::CredentialsSource,
        None => Failure::Unsent,
    }
}

/// What the service, or whatever kept it from answering, says. The SDK's `Debug` holds requests and
/// responses: only texts of its chain are taken, and of those only the ones that name no request.
#[must_use]
pub fn detail<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => None,
        SdkError::ServiceError(answer) => {
            Some(match (answer.err().code(), answer.err().message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, _) => format!("HTTP status {}", answer.raw().status().as_u16()),
            })
        }
        other => chain(other).last().map(ToString::to_string),
    }
}

/// A detail, to end a message with.
#[must_use]
pub fn in_brackets(detail: Option<&String>) -> String {
    detail.map_or_else(String::new, |detail| format!(" ({detail})"))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("GET https://secret.example: {0}")]
    struct Wrapped(#[source] CredentialsError);

    type Sdk = SdkError<ErrorMetadata, HttpResponse>;

    fn response(status: u16) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
    }

    #[test]
    fn a_missing_credential_is_told_from_a_source_that_failed_however_deep() {
        let slow = CredentialsError::provider_timed_out(Duration::from_secs(5));
        for (credentials, failure) in [
            (
                CredentialsError::not_loaded("nobody has any"),
                Failure::NoCredentials,
            ),
            (
                CredentialsError::invalid_configuration("a profile of nothing"),
                Failure::NoCredentials,
            ),
            (slow, Failure::CredentialsSource),
        ] {
            let error = ConnectorError::other(Box::new(Wrapped(credentials)), None);
            let error = Sdk::dispatch_failure(error);
            assert_eq!(Failure::of(&error), failure);
            let words = detail(&error).unwrap();
            assert!(!words.contains("secret.example"), "{words}");
        }
        let error = Sdk::construction_failure(CredentialsError::not_loaded("none"));
        assert_eq!(Failure::of(&error), Failure::NoCredentials);
    }

    #[test]
    fn whatever_is_not_the_requests_own_fault_is_the_networks() {
        for (connector, failure) in [
            (ConnectorError::io("reset".into()), Failure::Unreachable),
            (
                ConnectorError::other("closed".into(), None),
                Failure::Unreachable,
            ),
            (ConnectorError::timeout("slow".into()), Failure::TimedOut),
            (ConnectorError::user("odd".into()), Failure::Unsent),
        ] {
            let error = Sdk::dispatch_failure(connector);
            assert_eq!(Failure::of(&error), failure);
        }
        let error = Sdk::timeout_error("slow");
        assert_eq!(Failure::of(&error), Failure::TimedOut);
        assert_eq!(detail(&error), None);
        let error = Sdk::construction_failure("no key");
        assert_eq!(Failure::of(&error), Failure::Unsent);
        assert_eq!(detail(&error).as_deref(), Some("no key"));
    }

    #[test]
    fn an_answer_is_given_with_its_status_and_code() {
        let error = Sdk::response_error("cut", response(200));
        assert_eq!(Failure::of(&error), Failure::Garbled { status: 200 });
        assert_eq!(detail(&error).as_deref(), Some("cut"));
        let told = ErrorMetadata::builder().code("SlowDown").message("wait");
        for (answer, code, words) in [
            (told.build(), Some("SlowDown"), "SlowDown: wait"),
            (
                ErrorMetadata::builder().code("SlowDown").build(),
                Some("SlowDown"),
                "SlowDown",
            ),
            (ErrorMetadata::builder().build(), None, "HTTP status 503"),
        ] {
            let error = Sdk::service_error(answer, response(503));
            assert_eq!(Failure::of(&error), Failure::Refused { status: 503, code });
            assert_eq!(detail(&error).as_deref(), Some(words));
        }
    }
}
