//! Who calls: `Authorization: ApiKey user:key`, or, where it is configured, the query string.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, web};
use crypt_keeper_api::v1::AUTHORIZATION_SCHEME;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{Actor, CallContext};
use zeroize::Zeroizing;

use super::errors::Refusal;
use crate::http::{State, access_log, client_address, limits, request_id};

/// A user name and an API key, as they were sent.
struct Credentials {
    user: String,
    key: Zeroizing<String>,
}

/// The context of an authenticated request.
pub(super) async fn authenticate(
    request: &HttpRequest,
    state: &State,
) -> Result<CallContext, Refusal> {
    let at = state.services.clock.now();
    let found = match credentials(request, state.settings.query_auth) {
        Some(shown) => {
            let authenticate = &state.services.authenticate;
            authenticate.run(&shown.user, &shown.key, at).await
        }
        None => Err(Error::Unauthenticated),
    };
    let caller = found.map_err(|error| {
        if matches!(error, Error::Unauthenticated) {
            state.metrics.authentication_failures.inc();
        }
        Refusal::of_authentication(error)
    })?;
    if let Actor::User { id, .. } = caller.actor {
        access_log::note_user(request, id);
    }
    let address = client_address::of(request, &state.settings.trusted_proxies);
    Ok(CallContext {
        caller,
        at,
        request_id: request_id::of(request),
        address: address.map(|address| address.to_string()),
    })
}

/// [`authenticate`], for a request with a body.
pub(super) async fn authenticate_with_body(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<(CallContext, web::Payload), Refusal> {
    match authenticate(request, state).await {
        Ok(context) => Ok((context, payload)),
        Err(refusal) => {
            limits::discard(payload).await;
            Err(refusal)
        }
    }
}

/// A header of our scheme is all that counts, even if it is wrong: the query is for requests
/// without one.
fn credentials(request: &HttpRequest, query_auth: bool) -> Option<Credentials> {
    match api_key_header(request) {
        Some(rest) => {
            let (user, key) = rest.trim().split_once(':')?;
            Some(Credentials {
                user: user.to_owned(),
                key: Zeroizing::new(key.to_owned()),
            })
        }
        None if query_auth => from_query(request.query_string()),
        None => None,
    }
}

/// What follows `ApiKey` in the header, in any letter case; `None` if there is no such header.
fn api_key_header(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?;
    let text = std::str::from_utf8(value.as_bytes()).ok()?.trim();
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    scheme
        .eq_ignore_ascii_case(AUTHORIZATION_SCHEME)
        .then_some(rest)
}

/// The last of each name counts, as in the first server.
fn from_query(query: &str) -> Option<Credentials> {
    let mut user = None;
    let mut key = None;
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).ok()?;
    for (name, value) in pairs.into_inner() {
        let value = Zeroizing::new(value);
        match name.as_str() {
            "username" => user = Some(value.to_string()),
            "api_key" => key = Some(value),
            _ => {}
        }
    }
    Some(Credentials {
        user: user?,
        key: key?,
    })
}
