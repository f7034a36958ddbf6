//! What supervisors and load balancers ask.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;

use super::{PartReport, State};

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(serde_json::json!({ "status": "ok" }))
}

#[derive(Serialize)]
struct ReadyBody<'a> {
    status: &'static str,
    parts: &'a [PartReport],
}

/// `GET /readyz`: 200 if every part is ready, else 503; says which part is not, or is with less than
/// it should have, and why.
pub(super) async fn readyz(state: web::Data<State>) -> HttpResponse {
    let report = state.readiness.report().await;
    state.metrics.set_ready(&report);
    let (mut answer, status) = match (report.is_ready(), report.is_degraded()) {
        (true, false) => (HttpResponse::Ok(), "ready"),
        (true, true) => (HttpResponse::Ok(), "degraded"),
        (false, _) => (HttpResponse::ServiceUnavailable(), "not ready"),
    };
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ReadyBody {
            status,
            parts: &report.parts,
        })
}

/// `GET /version`.
pub(super) async fn version() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({
        "name": "crypt-keeper",
        "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// `GET /metrics`: OpenMetrics text.
pub(super) async fn metrics(state: web::Data<State>) -> HttpResponse {
    let report = state.readiness.report().await;
    state.metrics.set_ready(&report);
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(state.metrics.encode())
}
