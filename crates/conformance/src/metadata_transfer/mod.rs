//! Laws of [`MetadataTransfer`].

mod accounts;
mod audit;
mod documents;
mod pairs;

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    Document, KeyPair, KeyState, PageLimit, PageRequest, Rights, Scope,
};
use crypt_keeper_domain::ports::{DocumentWithEntries, MetadataTransfer, PutOutcome};

use crate::{Scene, TransferHarness};

pub use accounts::copied_users_and_api_keys_survive;
pub use audit::copied_audit_entries_survive;
pub use documents::{
    a_document_is_copied_with_all_of_its_entries, copied_documents_survive,
    documents_are_walked_with_their_entries, what_is_there_is_never_overwritten,
};
pub use pairs::copied_pairs_survive;

/// Makes a test of every law of `MetadataTransfer`; takes an expression whose future gives
/// `Option<impl TransferHarness>`.
#[macro_export]
macro_rules! metadata_transfer_laws {
    ($harness:expr) => {
        $crate::laws!(
            metadata_transfer,
            $harness,
            [
                copied_documents_survive,
                documents_are_walked_with_their_entries,
                what_is_there_is_never_overwritten,
                a_document_is_copied_with_all_of_its_entries,
                copied_pairs_survive,
                copied_users_and_api_keys_survive,
                copied_audit_entries_survive,
            ]
        );
    };
}

pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A store, and what puts rows into it.
pub(crate) struct Rows<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) transfer: Arc<dyn MetadataTransfer>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new<H: TransferHarness>(harness: &'a H) -> Self {
        Self {
            scene: Scene::new(harness),
            transfer: harness.transfer(),
        }
    }

    /// A document with its owner's entry and `shares` more.
    pub(crate) fn with_entries(&self, document: Document, shares: usize) -> DocumentWithEntries {
        let make = &self.scene.make;
        let mut entries = vec![make.owner_entry(&document)];
        for number in 0..shares {
            let mut entry = make.entry(&document, make.user_id(), Rights::V1_SHARE);
            entry.expires_at = (number % 2 == 1).then(|| make.at().plus(YEAR));
            entries.push(entry);
        }
        DocumentWithEntries {
            document,
            entries,
            rewrapped: None,
        }
    }

    async fn put(&self, put: &[DocumentWithEntries]) -> Vec<PutOutcome> {
        for one in put {
            self.scene.partition(one.document.id.partition()).await;
        }
        let outcomes = self.transfer.put_documents(put).await;
        outcomes.expect("put_documents")
    }

    async fn put_one(&self, put: &DocumentWithEntries) -> PutOutcome {
        self.put(std::slice::from_ref(put)).await[0]
    }

    pub(crate) async fn pair(&self, state: KeyState) -> KeyPair {
        self.scene.pair(Scope::Shared, state).await
    }

    /// All of them, in pages.
    pub(crate) async fn walk(&self, limit: usize) -> Vec<DocumentWithEntries> {
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::clamped(limit),
        };
        let mut all = Vec::new();
        for _ in 0..100 {
            let found = self.transfer.documents_with_entries(&page).await;
            let found = found.expect("documents_with_entries");
            assert!(found.items.len() <= limit);
            all.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => return all,
            }
        }
        panic!("the walk has no end");
    }
}

pub(crate) fn assert_same(found: &[DocumentWithEntries], expected: &[DocumentWithEntries]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.is_same(expected), "{found:?}\n{expected:?}");
    }
}

fn in_order(mut documents: Vec<DocumentWithEntries>) -> Vec<DocumentWithEntries> {
    documents.sort_by_key(|one| (one.document.id.class(), one.document.id));
    documents
}
