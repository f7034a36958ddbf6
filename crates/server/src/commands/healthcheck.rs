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
/// says which. A service that works on less than it should have is ready: it says `degraded`, and
/// why.
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

#[derive(Default, Deserialize)]
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
    let status = answer.status();
    if status.is_success() && healthcheck.alive {
        return output.result("alive");
    }
    let said = answer.json::<Ready>().await.unwrap_or_default();
    if status.is_success() {
        return output.result(in_words(&said));
    }
    let reasons = reasons(&said, |part| !part.ready);
    Err(Failure::Failed(format!("not ready ({status}){reasons}")))
}

/// What a service says that is ready.
fn in_words(ready: &Ready) -> String {
    let lacking = reasons(ready, |part| part.message.is_some());
    if lacking.is_empty() {
        "ready".to_owned()
    } else {
        format!("degraded{lacking}")
    }
}

fn reasons(ready: &Ready, which: impl Fn(&Part) -> bool) -> String {
    ready
        .parts
        .iter()
        .filter(|part| which(part))
        .map(|part| {
            let message = part.message.as_deref().unwrap_or("not ready");
            format!("; {}: {}", escaped(&part.part), escaped(message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(parts: serde_json::Value) -> String {
        in_words(&serde_json::from_value(serde_json::json!({ "parts": parts })).unwrap())
    }

    #[test]
    fn what_a_part_lacks_is_told_of_a_service_that_is_ready() {
        let well = serde_json::json!({ "part": "metadata", "ready": true });
        let lacks = serde_json::json!({
            "part": "keys", "ready": true, "message": "Vault\u{1b}[2J is away"
        });
        assert_eq!(said(serde_json::json!([well])), "ready");
        let told = said(serde_json::json!([well, lacks]));
        assert!(told.starts_with("degraded; keys: Vault"), "{told}");
        assert!(
            told.ends_with("is away") && !told.contains('\u{1b}'),
            "{told}"
        );
    }
}
