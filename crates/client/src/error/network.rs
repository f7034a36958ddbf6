//! What can happen to a connection.

use std::error::Error as StdError;
use std::time::Duration;

/// Why there was no answer. Holds the root cause's words only: what lies between it and the
/// request names the whole URL, and a presigned URL is a secret.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct NetworkFailure {
    kind: Kind,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Connect,
    Certificate,
    Broken,
    Silent,
    Redirected,
}

impl NetworkFailure {
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let mut root: &dyn StdError = error;
        while let Some(source) = root.source() {
            root = source;
        }
        let detail = if StdError::source(error).is_some() {
            root.to_string()
        } else {
            "the request could not be sent".to_owned()
        };
        let kind = if detail.contains("certificate") {
            Kind::Certificate
        } else if error.is_connect() {
            Kind::Connect
        } else {
            Kind::Broken
        };
        Self { kind, detail }
    }

    pub(crate) fn silent_for(idle: Duration) -> Self {
        let detail = format!("nothing moved for {} s", idle.as_secs_f32());
        Self {
            kind: Kind::Silent,
            detail,
        }
    }

    pub(crate) fn redirected(status: u16) -> Self {
        let detail = format!("it answered {status}, and credentials follow no redirect elsewhere");
        Self {
            kind: Kind::Redirected,
            detail,
        }
    }

    /// Whether no byte of the request can have arrived.
    pub(crate) fn before_sending(&self) -> bool {
        matches!(self.kind, Kind::Connect | Kind::Certificate)
    }

    /// Whether another attempt could end otherwise.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self.kind, Kind::Certificate | Kind::Redirected)
    }

    pub(super) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Connect => "cannot connect",
            Kind::Certificate => "the certificate is not trusted",
            Kind::Broken => "the connection broke",
            Kind::Silent => "no answer",
            Kind::Redirected => "redirected",
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Connect => "check the address (--url) and that the service is running",
            Kind::Certificate => {
                "if the service has a certificate of a private authority, name it with --ca-file"
            }
            Kind::Broken | Kind::Silent => {
                "run the command again; --timeout SECONDS waits longer, --retries N tries more often"
            }
            Kind::Redirected => "give the address it redirects to, if you trust it, with --url",
        }
    }
}
