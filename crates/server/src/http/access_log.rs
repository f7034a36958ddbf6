//! One line per request. It names no query string, no header and no body: those hold keys.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};
use crypt_keeper_domain::model::UserId;

use super::request_id;

/// Who made a request, once that is known.
#[derive(Clone, Copy, Debug)]
struct AuthenticatedUser(UserId);

/// Notes for the log who made a request.
pub(super) fn note_user(request: &HttpRequest, user: UserId) {
    request.extensions_mut().insert(AuthenticatedUser(user));
}

/// Logs a request when its answer begins; of a streamed object, that is before the last byte.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let response = next.call(request).await?;
    let request = response.request();
    let user = request.extensions().get::<AuthenticatedUser>().copied();
    tracing::info!(
        target: "crypt_keeper::access",
        method = %request.method(),
        // The path as it was sent: percent-encoded, so that no control character gets out.
        path = request.uri().path(),
        status = response.status().as_u16(),
        duration_ms = duration_in_ms(began),
        request_id = %request_id::of(request),
        user = user.map(|user| tracing::field::display(user.0)),
    );
    Ok(response)
}

/// Milliseconds to three digits after the point.
fn duration_in_ms(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0
}
