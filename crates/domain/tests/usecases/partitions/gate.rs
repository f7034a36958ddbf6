use std::time::Duration;

use crypt_keeper_domain::PartitionGate;
use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{Partition, PartitionState, Rights};
use crypt_keeper_domain::ports::{MetadataStore, Partitions};
use crypt_keeper_domain::usecase::{RequestUpload, ScopePolicy};

use super::calendar::{CLASS, Calendar, gate_of, partition};
use crate::house::{metadata, refusal};

#[tokio::test]
async fn a_partition_that_is_missing_is_made_on_the_spot_with_its_pair() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    assert_eq!(it.house.store.list_partitions().await.unwrap(), []);
    let id = it.upload(&alice).await;
    assert_eq!(id.partition(), partition(CLASS, "20260301"));
    let pairs = it.pairs(id.partition()).await;
    assert_eq!(pairs.len(), 1);
    it.download(&alice, id).await.expect("download");
}

#[tokio::test]
async fn who_may_not_make_one_says_that_it_is_missing_and_loses_nothing() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let upload = RequestUpload {
        store: std::sync::Arc::new(gate_of(&it.house, false)),
        ..it.request_upload()
    };
    let answer = upload.run(&it.house.of(&alice), metadata("x")).await;
    assert_eq!(refusal(answer), "Unavailable");
    it.upload(&alice).await;
    upload
        .run(&it.house.of(&alice), metadata("x"))
        .await
        .expect("upload");
}

#[tokio::test]
async fn a_close_is_seen_within_ten_seconds() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    it.download(&alice, id).await.expect("download");
    let partition: Partition = id.partition();
    let mut record = it
        .house
        .record(crypt_keeper_domain::model::AuditAction::PartitionClosed);
    record.audit.partition = Some(partition);
    let closed = PartitionState::Closed;
    it.house
        .store
        .advance_partition(partition, closed, &record)
        .await
        .unwrap();

    it.pass(PartitionGate::REFRESH);
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
    assert_eq!(it.gate.entries(id).await.unwrap(), []);
    // A clock that jumps back does not bring it back.
    it.house
        .clock
        .set(it.house.now().minus(Duration::from_secs(3600)));
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_no_reason_to_go_by_the_old_one() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    it.pass(PartitionGate::REFRESH);
    it.house.store.faults().fail(Fault::Unavailable);
    let found = it.gate.find(id, &[]).await;
    assert!(found.is_err());
    it.house.store.faults().heal();
    assert!(it.gate.find(id, &[]).await.unwrap().is_some());
}

#[tokio::test]
async fn ids_from_another_time_make_no_partition() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let mut late = it.house.of(&alice);
    for jump in [
        Duration::from_secs(600),
        Duration::from_secs(40 * 24 * 3600),
    ] {
        let now = it.house.now();
        late.at = now.plus(jump);
        let answer = it.request_upload().run(&late, metadata("x")).await;
        assert_eq!(refusal(answer), "ClockSkew");
        late.at = now.minus(jump);
        let answer = it.request_upload().run(&late, metadata("x")).await;
        assert_eq!(refusal(answer), "ClockSkew");
    }
    assert_eq!(it.house.store.list_partitions().await.unwrap(), []);
    // Nor does reading one.
    let id = it.upload(&alice).await;
    assert!(it.gate.find(id, &[]).await.unwrap().is_some());
    assert_eq!(it.house.store.list_partitions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn documents_of_old_scopes_are_read_as_before() {
    let it = Calendar::new();
    it.house.rotate().await.unwrap();
    let alice = it.house.person("alice").await;
    let old = it.house.uploaded(&alice).await;
    it.upload(&alice).await;
    it.download(&alice, old).await.expect("download");
    let bob = it.house.person("bob").await;
    it.house.share(&alice, old, "bob").await.unwrap();
    it.download(&bob, old).await.expect("download");
    let entries = it.gate.entries(old).await.unwrap();
    assert!(entries.iter().any(|entry| entry.rights == Rights::V1_SHARE));
    assert_eq!(
        ScopePolicy::Partition
            .scope_of(old, alice.user.id)
            .to_string(),
        "partition:0:20260301"
    );
}
