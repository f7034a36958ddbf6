//! What the service answered, and what a refusal means.

use crate::address::without_query;
use crate::error::{Asked, Error};
use crypt_keeper_api::v1::error::{CANNED_MESSAGE, message_of};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use std::time::Duration;
use zeroize::Zeroizing;

/// Header in which the service names a request.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// Longest request id that is shown, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// A whole answer of the service. The body may hold a document key: it is wiped.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
    pub(crate) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
    address: String,
}

impl Answer {
    pub(super) fn of(url: &Url, response: &Response) -> Self {
        Self {
            status: response.status(),
            body: Zeroizing::default(),
            request_id: id_in(response.headers(), REQUEST_ID),
            retry_after: retry_after(response.headers()),
            address: without_query(url),
        }
    }

    /// Reads the body of a success; anything else becomes the error it means.
    pub(crate) fn read<T: DeserializeOwned>(
        self,
        success: StatusCode,
        asked: Asked,
    ) -> Result<T, Error> {
        if self.status != success {
            return Err(self.refusal(asked));
        }
        // The parser's words name the place, never the text: see the types of the key and the URL.
        serde_json::from_slice(&self.body)
            .map_err(|error| self.unexpected(&format!("its answer is not understood ({error})")))
    }

    /// The error that an answer other than the hoped-for means.
    pub(crate) fn refusal(self, asked: Asked) -> Error {
        let status = self.status.as_u16();
        let message = message_of(&self.body);
        let request_id = self.request_id.clone();
        match status {
            401 | 403 => Error::Unauthorized { asked, request_id },
            404 => match asked {
                Asked::Download(id) | Asked::Share(id) => {
                    Error::DocumentNotFound { id, request_id }
                }
                Asked::Anything => self.unexpected("it has no such resource (404)"),
            },
            413 | 429 => Error::ServiceLimit {
                status,
                message,
                request_id,
            },
            400..500 => Error::Refused {
                status,
                message,
                request_id,
            },
            502..=504 => Error::Unavailable {
                status,
                message,
                request_id,
            },
            500..600 => Error::ServiceFailed {
                status,
                // "Please try again later" would send the user the wrong way.
                message: message.filter(|words| words != CANNED_MESSAGE),
                request_id,
            },
            _ => self.unexpected(&format!("it answered {status}")),
        }
    }

    pub(crate) fn unexpected(&self, problem: &str) -> Error {
        Error::UnexpectedAnswer {
            address: self.address.clone(),
            problem: problem.to_owned(),
            request_id: self.request_id.clone(),
        }
    }
}

/// An id of a request, if it is one: visible ASCII of a reasonable length.
pub(super) fn id_in(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)?
        .to_str()
        .ok()
        .filter(|id| id.len() <= MAX_REQUEST_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic()))
        .map(str::to_owned)
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3). A date is not looked at: it would need the
/// two clocks to agree.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}
