//! Documents and their access lists.

mod access;
mod change;
mod insert;
mod list;
mod read;
mod release;
mod remove;
mod rewrap;
mod walk;

pub(crate) use access::is_still;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Document, DocumentId, Entry, Page, PageRequest, Principal, Record, Serial,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, Found, InsertOutcome, MetadataStore, Release,
    ReleaseOutcome, Rewrap, RewrapOutcome, StoreError, WalkStep, Walked, Wraps,
};

use crate::store::{DynamoDbStore, on_runtime};

#[async_trait]
impl MetadataStore for DynamoDbStore {
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        on_runtime!(self.insert_document(document, owner_entry, record))
    }

    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        on_runtime!(self.find(id, principals))
    }

    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError> {
        on_runtime!(self.entries(id))
    }

    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        on_runtime!(self.list(filter, page))
    }

    async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        on_runtime!(self.grant(entry, record))
    }

    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.revoke(id, principal, record))
    }

    async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        on_runtime!(self.record_release(release, record))
    }

    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.change(id, seen_version, change, record))
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError> {
        on_runtime!(self.rewrap(rewraps))
    }

    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError> {
        on_runtime!(self.mark_exposed(serial, step))
    }

    async fn count_wrapped_by(
        &self,
        serial: Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        on_runtime!(self.count_wrapped_by(serial, step))
    }

    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError> {
        on_runtime!(self.wraps_under(serial, step))
    }
}
