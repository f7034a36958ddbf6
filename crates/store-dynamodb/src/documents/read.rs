use crypt_keeper_domain::model::{DocumentId, Entry, Principal, Timestamp};
use crypt_keeper_domain::ports::{Found, StoreError};

use crate::error::StoreOrCall;
use crate::items::{DOCUMENT, DocumentItem, ENTRIES, ITEM, Reader, document_key, entry, entry_key};
use crate::store::Core;

/// A document's item, and some of its entries.
#[derive(Debug, Default)]
pub(super) struct Together {
    pub(super) document: Option<DocumentItem>,
    pub(super) entries: Vec<Entry>,
}

impl Core {
    /// A document and the entries of principals, as all acknowledged writes have left them.
    pub(super) async fn together(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Together, StoreError> {
        let table = self.table_of(id);
        let mut principals = principals.to_vec();
        principals.sort_unstable();
        principals.dedup();
        let mut keys = vec![document_key(id)];
        keys.extend(principals.iter().map(|of| entry_key(id, *of)));
        let read = self.calls.get_all(&table, keys).await;
        let read = read.map_err(StoreOrCall::from);
        let items = self.judge(id, read, Vec::new()).await?;
        let mut found = Together::default();
        for item in items {
            if Reader::new("a document", &item).text(ITEM)? == DOCUMENT {
                found.document = Some(DocumentItem(item));
            } else {
                found.entries.push(entry(&item)?);
            }
        }
        found.entries.sort_by_key(in_order);
        Ok(found)
    }

    pub(crate) async fn document_item(
        &self,
        id: DocumentId,
    ) -> Result<Option<DocumentItem>, StoreError> {
        Ok(self.together(id, &[]).await?.document)
    }

    pub(crate) async fn find(
        &self,
        id: &DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        let Together { document, entries } = self.together(*id, principals).await?;
        let Some(item) = document else {
            return Ok(None);
        };
        let pair = self.pair(item.serial()?).await?;
        let document = item.document(pair.as_ref())?;
        let Some(pair) = pair else {
            return Err(StoreError::corrupt(format!(
                "document {id} has no key pair"
            )));
        };
        Ok(Some(Found {
            document,
            entries,
            key_state: pair.state,
        }))
    }

    pub(crate) async fn entries(&self, id: &DocumentId) -> Result<Vec<Entry>, StoreError> {
        let read = self.read_entries(*id).await;
        let mut entries = self.judge(*id, read, Vec::new()).await?;
        entries.sort_by_key(in_order);
        Ok(entries)
    }

    async fn read_entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreOrCall> {
        let table = self.table_of(id);
        let id = id.to_string();
        let items = self.calls.beginning_with(&table, &id, ENTRIES).await?;
        let entries: Result<_, StoreError> = items.iter().map(entry).collect();
        Ok(entries?)
    }
}

/// The order in which entries are shown: that in which they were granted.
fn in_order(entry: &Entry) -> (Timestamp, Principal) {
    (entry.granted_at, entry.principal)
}
