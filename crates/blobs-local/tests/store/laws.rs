//! The store in a folder keeps every law of `BlobStore` and `ObjectCopy`, behind a real HTTP server.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{DevServer, Store};
use async_trait::async_trait;
use crypt_keeper_conformance::{
    BareAnswer, BlobStoreHarness, Harness, ObjectCopyHarness, blob_store_laws, object_copy_laws,
};
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::{BlobStore, Clock, ObjectCopy};
use reqwest::{Client, Method, redirect};

struct Blobs {
    store: Store,
    server: DevServer,
    client: Client,
}

async fn blobs() -> Option<Blobs> {
    let (listener, url) = DevServer::port();
    let store = Store::at(&url);
    let server = DevServer::start(listener, Arc::clone(&store.blobs));
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()
        .unwrap();
    Some(Blobs {
        store,
        server,
        client,
    })
}

#[async_trait]
impl Harness for Blobs {
    async fn teardown(self) {
        self.server.stop().await;
    }
}

#[async_trait]
impl BlobStoreHarness for Blobs {
    fn blob_store(&self) -> Arc<dyn BlobStore> {
        self.store.blobs.clone()
    }

    async fn send(&self, method: &str, url: &str, body: Vec<u8>) -> BareAnswer {
        let method: Method = method.parse().unwrap();
        let answer = self.client.request(method, url).body(body).send().await;
        let answer = answer.unwrap();
        let field =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                (name.to_string(), value.to_str().unwrap().to_owned())
            };
        BareAnswer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(field).collect(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    fn now(&self) -> Timestamp {
        self.store.clock.now()
    }

    async fn pass_time(&self, time: Duration) {
        self.store.clock.advance(time);
    }

    fn bounds_length(&self) -> bool {
        true
    }
}

impl ObjectCopyHarness for Blobs {
    fn object_copy(&self) -> Arc<dyn ObjectCopy> {
        self.store.blobs.clone()
    }
}

blob_store_laws!(blobs());
object_copy_laws!(blobs());
