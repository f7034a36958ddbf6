use std::sync::Arc;

use crypt_keeper_domain::model::RetentionClasses;
use crypt_keeper_domain::ports::{Clock, Entropy};
use crypt_keeper_domain::usecase::{
    Authenticate, EnsureKeyPair, ListShares, RequestDownload, RequestUpload, ScopePolicy, Share,
    UploadLimits,
};
use ipnet::IpNet;

use super::{Metrics, Readiness, Timeouts};
use crate::config::Role;
use crate::ports::Ports;

/// What every handler may use.
#[derive(Debug)]
pub struct State {
    /// The use cases.
    pub services: Services,
    /// What the service counts.
    pub metrics: Metrics,
    /// Whether its parts are ready.
    pub readiness: Readiness,
    /// What is configured.
    pub settings: HttpSettings,
    /// How long clients may take.
    pub timeouts: Timeouts,
}

/// What handlers need of the configuration.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether API v1 takes credentials from the query string.
    pub query_auth: bool,
    /// Which routes there are.
    pub role: Role,
    /// Which documents share key pairs.
    pub scope: ScopePolicy,
    /// The retention classes to choose from.
    pub retention: RetentionClasses,
    /// Makes the first key pair of a customer or a partition; `None` if the service may not.
    pub first_pair: Option<EnsureKeyPair>,
}

/// The use cases, each over the ports it needs.
#[derive(Clone, Debug)]
pub struct Services {
    /// Who calls.
    pub authenticate: Authenticate,
    /// `POST upload_url`.
    pub request_upload: RequestUpload,
    /// `GET download_url`.
    pub request_download: RequestDownload,
    /// `POST share`.
    pub share: Share,
    /// `GET share`.
    pub list_shares: ListShares,
    /// One moment for all steps of a request.
    pub clock: Arc<dyn Clock>,
    /// Request ids.
    pub entropy: Arc<dyn Entropy>,
}

impl State {
    /// The use cases over `ports`.
    #[must_use]
    pub fn new(ports: &Ports, settings: HttpSettings) -> Self {
        Self {
            services: Services::new(ports, &settings),
            metrics: Metrics::new(ports.clock.now()),
            readiness: Readiness::new(ports.probes.clone()),
            settings,
            timeouts: Timeouts::default(),
        }
    }
}

impl Services {
    fn new(ports: &Ports, settings: &HttpSettings) -> Self {
        let limits = UploadLimits::default();
        Self {
            authenticate: Authenticate {
                accounts: Arc::clone(&ports.accounts),
            },
            request_upload: RequestUpload {
                store: Arc::clone(&ports.store),
                vault: Arc::clone(&ports.vault),
                blobs: Arc::clone(&ports.blobs),
                entropy: Arc::clone(&ports.entropy),
                scope: settings.scope,
                retention: settings.retention.clone(),
                first_pair: settings.first_pair.clone(),
                limits,
            },
            request_download: RequestDownload {
                store: Arc::clone(&ports.store),
                vault: Arc::clone(&ports.vault),
                blobs: Arc::clone(&ports.blobs),
                entropy: Arc::clone(&ports.entropy),
                url_life: limits.url_life,
            },
            share: Share {
                store: Arc::clone(&ports.store),
                accounts: Arc::clone(&ports.accounts),
                entropy: Arc::clone(&ports.entropy),
            },
            list_shares: ListShares {
                store: Arc::clone(&ports.store),
                accounts: Arc::clone(&ports.accounts),
            },
            clock: Arc::clone(&ports.clock),
            entropy: Arc::clone(&ports.entropy),
        }
    }
}
