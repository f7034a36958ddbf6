use std::error::Error;

use vaultrs::error::ClientError;

/// What the client library's error comes down to. The error itself is consumed: its `Debug` form
/// shows response bodies and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    TimedOut,
    Unreachable,
    Certificate,
    Sealed,
    Standby,
    RateLimited,
    Denied,
    NoMount,
    NotFound,
    Deleted,
    Taken,
    NoKey,
    DoesNotDecrypt,
    VersionRefused,
    SpentWrap,
    Status(u16),
    NotUnderstood,
}

pub(crate) fn classify(error: ClientError) -> Failure {
    use rustify::errors::ClientError as Rest;
    match error {
        ClientError::APIError { code, errors } => by_status(code, &errors.join("\n")),
        ClientError::RestClientError { source } => match source {
            Rest::ServerResponseError { code, content } => {
                by_status(code, content.as_deref().unwrap_or_default())
            }
            Rest::RequestError { source, .. } | Rest::ResponseError { source } => {
                by_transport(source.as_ref())
            }
            _ => Failure::NotUnderstood,
        },
        _ => Failure::NotUnderstood,
    }
}

/// Vault's own words decide where its status does not; they are the same in HashiCorp's and in
/// OpenBao.
fn by_status(status: u16, said: &str) -> Failure {
    let says = |words: &str| said.contains(words);
    match status {
        400 if says("check-and-set parameter did not match") => Failure::Taken,
        400 if says("encryption key not found") => Failure::NoKey,
        400 if says("no existing key named") || says("could not delete key; not found") => {
            Failure::NoKey
        }
        400 if says("disallowed by policy") || says("version is too old") => {
            Failure::VersionRefused
        }
        400 if says("invalid ciphertext") || says("message authentication failed") => {
            Failure::DoesNotDecrypt
        }
        400 if says("wrapping token is not valid or does not exist") => Failure::SpentWrap,
        // A new mount of KV version 2, for a moment.
        400 if says("pgrading from non-versioned to versioned") => Failure::Status(503),
        403 => Failure::Denied,
        404 if says("no handler for route") => Failure::NoMount,
        404 if says("\"deletion_time\"") => Failure::Deleted,
        404 => Failure::NotFound,
        429 => Failure::RateLimited,
        472 | 473 => Failure::Standby,
        // Not a fault of the server: the bytes are no OAEP of this key.
        500 if says("decryption error") => Failure::DoesNotDecrypt,
        503 if says("sealed") => Failure::Sealed,
        300..400 => Failure::Standby,
        other => Failure::Status(other),
    }
}

fn by_transport(error: &(dyn Error + Send + Sync + 'static)) -> Failure {
    let Some(error) = error.downcast_ref::<reqwest::Error>() else {
        return Failure::Unreachable;
    };
    if error.is_timeout() {
        return Failure::TimedOut;
    }
    if error.is_redirect() {
        return Failure::Standby;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        // The TLS library's error is behind several wrappers that have no name in common.
        if error.to_string().contains("certificate") {
            return Failure::Certificate;
        }
        cause = error.source();
    }
    Failure::Unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_vault_decide_where_the_status_does_not() {
        for (status, said, failure) in [
            (
                400,
                "check-and-set parameter did not match the current version",
                Failure::Taken,
            ),
            (400, "encryption key not found", Failure::NoKey),
            (
                400,
                "invalid ciphertext: version is too new",
                Failure::DoesNotDecrypt,
            ),
            (
                400,
                "ciphertext or signature version is disallowed by policy (too old)",
                Failure::VersionRefused,
            ),
            (
                400,
                r#"{"data":{"batch_results":[{"plaintext":"","error":"cipher: message authentication failed"}]}}"#,
                Failure::DoesNotDecrypt,
            ),
            (400, "something else", Failure::Status(400)),
            (403, "permission denied", Failure::Denied),
            (404, "", Failure::NotFound),
            (
                404,
                "no handler for route \"kv/data/x\". route entry not found.",
                Failure::NoMount,
            ),
            (
                500,
                "1 error occurred:\n\t* failed to RSA decrypt the ciphertext: crypto/rsa: \
                 decryption error\n\n",
                Failure::DoesNotDecrypt,
            ),
            (500, "internal error", Failure::Status(500)),
            (503, "Vault is sealed", Failure::Sealed),
            (
                503,
                "local node not active but active cluster node not found",
                Failure::Status(503),
            ),
        ] {
            let errors = vec![said.to_owned()];
            let found = classify(ClientError::APIError {
                code: status,
                errors,
            });
            assert_eq!(found, failure, "{status} {said}");
        }
    }

    #[test]
    fn a_deleted_entry_answers_with_a_body_and_is_told_from_an_absent_one() {
        let body = r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-11-24T06:42:58Z"}}}"#;
        let source = rustify::errors::ClientError::ServerResponseError {
            code: 404,
            content: Some(body.to_owned()),
        };
        let found = classify(ClientError::RestClientError { source });
        assert_eq!(found, Failure::Deleted);
    }
}
