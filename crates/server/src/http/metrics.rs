//! What the service counts. Labels are few and fixed: never a user, a document or a raw path.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use crypt_keeper_crypto::MasterKeyRing;
use crypt_keeper_domain::model::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::key_cache_metrics::{KeyCacheMetrics, KeyCacheSource};
use super::{Report, State};
use crate::key_upkeep::KeyUpkeepMetrics;
use crate::partition_upkeep::PartitionMetrics;
use crate::wiring::MasterKeys;

/// Upper bounds of the duration histogram, in seconds.
const DURATIONS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The name of the metric that names the master keys, without its prefix.
const MASTER_KEYS: &str = "master_key";

/// The service's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram>,
    in_flight: Gauge,
    ready: Family<PartLabels, Gauge>,
    degraded: Family<PartLabels, Gauge>,
    key_cache: KeyCacheMetrics,
    master_keys: Family<MasterKeyLabels, Gauge>,
    /// What the upkeep of key pairs counts.
    pub key_upkeep: KeyUpkeepMetrics,
    /// What the upkeep of partitions counts.
    pub partitions: PartitionMetrics,
    /// Uploads that were granted.
    pub uploads_granted: Counter,
    /// Downloads whose key was released.
    pub downloads_granted: Counter,
    /// Shares that were granted.
    pub shares_granted: Counter,
    /// Downloads that were refused to someone whose credentials were right.
    pub releases_refused: Counter,
    /// Requests whose credentials were missing or wrong.
    pub authentication_failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

/// A master key's id, which is no secret, and whether it seals or only opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MasterKeyLabels {
    id: String,
    r#use: &'static str,
}

impl Metrics {
    /// All at zero, in a process that started at `started_at`.
    #[must_use]
    pub fn new(started_at: Timestamp) -> Self {
        let mut registry = Registry::default();
        let start = Gauge::<f64, AtomicU64>::default();
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds since 1970 to the microsecond fit a double"
        )]
        start.set(started_at.as_micros() as f64 / 1e6);
        registry.register(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            start,
        );

        let metrics = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            in_flight: Gauge::default(),
            ready: Family::default(),
            degraded: Family::default(),
            key_cache: KeyCacheMetrics::default(),
            master_keys: Family::default(),
            key_upkeep: KeyUpkeepMetrics::default(),
            partitions: PartitionMetrics::default(),
            uploads_granted: Counter::default(),
            downloads_granted: Counter::default(),
            shares_granted: Counter::default(),
            releases_refused: Counter::default(),
            authentication_failures: Counter::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }

    fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("crypt_keeper");
        registry.register(
            "http_requests",
            "Requests answered, by route, method and status",
            self.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to the head of its answer",
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests being answered",
            self.in_flight.clone(),
        );
        registry.register(
            "ready",
            "1 if the part is ready, else 0",
            self.ready.clone(),
        );
        registry.register(
            "degraded",
            "1 if the part is ready with less than it should have, else 0; /readyz says why",
            self.degraded.clone(),
        );
        registry.register_collector(Box::new(self.key_cache.clone()));
        registry.register(
            MASTER_KEYS,
            "1 for each master key in force: the one that seals, and those that only open",
            self.master_keys.clone(),
        );
        self.key_upkeep.register(registry);
        self.partitions.register(registry);
        for (name, help, counter) in [
            (
                "uploads_granted",
                "Documents registered, with key and URL handed out",
                &self.uploads_granted,
            ),
            (
                "downloads_granted",
                "Document keys released for a download",
                &self.downloads_granted,
            ),
            (
                "shares_granted",
                "Documents shared with another user",
                &self.shares_granted,
            ),
            (
                "releases_refused",
                "Downloads refused to callers with valid credentials",
                &self.releases_refused,
            ),
            (
                "authentication_failures",
                "Requests with missing or wrong credentials",
                &self.authentication_failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    /// Sets the readiness of every part.
    pub(super) fn set_ready(&self, report: &Report) {
        for part in &report.parts {
            let labels = PartLabels { part: part.part };
            self.ready.get_or_create(&labels).set(part.ready.into());
            let is_degraded = part.is_degraded().into();
            self.degraded.get_or_create(&labels).set(is_degraded);
        }
    }

    /// Tells what `source` says of private halves in memory, from now on.
    pub fn follow_key_cache(&self, source: KeyCacheSource) {
        self.key_cache.follow(source);
    }

    /// Tells which master keys are in force, from now on.
    pub fn follow_master_keys(&self, keys: &MasterKeys) {
        set_master_keys(&self.master_keys, &keys.current());
        let family = self.master_keys.clone();
        keys.on_change(move |ring| set_master_keys(&family, ring));
    }

    /// OpenMetrics text.
    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn set_master_keys(family: &Family<MasterKeyLabels, Gauge>, ring: &MasterKeyRing) {
    family.clear();
    for (number, key) in ring.keys().enumerate() {
        let labels = MasterKeyLabels {
            id: key.id().to_string(),
            r#use: if number == 0 { "seals" } else { "opens" },
        };
        family.get_or_create(&labels).set(1);
    }
}

/// Counts and times a request.
pub(super) async fn count(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let metrics = &state.metrics;
    let _in_flight = InFlight::begin(&metrics.in_flight);
    let response = next.call(request).await?;
    let route = response.request().match_pattern();
    let route = route.unwrap_or_else(|| "other".to_owned());
    let labels = RequestLabels {
        route: route.clone(),
        method: method_label(response.request().method()),
        status: response.status().as_u16(),
    };
    metrics.requests.get_or_create(&labels).inc();
    metrics
        .durations
        .get_or_create(&RouteLabels { route })
        .observe(began.elapsed().as_secs_f64());
    Ok(response)
}

/// Counts down also when the client goes away and the request is dropped.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn begin(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Methods are the client's to invent; labels are not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
