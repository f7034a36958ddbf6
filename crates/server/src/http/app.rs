//! All routes, and what surrounds every request.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, Error, FromRequest, Handler, HttpResponse, Resource, Responder};

use super::{State, access_log, blobs, health, limits, metrics, request_id, v1};
use crate::wiring::local_objects::LocalBlobs;

/// What is served.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    pub(super) state: web::Data<State>,
    pub(super) local_blobs: Option<web::Data<LocalBlobs>>,
}

impl Routes {
    pub(super) fn new(state: Arc<State>, local_blobs: Option<Arc<LocalBlobs>>) -> Self {
        Self {
            state: web::Data::from(state),
            local_blobs: local_blobs.map(web::Data::from),
        }
    }

    fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.state.clone())
            .service(read_only("/healthz", health::healthz))
            .service(read_only("/readyz", health::readyz))
            .service(read_only("/version", health::version))
            .service(read_only("/metrics", health::metrics))
            .configure(|config| v1::configure(config, self.state.settings.role))
            .default_service(web::to(HttpResponse::NotFound));
        if let Some(blobs) = &self.local_blobs {
            config.app_data(blobs.clone()).configure(blobs::configure);
        }
    }
}

/// A path for GET and HEAD; 405 for all other methods.
fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|| async {
            HttpResponse::MethodNotAllowed()
                .insert_header((header::ALLOW, "GET, HEAD"))
                .finish()
        }))
}

/// The application of one worker. Layers that come later surround those before: an id first, then
/// the log, the counters, the limits.
pub(super) fn app(
    routes: &Routes,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .configure(|config| routes.configure(config))
        .wrap(from_fn(limits::check_head))
        .wrap(from_fn(metrics::count))
        .wrap(from_fn(access_log::log))
        .wrap(from_fn(request_id::assign))
}
