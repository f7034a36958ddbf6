//! Killed between every pair of steps, and in the middle of each, an expiry ends the same.

use std::time::Duration;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{AuditAction, KeyState, PartitionState};

use super::calendar::{Calendar, DAY, HOUR};

/// A store that fails after so many calls, and a bucket that does, once each: whoever comes after
/// goes on to the same end, and each step is recorded once.
#[tokio::test]
async fn an_expiry_that_stops_anywhere_ends_the_same() {
    let mut interrupted = 0;
    for calls in 0..40 {
        for at_blobs in [false, true] {
            let it = Calendar::new();
            let alice = it.house.person("alice").await;
            let (id, other) = (it.upload(&alice).await, it.upload(&alice).await);
            let partition = id.partition();
            it.pass(DAY * 32);
            for _ in 0..4 {
                let switch = if at_blobs {
                    it.house.blobs.faults()
                } else {
                    it.house.store.faults()
                };
                switch.fail_after(calls, Fault::Unavailable);
                let outcome = it.expire().run(&it.house.operator()).await;
                interrupted += usize::from(!outcome.is_ok_and(|one| one.failures.is_empty()));
                switch.heal();
                it.expire().run(&it.house.operator()).await.unwrap();
                it.pass(if at_blobs { DAY } else { HOUR * 26 });
            }
            assert_eq!(it.entry(partition).await.state, PartitionState::Expired);
            for id in [id, other] {
                assert!(!it.has_row(id).await);
                assert_eq!(it.objects_of(id), 0);
            }
            let pairs = it.pairs(partition).await;
            assert_eq!(pairs.len(), 1);
            assert_eq!(pairs[0].state, KeyState::DestroyScheduled);
            let log = it.house.audit().await;
            for action in [
                AuditAction::PartitionClosed,
                AuditAction::PartitionEmptying,
                AuditAction::PartitionEmptied,
                AuditAction::PartitionDropped,
                AuditAction::PartitionExpired,
                AuditAction::DestructionScheduled,
            ] {
                let times = log.iter().filter(|entry| entry.action == action).count();
                assert_eq!(times, 1, "{action} after {calls} calls");
            }
        }
    }
    assert!(interrupted > 10, "only {interrupted} runs were interrupted");
}

#[tokio::test]
async fn two_instances_at_once_do_no_harm() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    it.pass(DAY * 32);
    for _ in 0..4 {
        let context = it.house.operator();
        let (one, other) = (it.expire(), it.expire());
        let (one, other) = tokio::join!(one.run(&context), other.run(&context));
        for outcome in [one.unwrap(), other.unwrap()] {
            assert!(outcome.failures.is_empty(), "{outcome:?}");
        }
        it.pass(Duration::from_secs(25 * 3600));
    }
    assert_eq!(
        it.entry(id.partition()).await.state,
        PartitionState::Expired
    );
    let log = it.house.audit().await;
    let closed = log
        .iter()
        .filter(|entry| entry.action == AuditAction::PartitionClosed);
    assert_eq!(closed.count(), 1);
}
