use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Certificate, redirect};
use rustify::clients::reqwest::Client as HttpClient;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettings};

use crate::config::{MountPath, SessionConfig, VaultAddress};

/// A net under the limits of calls, which are shorter: nothing is waited for longer than this.
const LONGEST: Duration = Duration::from_secs(60);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Why there can be no session.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    ReadCa {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// They are not in PEM.
    #[error("{} holds no certificate in PEM", .0.display())]
    NotPem(PathBuf),
    /// TLS cannot be set up.
    #[error("cannot set up TLS towards Vault: are the certificate authorities usable?")]
    Tls,
}

/// What all tokens of a session share.
pub(super) struct Connection {
    http: reqwest::Client,
    address: VaultAddress,
    namespace: Option<String>,
    pub(super) auth_mount: MountPath,
}

impl Connection {
    pub(super) fn new(config: &SessionConfig) -> Result<Self, StartError> {
        let mut builder = reqwest::Client::builder()
            .timeout(LONGEST)
            .connect_timeout(CONNECT_LIMIT)
            .redirect(redirect::Policy::custom(follow));
        if config.address.is_plain() {
            // A proxy of the environment would carry the token off this machine in clear; and
            // without TLS there is no need of the machine's authorities.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        if let Some(path) = &config.ca_file {
            let read = std::fs::read(path).map_err(|source| StartError::ReadCa {
                path: path.clone(),
                source,
            })?;
            let authorities = Certificate::from_pem_bundle(&read)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| StartError::NotPem(path.clone()))?;
            builder = builder.tls_certs_only(authorities);
        }
        Ok(Self {
            http: builder.build().map_err(|_| StartError::Tls)?,
            address: config.address.clone(),
            namespace: config.namespace.as_ref().map(MountPath::to_string),
            auth_mount: config.auth.full_mount(),
        })
    }

    /// A client that asks with a token. Settings that the library would read from the environment
    /// are all given.
    pub(super) fn client(&self, token: String) -> VaultClient {
        VaultClient {
            http: HttpClient::new(self.address.url().as_str(), self.http.clone()),
            middle: EndpointMiddleware {
                token,
                version: "v1".to_owned(),
                wrap: None,
                namespace: self.namespace.clone(),
            },
            settings: VaultClientSettings {
                address: self.address.url().clone(),
                ca_certs: Vec::new(),
                identity: None,
                timeout: None,
                token: String::new(),
                verify: true,
                version: 1,
                wrapping: false,
                namespace: self.namespace.clone(),
                proxy: None,
            },
        }
    }
}

/// A standby of a cluster names the active node: that is followed once, and never out of TLS, since
/// the token goes along.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let is_first = attempt.previous().len() == 1;
    let was_plain = attempt.previous().iter().any(|url| url.scheme() == "http");
    if is_first && !was_plain && attempt.url().scheme() == "https" {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
