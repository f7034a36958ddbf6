//! How much a request may be, and how long it may take.

use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};

/// The longest body of an API request, in bytes.
pub const MAX_BODY: usize = crypt_keeper_api::v1::MAX_BODY_BYTES;
/// The most that the headers of a request may take, in bytes.
pub const MAX_HEADERS: usize = 16 << 10;
/// The longest path and query, in bytes.
pub const MAX_TARGET: usize = 8 << 10;

/// How long clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To send the head of a request.
    pub head: Duration,
    /// To send the body of an API request.
    pub body: Duration,
    /// Between two parts of an object on its way into the local folder.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// 10 s, 30 s, 60 s.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
        }
    }
}

/// How long a connection is kept for another request.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a connection that is being closed is listened to.
pub(super) const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long requests under way are waited for when the service stops, in seconds.
pub(super) const SHUTDOWN_TIMEOUT: u64 = 30;
/// How much of a body that will not be looked at is read all the same.
const MAX_DISCARDED: usize = 16 << 20;
/// How long that may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Refuses heads that are too long.
pub(super) async fn check_head(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    // As on the wire: `name: value\r\n`.
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let refused = if target > MAX_TARGET {
        Some((
            StatusCode::URI_TOO_LONG,
            format!("The path and query have {target} bytes; at most {MAX_TARGET} are allowed."),
        ))
    } else if headers > MAX_HEADERS {
        Some((
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("The headers have {headers} bytes; at most {MAX_HEADERS} are allowed."),
        ))
    } else {
        None
    };
    if let Some((status, message)) = refused {
        let response = HttpResponse::build(status)
            .content_type("text/plain; charset=utf-8")
            .body(message);
        return Ok(request.into_response(response).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It has more than [`MAX_BODY`] bytes.
    TooLong,
    /// It took too long to come.
    TooSlow,
    /// It ended before its end.
    Cut,
}

/// Reads the whole body of an API request, which may take no longer than `limit`.
pub(super) async fn read_body(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit: Duration,
) -> Result<Bytes, BodyError> {
    let deadline = Instant::now() + limit;
    let announced = announced_length(request);
    if announced.is_some_and(|length| length > MAX_BODY) {
        discard(payload).await;
        return Err(BodyError::TooLong);
    }
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0));
    loop {
        match timeout_at(deadline, payload.next()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(Err(_))) => return Err(BodyError::Cut),
            Ok(Some(Ok(chunk))) if body.len() + chunk.len() > MAX_BODY => {
                discard(payload).await;
                return Err(BodyError::TooLong);
            }
            Ok(Some(Ok(chunk))) => body.extend_from_slice(&chunk),
        }
    }
}

/// Reads the rest of a body that will not be looked at, within limits: a client that is still
/// sending would not read the answer, and its connection could not be used again.
pub(super) async fn discard(mut payload: web::Payload) {
    let deadline = Instant::now() + DISCARD_TIMEOUT;
    let mut discarded = 0;
    while let Ok(Some(Ok(chunk))) = timeout_at(deadline, payload.next()).await {
        discarded += chunk.len();
        if discarded > MAX_DISCARDED {
            break;
        }
    }
}

fn announced_length(request: &HttpRequest) -> Option<usize> {
    let value = request.headers().get(CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}
