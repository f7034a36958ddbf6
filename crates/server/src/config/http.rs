use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use actix_web::http::Uri;
use ipnet::IpNet;

use super::values::Values;
use super::{ConfigError, quoted};

/// Where and how the service is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address that clients see; `None`: the one listened on.
    pub public_url: Option<PublicUrl>,
    /// Certificate and key; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether plain HTTP beyond loopback is meant.
    pub allow_plain: bool,
}

/// Where certificate and private key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server's own first.
    pub cert_file: PathBuf,
    /// Its private key in PEM.
    pub key_file: PathBuf,
}

/// `http://` or `https://`, a host and perhaps a port; no path, no user, no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads the URL; a slash at its end is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        let fits = matches!(uri.scheme_str(), Some("http" | "https"))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && !authority.host().is_empty()
            && !authority.as_str().contains('@');
        fits.then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    /// The URL of what listens on `address`.
    #[must_use]
    pub fn of(address: SocketAddr, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        // Nothing can be sent to the unspecified address; the machine itself is meant.
        let address = match address.ip() {
            ip if !ip.is_unspecified() => address,
            _ => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
        };
        Self(format!("{scheme}://{address}"))
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Http {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let listen = values.parse(
            "http.listen",
            "an address and a port are needed, such as 127.0.0.1:8080",
            parse_listen,
        )?;
        let public_url = values.parse(
            "http.public_url",
            "http:// or https:// and a host are needed, without a path",
            PublicUrl::parse,
        )?;
        let tls = match (
            values.path("http.tls.cert_file")?,
            values.path("http.tls.key_file")?,
        ) {
            (Some(cert_file), Some(key_file)) => Some(TlsFiles {
                cert_file,
                key_file,
            }),
            (None, None) => None,
            _ => {
                return Err(ConfigError::Together(
                    "`http.tls.cert_file` and `http.tls.key_file` go together: set both or none"
                        .to_owned(),
                ));
            }
        };
        Ok(Self {
            listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            public_url,
            tls,
            trusted_proxies: read_proxies(values)?,
            allow_plain: values.boolean("http.allow_plain")?.unwrap_or(false),
        })
    }

    /// Whether plain HTTP beyond loopback is served, with no proxy in front that ends TLS.
    #[must_use]
    pub fn carries_keys_in_clear(&self) -> bool {
        let beyond_loopback = !self.listen.ip().to_canonical().is_loopback();
        beyond_loopback && self.tls.is_none() && self.trusted_proxies.is_empty()
    }

    /// Refuses to carry keys in clear over a network.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.carries_keys_in_clear() && !self.allow_plain {
            return Err(ConfigError::Together(format!(
                "`http.listen` = \"{}\" is beyond loopback, and document keys would travel in \
                 clear: set `http.tls.cert_file` and `http.tls.key_file`, or \
                 `http.trusted_proxies` if a proxy in front ends TLS, or \
                 `http.allow_plain = true` if you mean it",
                self.listen
            )));
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let tls = self.tls.as_ref();
        let path = |path: &PathBuf| quoted(&path.to_string_lossy());
        let proxies: Vec<_> = self
            .trusted_proxies
            .iter()
            .map(|net| quoted(&net.to_string()))
            .collect();
        vec![
            ("http.listen", Some(quoted(&self.listen.to_string()))),
            (
                "http.public_url",
                self.public_url.as_ref().map(|url| quoted(url.as_str())),
            ),
            ("http.tls.cert_file", tls.map(|tls| path(&tls.cert_file))),
            ("http.tls.key_file", tls.map(|tls| path(&tls.key_file))),
            (
                "http.trusted_proxies",
                Some(format!("[{}]", proxies.join(", "))),
            ),
            ("http.allow_plain", Some(self.allow_plain.to_string())),
        ]
    }
}

fn parse_listen(text: &str) -> Option<SocketAddr> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse().ok()
}

fn read_proxies(values: &Values) -> Result<Vec<IpNet>, ConfigError> {
    let key = "http.trusted_proxies";
    let needed = "addresses or networks are needed, such as 10.0.0.0/8, 192.0.2.7";
    let split = |text: &str| {
        Some(
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
        )
    };
    let Some(texts) = values.list(key, split, needed)? else {
        return Ok(Vec::new());
    };
    texts
        .iter()
        .map(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| values.wrong(key, Some(text), needed))
        })
        .collect()
}
