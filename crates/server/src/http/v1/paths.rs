//! The resources, their methods, and what is answered to all others.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, Resource, Responder, web};
use crypt_keeper_api::v1::BASE;

use super::{download_url, share, upload_url};
use crate::config::Role;

/// Mounts the resources of a role. What has `schema/` and `set/` in the first server is not carried
/// over.
pub(in super::super) fn configure(config: &mut ServiceConfig, role: Role) {
    let scope = web::scope(BASE)
        .service(
            web::resource(["/{resource}/schema/", "/{resource}/set/{ids:.*}"])
                .to(HttpResponse::NotFound),
        )
        .configure(uploads);
    config.service(match role {
        Role::Full => scope.configure(downloads_and_shares),
        // All else is another server's: here there are no such paths, whoever asks.
        Role::Ingest => scope,
    });
}

fn uploads(config: &mut ServiceConfig) {
    config
        .service(only(
            resource("/upload_url/").route(web::post().to(upload_url::post)),
            "POST",
        ))
        // Nothing can be done here, whatever the method.
        .service(resource("/upload_url/{id}/").to(|| async { not_allowed("") }))
        .service(web::resource(["/upload_url", "/upload_url/{id}"]).to(add_slash));
}

fn downloads_and_shares(config: &mut ServiceConfig) {
    config
        .service(only(
            resource("/share/").route(web::post().to(share::post)),
            "POST",
        ))
        .service(only(resource("/download_url/"), ""))
        .service(only(
            resource("/download_url/{id}/").route(web::get().to(download_url::get)),
            "GET",
        ))
        .service(only(
            resource("/share/{id}/").route(web::get().to(share::get)),
            "GET",
        ))
        .service(
            web::resource([
                "/download_url",
                "/share",
                "/download_url/{id}",
                "/share/{id}",
            ])
            .to(add_slash),
        );
}

fn resource(path: &str) -> Resource {
    web::resource(path)
}

/// Answers OPTIONS and every method that has no route. The body names the methods too.
fn only(resource: Resource, allowed: &'static str) -> Resource {
    resource
        .route(
            web::method(Method::OPTIONS)
                .to(move || async move { with_allowed(StatusCode::OK, allowed) }),
        )
        .default_service(web::to(move || async move { not_allowed(allowed) }))
}

fn not_allowed(allowed: &'static str) -> HttpResponse {
    with_allowed(StatusCode::METHOD_NOT_ALLOWED, allowed)
}

fn with_allowed(status: StatusCode, allowed: &'static str) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((header::ALLOW, HeaderValue::from_static(allowed)));
    if allowed.is_empty() {
        answer.finish()
    } else {
        answer
            .content_type("text/plain; charset=utf-8")
            .body(allowed)
    }
}

/// 308, so that a POST stays a POST; before authentication, as ever.
async fn add_slash(request: HttpRequest) -> impl Responder {
    let mut location = format!("{}/", request.uri().path());
    if let Some(query) = request.uri().query() {
        location.push('?');
        location.push_str(query);
    }
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, location))
        .finish()
}
