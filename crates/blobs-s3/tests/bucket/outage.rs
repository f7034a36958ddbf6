//! A bucket whose server cannot be reached for a while keeps the law of outages.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{BareAnswer, BlobStoreHarness, Harness, Outage, blob_outage_laws};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::BlobStore;
use crypt_keeper_test_services::{self as services, Fault, FaultProxy, S3Access};

use crate::laws::{Blobs, blobs};

/// A bucket behind a proxy, which refuses connections during an outage.
struct Remote {
    blobs: Blobs,
    proxy: FaultProxy,
}

async fn remote(access: Option<S3Access>) -> Option<Remote> {
    let access = access?;
    let upstream = access.endpoint.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(upstream.parse().unwrap()).unwrap();
    let through = S3Access {
        endpoint: format!("http://{}", proxy.address()),
        ..access
    };
    let blobs = blobs(Some(through)).await?;
    Some(Remote { blobs, proxy })
}

#[async_trait]
impl Harness for Remote {
    async fn teardown(self) {
        self.blobs.teardown().await;
    }
}

#[async_trait]
impl BlobStoreHarness for Remote {
    fn blob_store(&self) -> Arc<dyn BlobStore> {
        self.blobs.blob_store()
    }

    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer {
        self.blobs.send(method, url, body).await
    }

    fn now(&self) -> Timestamp {
        self.blobs.now()
    }

    async fn pass_time(&self, time: Duration) {
        self.blobs.pass_time(time).await;
    }

    fn bounds_length(&self) -> bool {
        self.blobs.bounds_length()
    }
}

#[async_trait]
impl Outage for Remote {
    async fn begin(&self) {
        self.proxy.set(Fault::Refuse).unwrap();
    }

    async fn end(&self) {
        self.proxy.set(Fault::None).unwrap();
    }

    /// The SDK tries a request again on another connection.
    fn pool_size(&self) -> usize {
        0
    }
}

mod minio {
    use super::{blob_outage_laws, remote, services};

    blob_outage_laws!(remote(services::minio()));
}

mod versitygw {
    use super::{blob_outage_laws, remote, services};

    blob_outage_laws!(remote(services::versitygw()));
}
