//! How fast it goes, when it stops, and what it waits for.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::Fault;

use super::{Follower, all_of, rewrap_documents, under_an_old_pair};
use crate::house::{House, refusal};

#[tokio::test]
async fn it_keeps_to_its_rate_and_stops_between_two_batches() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 12).await;
    let mut watch = Follower::of(&house);
    watch.stop_after = 2;
    let rewrap = rewrap_documents(&house, 100, Some(4));
    let operator = house.operator();
    let done = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert!(done.stopped);
    assert_eq!((all_of(done.counts), done.left), ([8, 0, 0], 4));

    let mut watch = Follower::of(&house);
    let rest = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!((all_of(rest.counts), rest.left), ([4, 0, 0], 0));
    assert!(!rest.stopped);
    let (again, _) = under_an_old_pair(&house, &alice, 0).await;
    let mut watch = Follower::of(&house);
    rewrap.run(&operator, again, &mut watch).await.unwrap();
    assert_eq!(watch.batches().count(), 3);
    assert_eq!(watch.paused, Duration::from_secs(2), "between three");
    let last = watch.told.last().unwrap();
    assert!((last.rate - 6.0).abs() < 0.01, "{}", last.rate);
    assert_eq!(last.left, Some(Duration::ZERO));
}

#[tokio::test]
async fn a_passing_trouble_is_waited_for() {
    // Past the look at the pair, the count, and the look for an active one.
    for calls in 3.. {
        let house = House::new().await;
        let alice = house.person("alice").await;
        let (old, grants) = under_an_old_pair(&house, &alice, 9).await;
        let mut watch = Follower::of(&house);
        let store = Arc::clone(&house.store);
        watch.in_trouble = Some(Box::new(move || store.faults().heal()));
        house.store.faults().fail_after(calls, Fault::Unavailable);
        let rewrap = rewrap_documents(&house, 2, None);
        let done = rewrap.run(&house.operator(), old, &mut watch).await;
        house.store.faults().heal();
        let Ok(done) = done else {
            // It was met by the last count, which nobody waits for.
            assert_eq!((refusal(done), watch.troubles), ("Unavailable", 0));
            continue;
        };
        assert_eq!((done.left, done.counts.failed), (0, 0), "{calls}");
        for grant in &grants {
            let answer = house.download(&alice, grant.id).await.unwrap();
            assert_eq!(answer.key, grant.key);
        }
        if watch.troubles == 0 {
            assert!(calls > 20, "{calls}");
            return;
        }
        assert_eq!(watch.paused, Duration::from_secs(1), "{calls}");
    }
}

#[tokio::test]
async fn a_lasting_trouble_is_told_after_a_minute() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (old, _) = under_an_old_pair(&house, &alice, 9).await;
    house.vault.faults().fail_after(7, Fault::Unavailable);
    let rewrap = rewrap_documents(&house, 2, None);
    let operator = house.operator();
    let mut watch = Follower::of(&house);
    let answer = rewrap.run(&operator, old, &mut watch).await;
    assert_eq!(refusal(answer), "Unavailable");
    assert_eq!((watch.troubles, &watch.failed), (6, &vec![]));
    assert_eq!(watch.paused, Duration::from_secs(63), "1 + 2 + .. + 32");

    house.vault.faults().heal();
    let mut watch = Follower::of(&house);
    let rest = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!(
        (rest.counts.rewrapped, rest.left),
        (6, 0),
        "three were done"
    );
}
