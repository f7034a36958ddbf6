//! `crypt-keeper healthcheck`: whether the service of this machine is ready, as an exit code.

use clap::Args;
use serde::Deserialize;

use super::escape::escaped;
use super::{Failure, Output, this_service};
use crate::config::Settings;
use crate::error::Chain;

/// Ask the service of this machine whether it is ready; the exit code says it
///
/// For container health checks, where there is no curl. It asks /readyz on `http.listen`, by
/// loopback if that is every address: exit code 0 if every part is ready, 1 if not, and then it
/// says which.
///
/// Example, in a Dockerfile: HEALTHCHECK CMD ["crypt-keeper", "healthcheck", "--alive"]
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Healthcheck {
    /// Only ask whether the process answers (/healthz), not whether its parts do: a service whose
    /// database is away is alive, and a restart would not help it
    #[arg(long)]
    alive: bool,
}

#[derive(Deserialize)]
struct Ready {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    part: String,
    ready: bool,
    #[serde(default)]
    message: Option<String>,
}

/// Does it.
pub(super) async fn run(
    healthcheck: &Healthcheck,
    settings: &Settings,
    output: &mut Output,
) -> Result<(), Failure> {
    let path = if healthcheck.alive {
        "healthz"
    } else {
        "readyz"
    };
    let url = this_service::url(&settings.http, path).ok_or_else(|| {
        Failure::Usage(
            "`http.listen` lets the system choose the port, so nobody knows where to ask: \
             configure a port"
                .to_owned(),
        )
    })?;
    let answer = this_service::ask(&url).await.map_err(|error| {
        Failure::Failed(format!(
            "no answer from {url}: {}",
            Chain(&error.without_url())
        ))
    })?;
    if answer.status().is_success() {
        return output.result(if healthcheck.alive { "alive" } else { "ready" });
    }
    let status = answer.status();
    let reasons = answer.json::<Ready>().await.map(|ready| reasons(&ready));
    let reasons = reasons.unwrap_or_default();
    Err(Failure::Failed(format!("not ready ({status}){reasons}")))
}

fn reasons(ready: &Ready) -> String {
    ready
        .parts
        .iter()
        .filter(|part| !part.ready)
        .map(|part| {
            let message = part.message.as_deref().unwrap_or("not ready");
            format!("; {}: {}", escaped(&part.part), escaped(message))
        })
        .collect()
}
