//! `crypt-keeper healthcheck`: whether the service of this machine is ready, as an exit code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::escape::escaped;
use super::{Failure, Output};
use crate::config::Settings;
use crate::error::Chain;

const PATIENCE: Duration = Duration::from_secs(4);

/// Ask the service of this machine whether it is ready; the exit code says it
///
/// For container health checks, where there is no curl. It asks /readyz on `http.listen`, by
/// loopback if that is every address: exit code 0 if every part is ready, 1 if not, and then it
/// says which.
///
/// Example, in a Dockerfile: HEALTHCHECK CMD ["crypt-keeper", "healthcheck"]
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
    let address = here(settings.http.listen);
    if address.port() == 0 {
        return Err(Failure::Usage(
            "`http.listen` lets the system choose the port, so nobody knows where to ask: \
             configure a port"
                .to_owned(),
        ));
    }
    let scheme = if settings.http.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let path = if healthcheck.alive {
        "healthz"
    } else {
        "readyz"
    };
    let url = format!("{scheme}://{address}/{path}");
    let answer = ask(&url).await.map_err(|error| {
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

async fn ask(url: &str) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        // This machine itself: no proxy leads there, and its certificate is for its public name.
        // Nothing secret is sent, nothing received is believed beyond yes or no.
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()?
        .get(url)
        .send()
        .await
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

/// Where a service that listens on `address` is reached from this machine.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_by_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("192.0.2.7:443", "192.0.2.7:443"),
        ] {
            assert_eq!(here(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
