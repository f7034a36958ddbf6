//! That a copy is complete stands in the target's audit log.

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{Actor, AuditAction, AuditEntry};
use crypt_keeper_domain::usecase::{Copied, CopiedKeys, CopyStore};

use super::{Watch, another, copy, furnished, run};
use crate::house::House;

async fn completions(house: &House) -> Vec<AuditEntry> {
    let mut log = house.audit().await;
    log.retain(|entry| entry.action == AuditAction::InstallationCopied);
    log
}

async fn record(copy: &CopyStore, house: &House, done: &Copied) -> Result<(), Error> {
    copy.record_completion(&house.operator(), done).await
}

#[tokio::test]
async fn a_complete_copy_is_recorded_once_in_the_target_and_spoils_nothing() {
    let (source, _) = furnished().await;
    let before = source.audit().await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    // The log cannot be written: another run makes it up.
    target.store.faults().fail_after(0, Fault::Unavailable);
    let refused = record(&copy, &source, &done).await;
    target.store.faults().heal();
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    for _ in 0..3 {
        let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
        assert!(done.is_whole(), "{done:?}");
        record(&copy, &source, &done).await.unwrap();
        let told = completions(&target).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].actor, Actor::Operator);
        assert_eq!(told[0].at, source.now());
    }
    assert_eq!(source.audit().await, before, "the source is only read");

    // More came, and was copied: that is told, too.
    source.person("dora").await;
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    record(&copy, &source, &done).await.unwrap();
    assert_eq!(completions(&target).await.len(), 2);
}

#[tokio::test]
async fn what_is_not_whole_is_not_recorded_as_complete() {
    let (source, _) = furnished().await;
    let target = another();
    target.rotate().await.unwrap();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(!done.is_whole());
    record(&copy, &source, &done).await.unwrap();
    assert!(completions(&target).await.is_empty());
}

#[tokio::test]
async fn the_copy_of_a_copy_is_recorded_beside_that_of_its_source() {
    let (first, _) = furnished().await;
    let (second, third) = (another(), another());
    let steps = [(&first, &second), (&second, &third)];
    for ((source, target), minutes) in steps.into_iter().zip(1..) {
        let copy = copy(source, target, CopiedKeys::SameVault);
        // As after a run that was killed at its very end.
        let _ = run(&copy, source, &mut Watch::default()).await.unwrap();
        let done = run(&copy, source, &mut Watch::default()).await.unwrap();
        let later = std::time::Duration::from_secs(60 * minutes);
        source.clock.advance(later);
        record(&copy, source, &done).await.unwrap();
    }
    assert_eq!(completions(&second).await.len(), 1);
    assert_eq!(completions(&third).await.len(), 2);
}
