//! What is held is read anew in time, and used up to the hard TTL while it cannot be.

use super::*;

#[tokio::test]
async fn what_is_held_is_read_anew_ahead_of_its_time_and_delays_no_request() {
    let scene = Scene::new();
    scene.get(1).await;
    scene.clock.advance(SOFT * 9 / 10 - INSTANT);
    assert_eq!((scene.get_and_settle(1).await, scene.reads()), (1, 1));

    scene.make_slow();
    scene.clock.advance(SOFT / 10 + INSTANT);
    for _ in 0..100 {
        assert_eq!(
            scene.get_and_settle(1).await,
            1,
            "served while it is being read"
        );
    }
    assert_eq!(scene.reads(), 2, "one read for all of them");
    scene.let_end(1).await;
    assert_eq!((scene.get_and_settle(1).await, scene.reads()), (2, 2));
    assert_eq!(scene.cache.stats().stale_hits, 0, "nothing has failed");
}

/// The age of what is held is told from when its read began, however long that took.
#[tokio::test]
async fn the_time_of_the_read_counts() {
    let scene = Scene::new();
    scene.make_slow();
    let read = scene.ask(1);
    tokio::pin!(read);
    assert!(futures_util::poll!(&mut read).is_pending());
    settle().await;
    scene.clock.advance(SOFT);
    scene.let_end(1).await;
    read.await.unwrap();
    scene.get_and_settle(1).await;
    assert_eq!(scene.reads(), 2);
}

#[tokio::test]
async fn what_is_held_serves_up_to_the_hard_ttl_and_no_longer() {
    let scene = Scene::new();
    scene.get(1).await;
    scene.set(Mode::Away);
    let mut elapsed = Duration::ZERO;
    let step = Duration::from_secs(7);
    while elapsed + step < HARD {
        scene.clock.advance(step);
        elapsed += step;
        assert_eq!(scene.get_and_settle(1).await, 1, "after {elapsed:?}");
        assert!(scene.cache.trouble(&1).is_some() == (scene.cache.stats().refresh_failures > 0));
    }
    let stats = scene.cache.stats();
    assert!(stats.stale_hits > 400, "{stats:?}");
    let trouble = scene.cache.trouble(&1).unwrap();
    assert_eq!((trouble.age, trouble.left), (elapsed, HARD - elapsed));

    scene.clock.advance(HARD - elapsed - INSTANT);
    assert_eq!(scene.get_and_settle(1).await, 1);
    scene.clock.advance(INSTANT);
    is_away(scene.ask(1).await);
    assert_eq!(scene.cache.stats().entries, 0);
    assert!(scene.cache.trouble(&1).is_none());
    scene.set(Mode::Up);
    scene.clock.advance(PAUSE);
    scene.get(1).await;
}

#[tokio::test]
async fn after_an_outage_what_is_held_is_read_anew_and_all_is_well() {
    let scene = Scene::new();
    scene.get(1).await;
    scene.clock.advance(SOFT);
    scene.set(Mode::Away);
    scene.get_and_settle(1).await;
    assert!(scene.cache.trouble(&1).is_some());
    // It is not tried again at once.
    let tried = scene.reads();
    scene.clock.advance(CONFIG.retry_after - INSTANT);
    scene.get_and_settle(1).await;
    assert_eq!(scene.reads(), tried);
    scene.set(Mode::Up);
    scene.clock.advance(CONFIG.retry_after / 2 + INSTANT);
    scene.get_and_settle(1).await;
    assert_eq!(scene.reads(), tried + 1);
    assert!(scene.cache.trouble(&1).is_none());
    assert_eq!(scene.cache.stats().oldest, Some(Duration::ZERO));
}

/// A policy taken away, an entry that was deleted: somebody has to look, and downloads go on.
#[tokio::test]
async fn a_read_that_is_refused_leaves_what_is_held() {
    let scene = Scene::new();
    scene.get(1).await;
    scene.set(Mode::Missing);
    scene.clock.advance(SOFT);
    for _ in 0..10 {
        assert_eq!(scene.get_and_settle(1).await, 1);
    }
    assert_eq!((scene.reads(), scene.circuit()), (2, Circuit::Closed));
    let trouble = scene.cache.trouble(&1).unwrap();
    assert_eq!(trouble.left, HARD - SOFT);
    scene.clock.advance(HARD - SOFT);
    is_missing(scene.ask(1).await);
}
