//! Legal holds: each has an item in the table of what they keep, beside the copies.

mod begin;
mod complete;
mod end;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    DocumentId, Hold, ObjectKey, Page, PageRequest, Partition, Record, WrappedKey,
};
use crypt_keeper_domain::ports::{Change, HoldOutcome, Holds, StoreError};

use crate::catalogue::Catalogue;
use crate::items::{HOLDS, HoldItem, hold_key, hold_sort};
use crate::query::Range;
use crate::store::{Core, DynamoDbStore, on_runtime};

#[async_trait]
impl Holds for DynamoDbStore {
    async fn begin_hold(&self, hold: &Hold, record: &Record) -> Result<HoldOutcome, StoreError> {
        let partitioned = self.partitioned();
        on_runtime!(partitioned.begin_hold(hold, record))
    }

    async fn complete_hold(
        &self,
        id: DocumentId,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let partitioned = self.partitioned();
        on_runtime!(partitioned.complete_hold(id, wrapped, object_key, record))
    }

    async fn end_hold(&self, id: DocumentId, record: &Record) -> Result<Change, StoreError> {
        let partitioned = self.partitioned();
        on_runtime!(partitioned.end_hold(id, record))
    }

    async fn find_hold(&self, id: DocumentId) -> Result<Option<Hold>, StoreError> {
        on_runtime!(self.find_hold(id))
    }

    async fn list_holds(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, StoreError> {
        on_runtime!(self.list_holds(page))
    }

    async fn incomplete_holds(&self, partition: Partition) -> Result<u64, StoreError> {
        on_runtime!(self.incomplete_holds(partition))
    }
}

impl Core {
    pub(super) async fn hold_item(&self, id: DocumentId) -> Result<Option<HoldItem>, StoreError> {
        let held = self.calls.tables.held();
        let found = self.calls.get(&held, &hold_key(id)).await?;
        found.as_ref().map(HoldItem::read).transpose()
    }

    pub(crate) async fn find_hold(&self, id: &DocumentId) -> Result<Option<Hold>, StoreError> {
        Ok(self.hold_item(*id).await?.map(|found| found.hold))
    }

    pub(crate) async fn list_holds(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, StoreError> {
        let mut range = Range::of_table(self.calls.tables.held(), vec![HOLDS.to_owned()]);
        range.after = page.after.map(hold_sort);
        let items = range.merge(&self.calls).take(page.limit.get() + 1).await?;
        let hold = |item| HoldItem::read(item).map(|found| found.hold);
        let holds = items.iter().map(hold).collect::<Result<_, _>>()?;
        Ok(Page::cut(holds, page.limit, |hold: &Hold| hold.document))
    }

    pub(crate) async fn incomplete_holds(&self, partition: &Partition) -> Result<u64, StoreError> {
        let found = Catalogue::partition(&self.calls, *partition).await?;
        Ok(found.map_or(0, |found| found.incomplete_holds))
    }
}
