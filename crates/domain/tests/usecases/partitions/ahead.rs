use std::sync::Arc;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{
    KeyState, Lifetime, PartitionState, RetentionClass, RetentionClasses, RetentionPolicy,
    Timestamp,
};
use crypt_keeper_domain::ports::Partitions;
use crypt_keeper_domain::usecase::{KeepUpPartitions, RequestUpload, RetirePartitionPairs};

use super::calendar::{CLASS, Calendar, DAY, HOUR, gate_of, partition};
use crate::house::{metadata, refusal};

#[tokio::test]
async fn partitions_and_their_pairs_are_made_ahead_once() {
    let it = Calendar::new();
    let system = it.house.operator();
    let missing = KeepUpPartitions::missing(&it.retention, &[], it.house.now());
    let made = it.keep_up().run(&system).await.unwrap();
    assert_eq!(made.made, missing);
    let names: Vec<String> = made.made.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "0/20260301",
            "0/20260401",
            "0/20260501",
            "0/20260601",
            "7/20260301",
            "7/20260302",
            "7/20260303",
            "7/20260304",
        ]
    );
    assert_eq!(made.paired, made.made);
    assert!(made.failures.is_empty());
    for one in &made.made {
        assert_eq!(it.entry(*one).await.state, PartitionState::Open);
        let pairs = it.pairs(*one).await;
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].state, KeyState::Active);
    }
    let again = it.keep_up().run(&system).await.unwrap();
    assert!(again.made.is_empty() && again.paired.is_empty());

    it.pass(DAY);
    let missing = KeepUpPartitions::missing(&it.retention, &again.entries, it.house.now());
    assert_eq!(missing, [partition(CLASS, "20260305")]);
    let next = it.keep_up().run(&it.house.operator()).await.unwrap();
    assert_eq!(next.made, [partition(CLASS, "20260305")]);
}

#[tokio::test]
async fn two_instances_at_once_make_each_once() {
    let it = Calendar::new();
    let system = it.house.operator();
    let (one, other) = (it.keep_up(), it.keep_up());
    let (one, other) = tokio::join!(one.run(&system), other.run(&system));
    assert!(one.unwrap().failures.is_empty() && other.unwrap().failures.is_empty());
    for entry in it.house.store.list_partitions().await.unwrap() {
        let pairs = it.pairs(entry.partition).await;
        let active = pairs.iter().filter(|pair| pair.state == KeyState::Active);
        assert_eq!(active.count(), 1, "{}", entry.partition);
    }
}

#[tokio::test]
async fn who_is_behind_is_told() {
    let it = Calendar::new();
    let ahead = async |at: Timestamp| {
        let entries = it.house.store.list_partitions().await.unwrap();
        KeepUpPartitions::ahead(&it.retention, &entries, at)
    };
    let now = it.house.now();
    let counts = ahead(now).await;
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [0, 0]);
    it.keep_up().run(&it.house.operator()).await.unwrap();
    for (days, expected) in [(0, 3), (1, 2), (2, 1), (3, 0), (4, 0)] {
        let counts = ahead(now.plus(DAY * days)).await;
        assert_eq!(counts[&RetentionClass::new(CLASS)], expected, "{days}");
        assert_eq!(KeepUpPartitions::is_behind(&counts), days >= 2, "{days}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_told_and_nothing_is_half_made() {
    let it = Calendar::new();
    it.house.store.faults().fail(Fault::Unavailable);
    let answer = it.keep_up().run(&it.house.operator()).await;
    assert_eq!(refusal(answer), "Unavailable");
    it.house.store.faults().fail_after(5, Fault::Unavailable);
    let partly = it.keep_up().run(&it.house.operator()).await.unwrap();
    assert!(!partly.failures.is_empty());
    it.house.store.faults().heal();
    let rest = it.keep_up().run(&it.house.operator()).await.unwrap();
    assert!(rest.failures.is_empty());
    assert_eq!(partly.made.len() + rest.made.len(), 8);
}

#[tokio::test]
async fn the_pair_of_a_period_that_has_ended_wraps_no_more() {
    let it = Calendar::new();
    it.keep_up().run(&it.house.operator()).await.unwrap();
    let retire = RetirePartitionPairs {
        partitions: it.house.store.clone(),
        registry: it.house.store.clone(),
        entropy: it.house.entropy.clone(),
    };
    let first = partition(CLASS, "20260301");
    let mut ahead = it.house.operator();
    ahead.at = ahead.at.plus(DAY);
    let none = retire.run(&ahead).await.unwrap();
    assert!(none.retired.is_empty(), "it has not ended for the store");
    // Noon to midnight, and five minutes in which ids of yesterday are still taken.
    it.pass(HOUR * 12 + std::time::Duration::from_secs(299));
    let none = retire.run(&it.house.operator()).await.unwrap();
    assert!(none.retired.is_empty());
    it.pass(std::time::Duration::from_secs(1));
    let retired = retire.run(&it.house.operator()).await.unwrap();
    assert_eq!(retired.retired.len(), 1);
    assert_eq!(it.pairs(first).await, retired.retired);
    assert_eq!(retired.retired[0].state, KeyState::Deactivated);
    let none = retire.run(&it.house.operator()).await.unwrap();
    assert!(none.retired.is_empty() && none.failures.is_empty());
}

#[tokio::test]
async fn a_partition_is_given_the_lifetime_of_its_class_when_its_period_begins() {
    let it = Calendar::new();
    it.keep_up().run(&it.house.operator()).await.unwrap();
    let first = partition(CLASS, "20260301");
    let thirty = Lifetime::limited(DAY * 30).unwrap();
    let lifetime = async |partition| it.entry(partition).await.lifetime;
    let next = first.next().unwrap();
    assert_eq!(lifetime(first).await, thirty);
    assert_eq!(lifetime(next).await, Lifetime::SHORTEST);
    // So a service that may make none can put documents into it.
    let alice = it.house.person("alice").await;
    let upload = RequestUpload {
        store: Arc::new(gate_of(&it.house, false)),
        first_pair: None,
        ..it.request_upload()
    };
    let granted = upload.run(&it.house.of(&alice), metadata("x")).await;
    assert_eq!(granted.expect("upload").id.partition(), first);

    it.pass(HOUR * 11);
    it.keep_up().run(&it.house.operator()).await.unwrap();
    assert_eq!(lifetime(next).await, thirty);
    assert_eq!(lifetime(next.next().unwrap()).await, Lifetime::SHORTEST);
}

#[tokio::test]
async fn whoever_puts_a_longer_lived_document_in_raises_the_lifetime() {
    let it = Calendar::new();
    it.keep_up().run(&it.house.operator()).await.unwrap();
    let first = partition(CLASS, "20260301");
    let alice = it.house.person("alice").await;
    let policy = RetentionPolicy {
        lifetime: Lifetime::limited(DAY * 90).unwrap(),
        ..it.retention.policies()[1].clone()
    };
    let name = policy.name.clone();
    let longer = RequestUpload {
        retention: RetentionClasses::new(vec![policy], Some(&name)).unwrap(),
        ..it.request_upload()
    };
    let granted = longer.run(&it.house.of(&alice), metadata("x")).await;
    assert_eq!(granted.expect("upload").id.partition(), first);
    let ninety = Lifetime::limited(DAY * 90).unwrap();
    assert_eq!(it.entry(first).await.lifetime, ninety);
    // Keeping up by the configuration of before does not take that back.
    it.keep_up().run(&it.house.operator()).await.unwrap();
    assert_eq!(it.entry(first).await.lifetime, ninety);
}
