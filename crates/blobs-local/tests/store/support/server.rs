use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, RANGE};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use crypt_keeper_blobs_local::{
    GET_HEADERS, GetPermit, LocalBlobs, PATH_PREFIX, Permit, PutError, PutPermit, RequestedRange,
    UrlRefused, requested_range,
};
use crypt_keeper_domain::ports::BlobError;
use futures_util::StreamExt;

/// The few lines it takes to mount the store, on a port of 127.0.0.1.
pub(crate) struct DevServer {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl DevServer {
    /// A port to serve on: the store must know it before the server starts.
    pub(crate) fn port() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    pub(crate) fn start(listener: TcpListener, blobs: Arc<LocalBlobs>) -> Self {
        let (started, handle) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::from(Arc::clone(&blobs)))
                        .default_service(web::to(serve))
                })
                .workers(2)
                .disable_signals()
                .listen(listener)
                .unwrap()
                .run();
                started.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self {
            handle: handle.recv().unwrap(),
            thread: Some(thread),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.handle.stop(false).await;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn serve(
    request: HttpRequest,
    body: web::Payload,
    blobs: web::Data<LocalBlobs>,
) -> HttpResponse {
    if !request.path().starts_with(PATH_PREFIX) {
        return HttpResponse::NotFound().finish();
    }
    let path_and_query = request.uri().path_and_query().map_or("", |it| it.as_str());
    match blobs.verify(request.method().as_str(), path_and_query) {
        Ok(Permit::Get(permit)) => get(&request, &blobs, &permit).await,
        Ok(Permit::Put(permit)) => put(&request, body, &blobs, &permit).await,
        Err(UrlRefused::Method) => HttpResponse::MethodNotAllowed().finish(),
        Err(refused) => HttpResponse::Forbidden().body(refused.to_string()),
    }
}

async fn get(request: &HttpRequest, blobs: &LocalBlobs, permit: &GetPermit) -> HttpResponse {
    let reader = match blobs.open_read(permit).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return HttpResponse::NotFound().finish(),
        Err(error) => return failed(&error),
    };
    let header = |name: HeaderName| request.headers().get(name).and_then(|it| it.to_str().ok());
    let size = reader.info().size;
    let range = requested_range(header(RANGE), header(IF_RANGE), reader.info());
    let mut answer = HttpResponse::Ok();
    for field in GET_HEADERS {
        answer.insert_header(field);
    }
    if let Some(tag) = &reader.info().etag {
        answer.insert_header((ETAG, format!("\"{tag}\"")));
    }
    let part = match range {
        RequestedRange::Whole => None,
        RequestedRange::Part(part) => {
            answer.status(StatusCode::PARTIAL_CONTENT);
            answer.insert_header((CONTENT_RANGE, part.content_range(size)));
            Some(part)
        }
        RequestedRange::Unsatisfiable => {
            return HttpResponse::RangeNotSatisfiable()
                .insert_header((CONTENT_RANGE, format!("bytes */{size}")))
                .finish();
        }
    };
    answer.no_chunking(part.map_or(size, |part| part.length()));
    answer.streaming(reader.into_stream(part))
}

async fn put(
    request: &HttpRequest,
    mut body: web::Payload,
    blobs: &LocalBlobs,
    permit: &PutPermit,
) -> HttpResponse {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|it| it.to_str().ok()?.parse().ok());
    let written = async {
        let mut writer = blobs.begin_write(permit, announced).await?;
        while let Some(chunk) = body.next().await {
            // The client has gone: the writer is dropped, and nothing is kept.
            let Ok(chunk) = chunk else { return Ok(None) };
            writer.write(&chunk).await?;
        }
        writer.finish().await.map(Some)
    };
    match written.await {
        Ok(Some(_)) => HttpResponse::Ok().finish(),
        Ok(None) => HttpResponse::BadRequest().finish(),
        Err(PutError::Exists) => HttpResponse::Conflict().finish(),
        Err(PutError::TooLong { .. }) => HttpResponse::PayloadTooLarge().finish(),
        Err(PutError::WrongLength { .. }) => HttpResponse::BadRequest().finish(),
        Err(PutError::Store(error)) => failed(&error),
    }
}

fn failed(error: &BlobError) -> HttpResponse {
    match error {
        BlobError::Unavailable(_) => HttpResponse::ServiceUnavailable().finish(),
        BlobError::Backend(_) => HttpResponse::InternalServerError().finish(),
    }
}
