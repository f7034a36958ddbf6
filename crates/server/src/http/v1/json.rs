//! Reads the JSON of a request with the patience that the first server had.

use std::collections::BTreeMap;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::errors::Refusal;
use crate::http::State;
use crate::http::limits::read_body;

/// The members of an object, each as it was written. Of a name that comes twice the last counts.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The body of a request, if its content type is JSON's or not said.
pub(super) async fn body(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<Bytes, Refusal> {
    let limit = state.timeouts.body;
    if let Some(value) = request.headers().get(CONTENT_TYPE) {
        let media = value.to_str().unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/json") {
            // Read all the same: the order of checks is no reason to cut the connection.
            read_body(request, payload, limit).await?;
            return Err(Refusal::not_understood());
        }
    }
    Ok(read_body(request, payload, limit).await?)
}

/// The members of the object that `body` is; `None` if it is JSON, but no object.
pub(super) fn members(body: &[u8]) -> Result<Option<Members<'_>>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::not_json())?;
    // Parsed whole first: raw values are neither held to a depth nor looked into.
    let whole: Value = serde_json::from_str(text).map_err(|_| Refusal::not_json())?;
    if !whole.is_object() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map(Some)
        .map_err(|_| Refusal::not_json())
}

/// The text that a member is; `None` if it is anything else.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}
