//! How answers leave: in the format asked for, never cached, wiped when they were sent.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use crypt_keeper_domain::model::RequestId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::errors::{RETRY_AFTER, Refusal};
use super::format::Format;
use super::xml::to_xml;
use crate::error::Chain;
use crate::http::request_id;

/// Room for an answer, so that it is not moved while it grows and leaves a key behind.
const ROOM: usize = 4096;

/// Writes the answers to one request.
#[derive(Debug)]
pub(super) struct Reply {
    format: Format,
    request_id: RequestId,
}

impl Reply {
    pub(super) fn to(request: &HttpRequest) -> Self {
        Self {
            format: Format::of(request),
            request_id: request_id::of(request),
        }
    }

    /// 201 and where the new thing is.
    pub(super) fn created(&self, location: &str, body: &impl Serialize) -> HttpResponse {
        let mut answer = self.with_body(StatusCode::CREATED, body);
        if let Ok(value) = HeaderValue::from_str(location) {
            answer.headers_mut().insert(header::LOCATION, value);
        }
        answer
    }

    /// 200.
    pub(super) fn ok(&self, body: &impl Serialize) -> HttpResponse {
        self.with_body(StatusCode::OK, body)
    }

    /// What a refusal says; what it does not say goes to the log.
    pub(super) fn refused(&self, refusal: Refusal) -> HttpResponse {
        if let Some(cause) = &refusal.cause {
            tracing::error!(
                request_id = %self.request_id,
                status = refusal.status.as_u16(),
                error = %Chain(cause),
                "a request failed"
            );
        }
        let mut answer = match &refusal.body {
            Some(body) => self.with_body(refusal.status, body),
            None => HttpResponse::new(refusal.status),
        };
        if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static(RETRY_AFTER);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        answer
    }

    fn with_body(&self, status: StatusCode, body: &impl Serialize) -> HttpResponse {
        match self.write(body) {
            Ok(bytes) => HttpResponse::build(status)
                .content_type(self.format.content_type())
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .body(bytes),
            Err(error) => {
                tracing::error!(
                    request_id = %self.request_id,
                    error = %Chain(&*error),
                    "an answer could not be written"
                );
                HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    fn write(&self, body: &impl Serialize) -> Result<Bytes, Box<dyn std::error::Error + 'static>> {
        let mut json = Zeroizing::new(Vec::with_capacity(ROOM));
        serde_json::to_writer(&mut *json, body)?;
        let written = match self.format {
            Format::Json => json,
            Format::Xml => Zeroizing::new(to_xml(&serde_json::from_slice(&json)?)?),
        };
        // Wiped when the last part of it is sent.
        Ok(Bytes::from_owner(written))
    }
}
