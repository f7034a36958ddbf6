//! Logs: to standard error, for people or as JSON, and never a key.
//!
//! Two things keep keys out. What this service logs itself names no body, no header and no query
//! string. And what its dependencies log is cut off below WARN, whatever the filter says: at DEBUG
//! and TRACE, HTTP libraries print headers (`Authorization`) and bodies, and the AWS SDK prints
//! canonical requests and presigned query strings. What the client library of Vault logs is cut off
//! altogether: it writes every answer that is not a yes at ERROR, in Vault's own words.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{Log, LogFormat};
use crate::error::StartError;

/// What the targets of our own crates begin with.
const OURS: &str = "crypt_keeper";

/// Whose events are never logged: what there is to say of their errors, we say.
const SILENT: [&str; 2] = ["vaultrs", "rustify"];

/// Sets up the log of the process; only the first call has an effect.
///
/// # Errors
/// [`StartError::Log`] if there is a log already, or the filter does not parse.
pub fn init(settings: &Log) -> Result<(), StartError> {
    let failed = |error| StartError::Log(error);
    let filter = EnvFilter::try_new(&settings.filter).map_err(|error| failed(error.into()))?;
    let filter = filter.and(filter_fn(may_be_logged));
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match settings.format {
        LogFormat::Human => fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .map_err(|error| failed(error.into()))
}

/// Our own events, and the warnings and errors of all others.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let origin = target.split("::").next().unwrap_or_default();
    target.starts_with(OURS) || (*metadata.level() <= Level::WARN && !SILENT.contains(&origin))
}
