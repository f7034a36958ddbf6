use std::time::Duration;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{
    AuditAction, KeyPairChange, KeyState, Partition, PartitionState, RetentionClass,
};
use crypt_keeper_domain::ports::{DocumentChange, KeyVault, Purpose, VaultError};
use crypt_keeper_domain::usecase::Waiting;

use super::calendar::{CLASS, Calendar, DAY, HOUR, partition};
use crate::house::refusal;

#[tokio::test]
async fn an_expired_partition_goes_whole_and_its_keys_with_it() {
    let it = Calendar::new();
    it.keep_up().run(&it.house.operator()).await.unwrap();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let first = id.partition();
    it.pass(DAY);
    let neighbour = it.upload(&alice).await;
    let wrapped = it.gate_document(id).await.wrapped_key;

    // Thirty days after its creation the document is refused; its partition is still there.
    it.pass(DAY * 29);
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
    let early = it.expire().run(&it.house.operator()).await.unwrap();
    let steps_of = |steps: &[(Partition, PartitionState)], which: Partition| {
        let mut states = Vec::new();
        states.extend(
            steps
                .iter()
                .filter(|(one, _)| *one == which)
                .map(|(_, to)| *to),
        );
        states
    };
    assert_eq!(steps_of(&early.steps, first), []);

    // Midnight, thirty days after the period's end, and the grace.
    it.pass(HOUR * 13);
    let closed = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(steps_of(&closed.steps, first), [PartitionState::Closed]);
    let until = it.house.now().plus(Duration::from_secs(660));
    assert!(closed.waiting.contains(&(first, Waiting::UrlsUntil(until))));
    assert!(it.has_row(id).await);
    assert_eq!(it.objects_of(id), 1);

    it.pass(Duration::from_secs(660));
    let dropped = it.expire().run(&it.house.operator()).await.unwrap();
    let (emptying, emptied) = (PartitionState::Emptying, PartitionState::Emptied);
    let gone = PartitionState::Dropped;
    // Its pair was active until now: it rests for a day.
    assert_eq!(steps_of(&dropped.steps, first), [emptying, emptied, gone]);
    assert_eq!(dropped.objects, 1);
    assert!(!it.has_row(id).await);
    assert_eq!((it.objects_of(id), it.objects_of(neighbour)), (0, 1));
    assert!(it.has_row(neighbour).await);
    it.download(&alice, neighbour).await.expect("download");
    let pairs = it.pairs(first).await;
    assert_eq!(pairs[0].state, KeyState::Deactivated);

    it.pass(DAY);
    let over = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(steps_of(&over.steps, first)[0], PartitionState::Expired);
    let pairs = it.pairs(first).await;
    assert_eq!(pairs[0].state, KeyState::DestroyScheduled);
    let nothing = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(steps_of(&nothing.steps, first), []);

    it.pass(DAY * 30);
    let destroy = it.expire().destroy;
    destroy
        .run(&it.house.operator(), wrapped.serial)
        .await
        .unwrap();
    let opened = it.house.vault.unwrap(&wrapped, id, Purpose::Rewrap).await;
    assert!(matches!(opened, Err(VaultError::Refused(_))), "{opened:?}");
    let acts: Vec<_> = it
        .house
        .audit()
        .await
        .iter()
        .filter(|entry| entry.partition == Some(first))
        .map(|entry| entry.action)
        .collect();
    assert_eq!(
        acts,
        [
            AuditAction::PartitionClosed,
            AuditAction::PartitionEmptying,
            AuditAction::PartitionEmptied,
            AuditAction::PartitionDropped,
            AuditAction::PartitionExpired,
        ]
    );
}

#[tokio::test]
async fn a_class_that_is_shortened_keeps_what_it_promised() {
    let mut it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let mut policy = it.retention.policies()[1].clone();
    assert_eq!(policy.class, RetentionClass::new(CLASS));
    policy.lifetime = crypt_keeper_domain::model::Lifetime::limited(DAY).unwrap();
    policy.name = "one-day".parse().unwrap();
    let name = policy.name.clone();
    it.retention =
        crypt_keeper_domain::model::RetentionClasses::new(vec![policy], Some(&name)).unwrap();
    let short = it.upload(&alice).await;
    it.pass(DAY * 5);
    it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(refusal(it.download(&alice, short).await), "NoSuchDocument");
    it.download(&alice, id)
        .await
        .expect("what was promised thirty days");
}

#[tokio::test]
async fn documents_that_are_kept_keep_their_partition() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let mut kept = it.request_upload();
    kept.retention = crypt_keeper_domain::model::RetentionClasses::default();
    let grant = kept
        .run(&it.house.of(&alice), crate::house::metadata("x"))
        .await
        .unwrap();
    it.pass(DAY * 20_000);
    let expired = it.expire().run(&it.house.operator()).await.unwrap();
    assert!(expired.steps.is_empty(), "{expired:?}");
    it.download(&alice, grant.id).await.expect("download");
}

#[tokio::test]
async fn an_operator_drops_a_partition_whose_period_has_ended() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let first = id.partition();
    let operator = it.house.operator();
    let answer = it.expire().drop_now(&operator, first).await;
    assert_eq!(refusal(answer), "PartitionNotEnded");
    let answer = it
        .expire()
        .drop_now(&operator, partition(CLASS, "20250101"))
        .await;
    assert_eq!(refusal(answer), "NoSuchPartition");
    it.pass(DAY);
    let dropped = it
        .expire()
        .drop_now(&it.house.operator(), first)
        .await
        .unwrap();
    assert_eq!(dropped.steps, [(first, PartitionState::Closed)]);
    it.pass(Duration::from_secs(660));
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
    // The job goes on with what was begun.
    it.expire().run(&it.house.operator()).await.unwrap();
    assert!(!it.has_row(id).await);
    let answer = it.expire().drop_now(&it.house.of(&alice), first).await;
    assert_eq!(refusal(answer), "Forbidden");
}

#[tokio::test]
async fn a_bucket_that_refuses_in_the_middle_is_gone_on_with() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    it.pass(DAY * 32);
    it.expire().run(&it.house.operator()).await.unwrap();
    it.pass(HOUR);
    it.house.blobs.faults().fail(Fault::Backend);
    let stuck = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(stuck.steps, [(id.partition(), PartitionState::Emptying)]);
    assert_eq!(stuck.failures.len(), 1);
    assert!(it.has_row(id).await, "no row goes before its object");
    it.house.blobs.faults().heal();
    let gone = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(gone.objects, 1);
    assert!(!it.has_row(id).await);
}

#[tokio::test]
async fn pre_active_pairs_of_an_expired_partition_are_destroyed() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let first = id.partition();
    let create = it.house.create_key_pair();
    let scope = crypt_keeper_domain::model::Scope::Partition(first);
    let algorithm = crypt_keeper_domain::memory::MemoryVault::ALGORITHM;
    create
        .run(&it.house.operator(), scope, algorithm)
        .await
        .unwrap();
    let pairs = it.pairs(first).await;
    let active = pairs
        .iter()
        .find(|pair| pair.state == KeyState::Active)
        .unwrap();
    let after = active
        .become_state(KeyState::Deactivated, it.house.now())
        .unwrap();
    it.change_pair(KeyPairChange {
        seen_version: active.version,
        after,
    })
    .await;
    it.pass(DAY * 32);
    it.expire().run(&it.house.operator()).await.unwrap();
    it.pass(HOUR);
    it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(it.entry(first).await.state, PartitionState::Expired);
    let states: Vec<_> = it
        .pairs(first)
        .await
        .iter()
        .map(|pair| pair.state)
        .collect();
    assert!(states.contains(&KeyState::DestroyScheduled));
    assert!(states.contains(&KeyState::Destroyed));
}

#[tokio::test]
async fn a_clock_that_is_ahead_of_the_stores_closes_and_sweeps_nothing_early() {
    let it = Calendar::new();
    it.keep_up().run(&it.house.operator()).await.unwrap();
    let alice = it.house.person("alice").await;
    let (id, early) = (it.upload(&alice).await, it.upload(&alice).await);
    let end = it.house.now().plus(HOUR);
    it.house
        .change_document(early, DocumentChange::ExpiresAt(Some(end)))
        .await;

    let mut ahead = it.house.operator();
    ahead.at = ahead.at.plus(DAY * 365);
    let expired = it.expire().run(&ahead).await.unwrap();
    assert_eq!(expired.steps, []);
    let swept = it.sweep().run(&ahead).await.unwrap();
    assert_eq!((swept.removed, swept.objects), (0, 0));
    it.download(&alice, id).await.expect("it lives");
    it.download(&alice, early).await.expect("it lives");

    // Closed by the store's clock, and recorded at what it shows: so the URLs have their time, too.
    it.pass(DAY * 32);
    let mut ahead = it.house.operator();
    ahead.at = ahead.at.plus(HOUR);
    let closed = it.expire().run(&ahead).await.unwrap();
    let first = id.partition();
    assert!(closed.steps.contains(&(first, PartitionState::Closed)));
    assert_eq!(it.entry(first).await.closed_at, Some(it.house.now()));
    let until = it.house.now().plus(Duration::from_secs(660));
    assert!(closed.waiting.contains(&(first, Waiting::UrlsUntil(until))));
}

#[tokio::test]
async fn an_operator_whose_clock_is_ahead_drops_nothing_early() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let first = id.partition();
    let ahead = |by| {
        let mut operator = it.house.operator();
        operator.at = operator.at.plus(by);
        operator
    };
    let answer = it.expire().drop_now(&ahead(DAY), first).await;
    assert_eq!(refusal(answer), "PartitionNotEnded");
    it.download(&alice, id).await.expect("it lives");

    // Nor before the URLs that were handed out have ended.
    it.pass(DAY);
    let dropped = it.expire().drop_now(&ahead(HOUR), first).await.unwrap();
    let until = it.house.now().plus(Duration::from_secs(660));
    assert_eq!(dropped.steps, [(first, PartitionState::Closed)]);
    assert_eq!(dropped.waiting, [(first, Waiting::UrlsUntil(until))]);
    assert_eq!(it.entry(first).await.closed_at, Some(it.house.now()));
    let again = it.expire().drop_now(&ahead(HOUR), first).await.unwrap();
    assert_eq!((again.steps.as_slice(), again.objects), (&[][..], 0));
}
