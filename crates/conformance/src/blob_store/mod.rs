//! Laws of [`BlobStore`].

mod delete;
mod objects;
mod terms;

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{DocumentId, ObjectKey, RetentionClass};
use crypt_keeper_domain::ports::{BlobStore, GetTerms, PutTerms};

pub use delete::{delete_by_prefix_spares_the_neighbours, delete_by_prefix_walks_every_page};
pub use objects::{
    fetched_objects_are_inert, head_tells_of_the_object, objects_are_whole, presigned_put_then_get,
};
pub use terms::presigned_url_is_held_to_its_terms;

use crate::fixtures::Fixtures;
use crate::{BareAnswer, BlobStoreHarness};

/// Makes a test of every law of `BlobStore`; takes an expression whose future gives
/// `Option<impl BlobStoreHarness>`.
#[macro_export]
macro_rules! blob_store_laws {
    ($harness:expr) => {
        $crate::laws!(
            blob_store,
            $harness,
            [
                presigned_put_then_get,
                presigned_url_is_held_to_its_terms,
                objects_are_whole,
                fetched_objects_are_inert,
                head_tells_of_the_object,
                delete_by_prefix_spares_the_neighbours,
                delete_by_prefix_walks_every_page,
            ]
        );
    };
}

/// A store and the bare client that its URLs are given to.
pub(crate) struct Bucket<'a> {
    harness: &'a dyn BlobStoreHarness,
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) make: Fixtures,
}

/// Long enough for every law.
const LONG: Duration = Duration::from_secs(600);
/// More than any law sends.
const MAX_LENGTH: u64 = 1 << 30;

impl<'a> Bucket<'a> {
    pub(crate) fn new(harness: &'a dyn BlobStoreHarness) -> Self {
        Self {
            harness,
            store: harness.blob_store(),
            make: Fixtures::new(harness.now()),
        }
    }

    fn document_id(&self) -> DocumentId {
        self.make
            .document_id(RetentionClass::DEFAULT, self.make.at())
    }

    /// The key of a new document's object.
    pub(crate) fn key(&self) -> ObjectKey {
        ObjectKey::new(self.document_id(), self.make.bytes())
    }

    async fn put_url(&self, key: &ObjectKey, expires_in: Duration) -> String {
        let terms = PutTerms {
            expires_in,
            max_length: MAX_LENGTH,
        };
        let url = self.store.presign_put(key, &terms).await;
        url.expect("presign_put").as_str().to_owned()
    }

    async fn get_url(&self, key: &ObjectKey, expires_in: Duration) -> String {
        let url = self.store.presign_get(key, &GetTerms { expires_in }).await;
        url.expect("presign_get").as_str().to_owned()
    }

    async fn send(&self, method: &str, url: &str, body: &[u8]) -> BareAnswer {
        self.harness.send(method, url, body.to_vec()).await
    }

    pub(crate) async fn put(&self, key: &ObjectKey, body: &[u8]) {
        let url = self.put_url(key, LONG).await;
        let answer = self.send("PUT", &url, body).await;
        assert!(answer.is_success(), "PUT {key}: {answer:?}");
    }

    pub(crate) async fn get(&self, key: &ObjectKey) -> BareAnswer {
        let url = self.get_url(key, LONG).await;
        self.send("GET", &url, &[]).await
    }

    /// The object is there, byte for byte.
    pub(crate) async fn holds(&self, key: &ObjectKey, body: &[u8]) {
        let answer = self.get(key).await;
        assert!(answer.is_success(), "GET {key}: {answer:?}");
        assert!(answer.body == body, "{key} holds something else");
    }

    /// There is no such object.
    pub(crate) async fn lacks(&self, key: &ObjectKey) {
        let info = self.store.head(key).await.expect("head");
        assert_eq!(info, None, "{key}");
        let answer = self.get(key).await;
        // Stores whose credentials may not list answer 403 for what is not there.
        assert!(matches!(answer.status, 403 | 404), "GET {key}: {answer:?}");
    }
}
