//! Objects of the local folder, behind the signed URLs that the service hands out itself.

use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use crypt_keeper_domain::ports::BlobError;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::v1::RETRY_AFTER;
use super::{State, request_id};
use crate::error::Chain;
use crate::wiring::local_objects::{
    GET_HEADERS, GetPermit, LocalBlobs, PATH_PREFIX, Permit, PutError, PutPermit, RequestedRange,
    UrlRefused, requested_range,
};

/// Mounts the folder.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource(format!("{PATH_PREFIX}{{key:.*}}")).route(web::route().to(serve)));
}

async fn serve(
    request: HttpRequest,
    payload: web::Payload,
    blobs: web::Data<LocalBlobs>,
    state: web::Data<State>,
) -> HttpResponse {
    let target = request.uri().path_and_query();
    let target = target.map_or("", |target| target.as_str());
    match blobs.verify(request.method().as_str(), target) {
        Ok(Permit::Get(permit)) => get(&request, &blobs, &permit).await,
        Ok(Permit::Put(permit)) => {
            let idle = state.timeouts.idle;
            put(&request, payload, &blobs, &permit, idle).await
        }
        Err(refused) => {
            let mut answer = match &refused {
                UrlRefused::Method => HttpResponse::MethodNotAllowed(),
                UrlRefused::Signature | UrlRefused::Expired { .. } => HttpResponse::Forbidden(),
            };
            if matches!(refused, UrlRefused::Method) {
                answer.insert_header((header::ALLOW, "GET, PUT"));
            }
            say(answer, &refused.to_string())
        }
    }
}

async fn get(request: &HttpRequest, blobs: &LocalBlobs, permit: &GetPermit) -> HttpResponse {
    let reader = match blobs.open_read(permit).await {
        Ok(Some(reader)) => reader,
        Ok(None) => {
            return say(
                HttpResponse::NotFound(),
                "There is no such object: its upload has not finished, or it was deleted.",
            );
        }
        Err(error) => return failed(request, &error),
    };
    let info = reader.info().clone();
    let headers = request.headers();
    let range = requested_range(text(headers, "range"), text(headers, "if-range"), &info);
    let (mut answer, part, length) = match range {
        RequestedRange::Whole => (HttpResponse::Ok(), None, info.size),
        RequestedRange::Part(part) => {
            let mut answer = HttpResponse::PartialContent();
            answer.insert_header((header::CONTENT_RANGE, part.content_range(info.size)));
            (answer, Some(part), part.length())
        }
        RequestedRange::Unsatisfiable => {
            return HttpResponse::RangeNotSatisfiable()
                .insert_header((header::CONTENT_RANGE, format!("bytes */{}", info.size)))
                .finish();
        }
    };
    for pair in GET_HEADERS {
        answer.insert_header(pair);
    }
    if let Some(tag) = &info.etag {
        answer.insert_header((header::ETAG, format!("\"{tag}\"")));
    }
    answer.body(SizedStream::new(length, Box::pin(reader.into_stream(part))))
}

async fn put(
    request: &HttpRequest,
    payload: web::Payload,
    blobs: &LocalBlobs,
    permit: &PutPermit,
    idle: Duration,
) -> HttpResponse {
    let announced = text(request.headers(), "content-length").and_then(|text| text.parse().ok());
    match store(payload, blobs, permit, announced, idle).await {
        Ok(etag) => {
            let mut answer = HttpResponse::Ok();
            if let Some(tag) = etag {
                answer.insert_header((header::ETAG, format!("\"{tag}\"")));
            }
            answer.finish()
        }
        Err(Interrupted::Idle) => say(
            HttpResponse::RequestTimeout(),
            &format!(
                "Nothing came for {} s; nothing is stored.",
                idle.as_secs_f32()
            ),
        ),
        Err(Interrupted::Cut) => say(
            HttpResponse::BadRequest(),
            "The body ended before its end; nothing is stored.",
        ),
        Err(Interrupted::Refused(PutError::Store(error))) => failed(request, &error),
        Err(Interrupted::Refused(refused)) => {
            let status = match &refused {
                PutError::Exists => StatusCode::PRECONDITION_FAILED,
                PutError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                PutError::WrongLength { .. } => StatusCode::BAD_REQUEST,
                PutError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            say(HttpResponse::build(status), &refused.to_string())
        }
    }
}

/// Why an upload has not come to its end.
enum Interrupted {
    Idle,
    Cut,
    Refused(PutError),
}

async fn store(
    mut payload: web::Payload,
    blobs: &LocalBlobs,
    permit: &PutPermit,
    announced: Option<u64>,
    idle: Duration,
) -> Result<Option<String>, Interrupted> {
    let writer = blobs.begin_write(permit, announced).await;
    let mut writer = writer.map_err(Interrupted::Refused)?;
    loop {
        match timeout(idle, payload.next()).await {
            Err(_) => return Err(Interrupted::Idle),
            Ok(Some(Err(_))) => return Err(Interrupted::Cut),
            Ok(Some(Ok(chunk))) => writer.write(&chunk).await.map_err(Interrupted::Refused)?,
            Ok(None) => break,
        }
    }
    let stored = writer.finish().await.map_err(Interrupted::Refused)?;
    Ok(stored.etag)
}

fn failed(request: &HttpRequest, error: &BlobError) -> HttpResponse {
    tracing::error!(
        request_id = %request_id::of(request),
        error = %Chain(error),
        "an object could not be served"
    );
    match error {
        BlobError::Unavailable(_) => {
            let mut answer = HttpResponse::ServiceUnavailable();
            answer.insert_header((header::RETRY_AFTER, RETRY_AFTER));
            say(answer, "The object store is unavailable; try again later.")
        }
        BlobError::Backend(_) => say(
            HttpResponse::InternalServerError(),
            "The object store failed; the operator's log says why.",
        ),
    }
}

fn say(mut answer: HttpResponseBuilder, words: &str) -> HttpResponse {
    answer
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(format!("{words}\n"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
