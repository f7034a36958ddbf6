use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::memory::{Fault, MemoryStore};
use crypt_keeper_domain::model::{
    AuditAction, CallContext, DocumentId, HoldReason, Page, PageRequest, Record, Timestamp,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, ExpiredDocument, StoreError, Sweeps};
use crypt_keeper_domain::usecase::{PlaceHold, SweepDocuments};

use super::calendar::{Calendar, DAY, HOUR};
use crate::house::refusal;

#[tokio::test]
async fn a_document_that_expires_early_is_refused_at_once_and_swept() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let (early, other) = (it.upload(&alice).await, it.upload(&alice).await);
    let end = it.house.now().plus(HOUR);
    it.house
        .change_document(early, DocumentChange::ExpiresAt(Some(end)))
        .await;
    it.download(&alice, early).await.expect("not yet");
    let swept = it.sweep().run(&it.house.operator()).await.unwrap();
    assert_eq!((swept.removed, swept.objects), (0, 0));

    it.pass(HOUR);
    assert_eq!(refusal(it.download(&alice, early).await), "NoSuchDocument");
    let swept = it.sweep().run(&it.house.operator()).await.unwrap();
    assert_eq!((swept.removed, swept.objects, swept.more), (1, 1, false));
    assert!(!it.has_row(early).await);
    assert_eq!((it.objects_of(early), it.objects_of(other)), (0, 1));
    it.download(&alice, other).await.expect("download");
    let log = it.house.audit().await;
    let entry = log
        .iter()
        .find(|entry| entry.action == AuditAction::DocumentExpired);
    assert_eq!(entry.expect("an entry").document, Some(early));
    // What expires with its class goes with its partition.
    it.pass(DAY * 31);
    let swept = it.sweep().run(&it.house.operator()).await.unwrap();
    assert_eq!(swept.removed, 0);
    assert!(it.has_row(other).await);
}

#[tokio::test]
async fn a_sweep_that_stops_anywhere_is_gone_on_with() {
    for calls in 0..6 {
        let it = Calendar::new();
        let alice = it.house.person("alice").await;
        let id = it.upload(&alice).await;
        let now = it.house.now();
        it.house
            .change_document(id, DocumentChange::ExpiresAt(Some(now)))
            .await;
        for switch in [it.house.store.faults(), it.house.blobs.faults()] {
            switch.fail_after(calls, Fault::Unavailable);
            let _ = it.sweep().run(&it.house.operator()).await;
            switch.heal();
        }
        it.sweep().run(&it.house.operator()).await.unwrap();
        assert!(!it.has_row(id).await, "after {calls} calls");
        assert_eq!(it.objects_of(id), 0, "after {calls} calls");
    }
}

/// Finds what the store finds, and then a hold begins.
#[derive(Debug)]
struct HeldMeanwhile {
    store: Arc<MemoryStore>,
    hold: PlaceHold,
    context: CallContext,
}

#[async_trait]
impl Sweeps for HeldMeanwhile {
    async fn expired_early(
        &self,
        at: Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError> {
        let found = self.store.expired_early(at, page).await?;
        for document in &found.items {
            let reason = HoldReason::parse("case 1").unwrap();
            let placed = self.hold.run(&self.context, document.id, reason).await;
            placed.expect("a hold");
        }
        Ok(found)
    }

    async fn remove_document(
        &self,
        id: DocumentId,
        seen_version: i64,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.store.remove_document(id, seen_version, record).await
    }
}

#[tokio::test]
async fn a_hold_that_begins_under_the_sweep_keeps_the_object() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let now = it.house.now();
    it.house
        .change_document(id, DocumentChange::ExpiresAt(Some(now)))
        .await;
    let sweep = SweepDocuments {
        sweeps: Arc::new(HeldMeanwhile {
            store: it.house.store.clone(),
            hold: it.place_hold(),
            context: it.house.operator(),
        }),
        ..it.sweep()
    };
    let swept = sweep.run(&it.house.operator()).await.unwrap();
    assert_eq!((swept.removed, swept.objects), (0, 0));
    assert!(swept.failures.is_empty());
    assert_eq!(it.objects_of(id), 1);
    it.download(&alice, id).await.expect("held");
}
