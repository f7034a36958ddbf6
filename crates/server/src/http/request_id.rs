//! Every request has an id: the caller's, if it is well-formed, or a new one. It stands in the
//! answer, in the log and in the audit log.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use crypt_keeper_domain::model::RequestId;
use crypt_keeper_domain::ports::EntropyExt;

use super::State;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn assign(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request
        .headers()
        .get(X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .and_then(RequestId::parse)
        // Without entropy there will be no answer worth an id.
        .or_else(|| {
            let random = state.services.entropy.bytes().ok()?;
            Some(RequestId::from_random(random))
        });
    if let Some(id) = &id {
        request.extensions_mut().insert(id.clone());
    }
    let mut response = next.call(request).await?;
    let value = id.and_then(|id| HeaderValue::from_str(id.as_str()).ok());
    if let Some(value) = value {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    Ok(response)
}

/// The id of a request that came through [`assign`].
pub(super) fn of(request: &HttpRequest) -> RequestId {
    let id = request.extensions().get::<RequestId>().cloned();
    id.unwrap_or_else(|| RequestId::from_random([0; 16]))
}
