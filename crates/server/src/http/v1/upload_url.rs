//! `POST upload_url/`: registers a document, and hands out its key and where to put it.

use actix_web::{HttpRequest, HttpResponse, web};
use crypt_keeper_api::{PresignedUrl, WireKey, v1};
use crypt_keeper_domain::usecase::UploadGrant;
use serde::{Serialize, Serializer};

use super::answers::Reply;
use super::auth::authenticate_with_body;
use super::errors::{Operation, Refusal};
use super::json::{self, Members};
use super::upload_request::UploadRequest;
use crate::http::State;

pub(super) async fn post(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let reply = Reply::to(&request);
    match upload(&request, payload, &state, &reply).await {
        Ok(answer) => answer,
        Err(refusal) => reply.refused(refusal),
    }
}

async fn upload(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
    reply: &Reply,
) -> Result<HttpResponse, Refusal> {
    let (context, payload) = authenticate_with_body(request, payload, state).await?;
    let body = json::body(request, payload, state).await?;
    let UploadRequest { request, sent } = UploadRequest::parse(&body)?;
    let granted = state.services.request_upload.run(&context, request).await;
    let granted = granted.map_err(|error| Refusal::of(Operation::UploadUrl, error))?;
    state.metrics.uploads_granted.inc();
    let answer = UploadAnswer::new(granted, sent);
    Ok(reply.created(&answer.resource_uri, &answer))
}

/// Everything that was sent, as it was sent, and the service's own, which wins.
struct UploadAnswer<'a> {
    document_id: String,
    resource_uri: String,
    single_use_url: PresignedUrl,
    symmetric_key: WireKey,
    sent: Members<'a>,
}

impl<'a> UploadAnswer<'a> {
    const OWN: [&'static str; 4] = [
        "document_id",
        "resource_uri",
        "single_use_url",
        "symmetric_key",
    ];

    fn new(granted: UploadGrant, mut sent: Members<'a>) -> Self {
        sent.retain(|name, _| !Self::OWN.contains(&name.as_str()));
        Self {
            document_id: granted.id.to_string(),
            resource_uri: v1::upload_url_path_of(granted.id),
            single_use_url: PresignedUrl::new(granted.url.as_str().to_owned()),
            symmetric_key: WireKey::new(granted.key),
            sent,
        }
    }
}

impl Serialize for UploadAnswer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        let [document_id, resource_uri, single_use_url, symmetric_key] = Self::OWN;
        map.serialize_entry(document_id, &self.document_id)?;
        for (name, value) in &self.sent {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(resource_uri, &self.resource_uri)?;
        map.serialize_entry(single_use_url, &self.single_use_url)?;
        map.serialize_entry(symmetric_key, &self.symmetric_key)?;
        map.end()
    }
}
