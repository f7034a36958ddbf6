//! The service's own parts, opened within a test.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use crypt_keeper_blobs_s3::{S3Blobs, S3Config};
use crypt_keeper_domain::model::{CallContext, Caller, RequestId, Timestamp};
use crypt_keeper_server::clock::SystemClock;
use crypt_keeper_server::config::{BlobsBackend, Environment, PublicUrl, Settings, load};
use crypt_keeper_server::entropy::SystemEntropy;
use crypt_keeper_server::ports::Ports;
use crypt_keeper_server::wiring::{self, Missing, Objects, Stores, Vault};
use tokio::runtime::Handle;

use crate::{Installation, random};

/// The parts of an installation whose service is stopped, for what no command does.
#[derive(Debug)]
pub struct Opened {
    /// As the service is configured.
    pub settings: Settings,
    /// Its databases.
    pub stores: Stores,
    /// All of its ports.
    pub ports: Ports,
}

impl Opened {
    /// Opens those of this installation. Unlike the service it does not look for the credentials of
    /// a bucket in the variables of the process: those are of all tests.
    ///
    /// # Panics
    /// If one of them cannot be opened.
    pub async fn of(installation: &Installation) -> Self {
        let settings = settings(installation);
        let runtime = Handle::current();
        let clock = Arc::new(SystemClock);
        let stores = Stores::open(&settings, Missing::Refuse, &runtime).await;
        let stores = stores.expect("its databases");
        let ring = wiring::read_master_keys(&settings).await;
        let ring = ring.expect("its master keys");
        let vault = Vault::open(&settings, &stores, ring.as_ref()).expect("its vault");
        let objects = match &settings.blobs.backend {
            BlobsBackend::S3(s3) => {
                let config = S3Config {
                    bucket: s3.bucket.clone(),
                    region: s3.region.clone(),
                    endpoint: s3.endpoint.clone(),
                    public_endpoint: s3.public_endpoint.clone(),
                    path_style: s3.path_style,
                };
                let sdk = static_credentials(installation);
                let opened = S3Blobs::connect_with(&config, &sdk, clock.clone(), runtime);
                let opened = Arc::new(opened.expect("its bucket"));
                Objects {
                    blobs: Arc::clone(&opened) as _,
                    copies: Arc::clone(&opened) as _,
                    probe: None,
                    local: None,
                    s3: Some(opened),
                }
            }
            BlobsBackend::Local => {
                let url = PublicUrl::of(installation.address(), false);
                let (ring, clock) = (ring.as_ref(), clock.clone());
                let opened = wiring::open_blobs(&settings, &url, ring, clock, &runtime).await;
                opened.expect("its folder of objects")
            }
        };
        let ports = wiring::ports(&stores, &vault, &objects, clock, Arc::new(SystemEntropy));
        Self {
            settings,
            stores,
            ports,
        }
    }

    /// Closes the databases.
    pub async fn close(self) {
        self.stores.shutdown().await;
    }
}

/// A call of the service itself, at some moment.
#[must_use]
pub fn system_call(at: Timestamp) -> CallContext {
    CallContext {
        caller: Caller::system(),
        at,
        request_id: RequestId::from_random(random()),
        address: None,
    }
}

/// As its service is configured.
pub(crate) fn settings(installation: &Installation) -> Settings {
    let file = installation.write_configuration();
    let environment: Environment = std::iter::empty().collect();
    let loaded = load(Some(&file), &environment, &[]);
    loaded.expect("sound settings").settings
}

/// The credentials that its service is given for its bucket.
pub(crate) fn static_credentials(installation: &Installation) -> SdkConfig {
    let given = |name: &str| installation.variables().get(name).expect(name).clone();
    let credentials = Credentials::builder()
        .access_key_id(given("AWS_ACCESS_KEY_ID"))
        .secret_access_key(given("AWS_SECRET_ACCESS_KEY"))
        .provider_name("test")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
