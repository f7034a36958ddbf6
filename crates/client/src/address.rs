//! Where the service is, and whether it may be spoken to in clear.

use crate::error::Error;
use crypt_keeper_api::v1;
use reqwest::Url;
use std::net::IpAddr;

/// Whether plain http may leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to loopback addresses, where nobody listens in between.
    #[default]
    LoopbackOnly,
    /// Anywhere: for a network that is trusted, and only when somebody said so.
    Anywhere,
}

impl PlainHttp {
    pub(crate) fn check(self, url: &Url, carried: &'static str) -> Result<(), Error> {
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "https" || self == Self::Anywhere || is_loopback(host) {
            return Ok(());
        }
        Err(Error::PlainHttp {
            host: host.to_owned(),
            carried,
        })
    }
}

/// Whether a URL is plain http to this machine: what it carries must not leave it.
pub(crate) fn is_plain_and_here(url: &Url) -> bool {
    url.scheme() == "http" && is_loopback(url.host_str().unwrap_or_default())
}

fn is_loopback(host: &str) -> bool {
    // The resolver keeps `localhost` and all below it on this machine (RFC 6761, section 6.3).
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Address of a service: scheme, host, port, and the path in front of its API if it has one.
///
/// ```
/// use crypt_keeper_client::{PlainHttp, ServiceUrl};
/// # fn main() -> Result<(), crypt_keeper_client::Error> {
/// // The 2017 command was configured with the path of the API; both mean the same.
/// let short = ServiceUrl::parse("https://documents.example.com", PlainHttp::LoopbackOnly)?;
/// let long = "https://documents.example.com/api/v1/secure_document_service";
/// assert_eq!(ServiceUrl::parse(long, PlainHttp::LoopbackOnly)?, short);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl {
    origin: Url,
    prefix: String,
}

impl ServiceUrl {
    /// Reads an address as a person writes it.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`] for anything but http(s) without credentials, query and fragment;
    /// [`Error::PlainHttp`] for plain http beyond loopback unless that is allowed.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, Error> {
        let text = text.trim();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return Err(Error::InvalidAddress(
                "it does not start with https:// or http://",
            ));
        }
        let mut url =
            Url::parse(text).map_err(|_| Error::InvalidAddress("it is not a well-formed URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::InvalidAddress("credentials have no place in it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Error::InvalidAddress("it has a query or a fragment"));
        }
        plain_http.check(&url, "the API key")?;
        let path = url.path().trim_end_matches('/');
        let prefix = path
            .strip_suffix(v1::BASE)
            .unwrap_or(path)
            .trim_end_matches('/')
            .to_owned();
        url.set_path("/");
        Ok(Self {
            origin: url,
            prefix,
        })
    }

    /// URL of a path of the API.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.origin.clone();
        url.set_path(&format!("{}{path}", self.prefix));
        url
    }
}

impl std::fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{}",
            self.origin.as_str().trim_end_matches('/'),
            self.prefix
        )
    }
}

/// Scheme, host and path of a URL: what may be shown and logged of it.
pub(crate) fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // These fail only on URLs that cannot have credentials.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServiceUrl, Error> {
        ServiceUrl::parse(text, PlainHttp::LoopbackOnly)
    }

    #[test]
    fn paths_of_the_api_are_found_under_every_form_of_the_address() {
        let long = "https://h/api/v1/secure_document_service";
        for text in [
            "https://h",
            "https://h/",
            " https://h ",
            long,
            &format!("{long}/"),
        ] {
            let url = parse(text).unwrap();
            assert_eq!(url.at("/api/x/").as_str(), "https://h/api/x/", "{text}");
            assert_eq!(url.to_string(), "https://h");
        }
        let prefixed = parse("https://h:8443/documents/").unwrap();
        assert_eq!(
            prefixed.at("/api/x/").as_str(),
            "https://h:8443/documents/api/x/"
        );
        assert_eq!(prefixed.to_string(), "https://h:8443/documents");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "h",
            "ftp://h",
            "https://",
            "https://a:b@h",
            "https://h?x=1",
            "https://h#x",
        ] {
            assert!(
                matches!(parse(text), Err(Error::InvalidAddress(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        for near in [
            "http://localhost:1",
            "http://x.localhost",
            "http://127.8.9.1",
            "http://[::1]:9",
        ] {
            assert!(parse(near).is_ok(), "{near}");
        }
        for far in [
            "http://h",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://[fe80::1]",
        ] {
            assert!(matches!(parse(far), Err(Error::PlainHttp { .. })), "{far}");
            assert!(ServiceUrl::parse(far, PlainHttp::Anywhere).is_ok(), "{far}");
        }
    }

    #[test]
    fn a_shown_url_has_no_query_and_no_credentials() {
        let url = Url::parse("https://u:p@s/o?X-Amz-Signature=1#f").unwrap();
        assert_eq!(without_query(&url), "https://s/o");
    }
}
