//! Where the service listens, and whether keys can be overheard.

use super::finding::Finding;
use crate::config::{Http, PublicUrl};
use crate::error::Chain;
use crate::http::ReloadableCertificate;

const CHECK: &str = "listen";

/// Judges addresses and TLS.
pub(super) fn examine(http: &Http, public_url: &PublicUrl) -> Vec<Finding> {
    let mut findings = vec![match &http.tls {
        Some(files) => match ReloadableCertificate::load(files) {
            Ok(_) => Finding::ok(CHECK, format!("TLS on {}", http.listen)),
            Err(error) => Finding::error(
                CHECK,
                Chain(&error).to_string(),
                "give `http.tls.cert_file` and `http.tls.key_file` a certificate chain and its \
                 private key, in PEM, that the service may read",
            ),
        },
        None if http.listen.ip().to_canonical().is_loopback() => Finding::ok(
            CHECK,
            format!("plain HTTP on {}, this machine only", http.listen),
        ),
        None if !http.trusted_proxies.is_empty() => Finding::ok(
            CHECK,
            format!("plain HTTP on {}, behind trusted proxies", http.listen),
        ),
        None => Finding::warning(
            CHECK,
            format!(
                "plain HTTP on {}, beyond this machine: document keys travel in clear",
                http.listen
            ),
            "set `http.tls.cert_file` and `http.tls.key_file`, or `http.trusted_proxies` if a \
             proxy in front ends TLS",
        ),
    }];
    findings.extend(judge_public_url(public_url));
    findings
}

fn judge_public_url(url: &PublicUrl) -> Option<Finding> {
    let host = url.as_str().strip_prefix("http://")?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback());
    (!is_here).then(|| {
        Finding::warning(
            "public url",
            format!("clients are sent to {url}, without TLS: document keys travel in clear"),
            "set `http.public_url` to an https:// address",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_plain() {
        for (url, fine) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("https://documents.example.com", true),
            ("http://documents.example.com", false),
            ("http://192.0.2.7:8080", false),
            ("http://[2001:db8::1]:80", false),
        ] {
            let url = PublicUrl::parse(url).unwrap();
            assert_eq!(judge_public_url(&url).is_none(), fine, "{url}");
        }
    }
}
