//! The adapter of the domain's example keeps the laws of its port, as any adapter must.

use std::sync::Arc;
use std::time::Duration;

use archive::Archive;
use async_trait::async_trait;
use crypt_keeper_conformance::{BareAnswer, BlobStoreHarness, Harness, blob_store_laws};
use crypt_keeper_domain::memory::{ManualClock, SeededEntropy};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{BlobStore, Clock};

#[path = "../../domain/examples/embed/archive.rs"]
mod archive;

struct Shelves {
    clock: Arc<ManualClock>,
    archive: Arc<Archive>,
}

async fn shelves() -> Option<Shelves> {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_772_366_400_000)));
    let entropy = Arc::new(SeededEntropy::new(3));
    let archive = Arc::new(Archive::new(clock.clone(), entropy));
    Some(Shelves { clock, archive })
}

#[async_trait]
impl Harness for Shelves {
    async fn teardown(self) {}
}

#[async_trait]
impl BlobStoreHarness for Shelves {
    fn blob_store(&self) -> Arc<dyn BlobStore> {
        self.archive.clone()
    }

    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer {
        let (status, headers, body) = self.archive.serve(method, url, &body).await;
        let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        BareAnswer {
            status,
            headers: headers.into_iter().map(text).collect(),
            body,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass_time(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn bounds_length(&self) -> bool {
        false
    }
}

blob_store_laws!(shelves());
