//! `POST share/` gives another user access; `GET share/<id>/` says who has it.

use actix_web::{HttpRequest, HttpResponse, web};
use crypt_keeper_api::v1::error::INVALID_DOCUMENT;
use crypt_keeper_api::v1::{self, ShareResponse, SharesResponse};
use crypt_keeper_domain::model::{DocumentId, InvalidDocumentId, Rights};
use serde_json::Value;

use super::answers::Reply;
use super::auth::{authenticate, authenticate_with_body};
use super::errors::{Operation, Refusal};
use super::json::{self, Members};
use crate::http::State;

pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let reply = Reply::to(&request);
    match share(&request, payload, &state).await {
        Ok(shared) => reply.created(&shared.resource_uri, &shared),
        Err(refusal) => reply.refused(refusal),
    }
}

pub(super) async fn get(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    let reply = Reply::to(&request);
    match list(&request, &id, &state).await {
        Ok(shares) => reply.ok(&shares),
        Err(refusal) => reply.refused(refusal),
    }
}

async fn share(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<ShareResponse, Refusal> {
    let operation = Operation::Share;
    let (context, payload) = authenticate_with_body(request, payload, state).await?;
    let body = json::body(request, payload, state).await?;
    let (sent_id, username) = parse(&body)?;
    let id = parse_id(&sent_id).map_err(|words| Refusal::of_resource(operation, words))?;
    let share = &state.services.share;
    share
        .run(&context, id, &username, Rights::V1_SHARE)
        .await
        .map_err(|error| Refusal::of(operation, error))?;
    state.metrics.shares_granted.inc();
    Ok(ShareResponse {
        document_id: sent_id,
        resource_uri: v1::share_path_of(id),
        username,
    })
}

async fn list(
    request: &HttpRequest,
    sent_id: &str,
    state: &State,
) -> Result<SharesResponse, Refusal> {
    let context = authenticate(request, state).await?;
    let id = parse_id(sent_id).map_err(|words| Refusal::bad_request(Value::String(words)))?;
    let names = state.services.list_shares.run(&context, id).await;
    let names = names.map_err(|error| Refusal::of(Operation::Shares, error))?;
    Ok(SharesResponse {
        document_id: sent_id.to_owned(),
        resource_uri: v1::share_path_of(id),
        users: names.iter().map(ToString::to_string).collect(),
    })
}

/// Document id and user name as they were sent. Whatever is not text counts as missing.
fn parse(body: &[u8]) -> Result<(String, String), Refusal> {
    let sent: Members<'_> = json::members(body)?.unwrap_or_default();
    let text = |name: &str| sent.get(name).and_then(|raw| json::text(raw));
    let missing = match (text("document_id"), text("username")) {
        (Some(id), Some(username)) => return Ok((id, username)),
        (Some(_), None) => "Must provide username.",
        (None, Some(_)) => "Must provide document id.",
        (None, None) => "Must provide document id and username.",
    };
    Err(Refusal::of_resource(Operation::Share, missing))
}

fn parse_id(sent: &str) -> Result<DocumentId, String> {
    DocumentId::parse(sent).map_err(|invalid| match invalid {
        InvalidDocumentId::Malformed => {
            format!("Request with badly formed document ID string: {sent}")
        }
        InvalidDocumentId::ForeignVersion => INVALID_DOCUMENT.to_owned(),
    })
}
