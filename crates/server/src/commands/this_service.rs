//! Questions to the service of this machine, by the address that it listens on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::config::Http;

const PATIENCE: Duration = Duration::from_secs(4);

/// The URL of a path of the service of this machine, by loopback if it listens on every address;
/// `None` if the system chooses its port.
pub(super) fn url(http: &Http, path: &str) -> Option<String> {
    let address = here(http.listen);
    let scheme = if http.tls.is_some() { "https" } else { "http" };
    (address.port() != 0).then(|| format!("{scheme}://{address}/{path}"))
}

/// Asks it.
pub(super) async fn ask(url: &str) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        // This machine itself: no proxy leads there, and its certificate is for its public name.
        // Nothing secret is sent, nothing received is a secret.
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()?
        .get(url)
        .send()
        .await
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
