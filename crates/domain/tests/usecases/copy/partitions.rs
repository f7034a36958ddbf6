//! The catalogue of partitions is copied before what lies in them.

use std::time::Duration;

use crypt_keeper_domain::model::{
    AuditAction, Lifetime, Partition, PartitionEntry, PartitionState, RetentionClass, Timestamp,
};
use crypt_keeper_domain::ports::{Change, Partitions as _};
use crypt_keeper_domain::usecase::{CopiedKeys, CopiedKind};

use super::{Watch, another, copy, furnished, run};
use crate::house::House;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn catalogue(house: &House) -> Vec<PartitionEntry> {
    house.store.list_partitions().await.unwrap()
}

async fn make(house: &House, partition: Partition, lifetime: Lifetime) {
    let made = house
        .store
        .ensure_partition(partition, lifetime, house.now());
    made.await.unwrap();
}

/// Takes a partition as far as a state.
async fn advance(house: &House, partition: Partition, to: PartitionState) {
    let mut state = PartitionState::Open;
    while state < to {
        state = state.next().unwrap();
        let record = house.record(AuditAction::PartitionClosed);
        let advanced = house.store.advance_partition(partition, state, &record);
        assert_eq!(advanced.await.unwrap(), Change::Changed);
    }
}

/// Partitions in every state, each with a lifetime of its own, and the one of imports.
async fn with_partitions(house: &House) {
    let mut partition = Partition::at(RetentionClass::new(7), house.now().minus(3650 * DAY));
    let states = PartitionState::ALL.iter().copied();
    for (state, days) in states.zip(30_u32..) {
        let lifetime = Lifetime::limited(days * DAY).unwrap();
        make(house, partition, lifetime).await;
        advance(house, partition, state).await;
        partition = partition.next().unwrap();
    }
    let import = Partition::at(RetentionClass::IMPORT, Timestamp::from_millis(0));
    make(house, import, Lifetime::UNLIMITED).await;
}

#[tokio::test]
async fn the_target_says_the_same_of_every_partition() {
    let (source, ids) = furnished().await;
    make(&source, ids[0].partition(), Lifetime::UNLIMITED).await;
    with_partitions(&source).await;
    let target = another();
    target.clock.advance(DAY);
    // What a target makes ahead with its tables: as short as can be, and none of the source's.
    let short = Lifetime::SHORTEST;
    let of_both = catalogue(&source).await[0];
    let own = Partition::at(RetentionClass::DEFAULT, source.now().plus(900 * DAY));
    for partition in [of_both.partition, own] {
        make(&target, partition, short).await;
    }
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(done.is_whole(), "{done:?}");
    let there = catalogue(&target).await;
    for entry in catalogue(&source).await {
        let found = there.iter().find(|one| one.partition == entry.partition);
        assert!(
            found.unwrap().says_the_same_as(&entry),
            "{found:?}\n{entry:?}"
        );
    }
    let kind = done
        .kinds
        .iter()
        .find(|one| one.kind == CopiedKind::Partitions);
    let kind = kind.unwrap();
    let count = catalogue(&source).await.len() as u64;
    assert_eq!((kind.source, kind.target, kind.others), (count, count, 1));
    assert_eq!(kind.copied, count);
    let again = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(again.is_whole() && again.kinds.iter().all(|kind| kind.copied == 0));
}

/// Whatever a copy is at when it stops.
#[tokio::test]
async fn no_document_lies_in_the_target_before_its_partition_is_as_far_as_in_the_source() {
    let (source, ids) = furnished().await;
    let partition = ids[0].partition();
    make(&source, partition, Lifetime::UNLIMITED).await;
    advance(&source, partition, PartitionState::Closed).await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let mut watch = Watch {
        stop_at: Some(CopiedKind::Documents),
        ..Watch::default()
    };
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert!(done.stopped);
    let found = target.store.find_partition(partition).await.unwrap();
    assert_eq!(found.unwrap().state, PartitionState::Closed);
    assert_eq!(super::documents(&target.store).await.len(), 5);
}

#[tokio::test]
async fn a_partition_that_is_further_in_the_target_is_told() {
    let (source, ids) = furnished().await;
    make(&source, ids[0].partition(), Lifetime::UNLIMITED).await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    run(&copy, &source, &mut Watch::default()).await.unwrap();
    let partition = ids[0].partition();
    advance(&target, partition, PartitionState::Closed).await;
    let mut watch = Watch::default();
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert_eq!((done.failed, done.is_whole()), (1, false));
    let (kind, row, why) = &watch.told[0];
    assert_eq!((*kind, why.as_str()), (CopiedKind::Partitions, "Differs"));
    assert_eq!(*row, format!("partition {partition}"));
    let found = target.store.find_partition(partition).await.unwrap();
    assert_eq!(found.unwrap().state, PartitionState::Closed);
}
