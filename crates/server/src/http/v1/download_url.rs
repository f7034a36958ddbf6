//! `GET download_url/<id>/`: hands out a document's key and where to fetch it.

use actix_web::{HttpRequest, HttpResponse, web};
use crypt_keeper_api::v1::{self, DownloadResponse, StoredDocumentMetadata};
use crypt_keeper_api::{PresignedUrl, WireKey};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{DocumentId, DocumentMetadata};
use crypt_keeper_domain::usecase::DownloadGrant;

use super::answers::Reply;
use super::auth::authenticate;
use super::errors::{Operation, Refusal};
use crate::http::State;

pub(super) async fn get(
    request: HttpRequest,
    id: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    let reply = Reply::to(&request);
    match download(&request, &id, &state).await {
        Ok(granted) => reply.ok(&answer(granted)),
        Err(refusal) => reply.refused(refusal),
    }
}

async fn download(
    request: &HttpRequest,
    id: &str,
    state: &State,
) -> Result<DownloadGrant, Refusal> {
    let context = authenticate(request, state).await?;
    let id = DocumentId::parse(id).map_err(|_| Refusal::not_found())?;
    match state.services.request_download.run(&context, id).await {
        Ok(granted) => {
            state.metrics.downloads_granted.inc();
            Ok(granted)
        }
        Err(error) => {
            if matches!(
                error,
                Error::Forbidden | Error::Unauthenticated | Error::KeyPairStopped(_)
            ) {
                state.metrics.releases_refused.inc();
            }
            Err(Refusal::of(Operation::DownloadUrl, error))
        }
    }
}

fn answer(granted: DownloadGrant) -> DownloadResponse {
    let id = granted.document.id;
    DownloadResponse {
        document_id: id.to_string(),
        document_metadata: stored(&granted.document.metadata),
        resource_uri: v1::download_url_path_of(id),
        single_use_url: PresignedUrl::new(granted.url.as_str().to_owned()),
        symmetric_key: WireKey::new(granted.key),
    }
}

fn stored(metadata: &DocumentMetadata) -> StoredDocumentMetadata {
    StoredDocumentMetadata {
        compressed: metadata.compressed(),
        // Never negative, as the domain sees to.
        content_length: metadata.content_length().unsigned_abs(),
        content_type: metadata.content_type().to_owned(),
        encryption_type: metadata.format().as_str().to_owned(),
        name: metadata.name().to_owned(),
    }
}
