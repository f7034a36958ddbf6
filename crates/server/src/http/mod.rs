//! The service over HTTP: routes and what surrounds every request. Nothing here names a database,
//! an object store or a vault.

mod access_log;
mod app;
mod blobs;
mod client_address;
mod health;
mod key_cache_metrics;
mod limits;
mod metrics;
mod readiness;
mod request_id;
mod server;
mod state;
mod tls;
mod v1;

pub use key_cache_metrics::KeyCacheSource;
pub use limits::{MAX_BODY, MAX_HEADERS, MAX_TARGET, Timeouts};
pub use metrics::Metrics;
pub use readiness::{PartReport, Readiness, Report};
pub use server::{ListenError, Running, bind, start};
pub use state::{HttpSettings, Services, State};
pub use tls::{ReloadableCertificate, TlsError};
