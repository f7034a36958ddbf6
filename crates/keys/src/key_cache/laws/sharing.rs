//! Many ask, few reads are made, and each ends.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn many_who_ask_at_once_share_one_read_and_its_failure() {
    let scene = Scene::new();
    let answers = join_all((0..32).map(|_| scene.get(1))).await;
    assert_eq!(answers, [1; 32]);
    scene.set(Mode::Away);
    for answer in join_all((0..32).map(|_| scene.ask(2))).await {
        is_away(answer);
    }
    assert_eq!(scene.reads(), 2);
    // An outage is not remembered of a key.
    scene.set(Mode::Up);
    assert_eq!(scene.get(2).await, 3);
}

#[tokio::test]
async fn a_request_that_leaves_does_not_take_its_read_with_it() {
    let scene = Scene::new();
    scene.make_slow();
    {
        let leaves = scene.ask(1);
        tokio::pin!(leaves);
        assert!(futures_util::poll!(&mut leaves).is_pending());
        settle().await;
    }
    assert_eq!(scene.reads(), 1);
    scene.let_end(1).await;
    assert_eq!((scene.get(1).await, scene.reads()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_or_panics_ends_and_the_next_is_tried() {
    let scene = Scene::new();
    for (mode, says) in [
        (Mode::Hangs, "no answer within 5s"),
        (Mode::Panics, "was given up"),
    ] {
        scene.set(mode);
        let begin = tokio::time::Instant::now();
        let error = scene.ask(1).await.unwrap_err();
        assert!(matches!(error, VaultError::Unavailable(_)), "{error:?}");
        assert!(in_one_line(&error).contains(says), "{error:?}");
        assert!(
            begin.elapsed() <= CONFIG.patience,
            "{mode:?}: {:?}",
            begin.elapsed()
        );
        scene.set(Mode::Up);
        scene.get(1).await;
        scene.cache.forget(&1);
    }
}

/// The one law that the load on Vault rests on: keys and TTL have it, and nothing else.
#[tokio::test]
async fn reads_are_as_many_as_keys_and_ttl_have_it_whatever_the_traffic() {
    const KEYS: u64 = 20;
    const PERIODS: u32 = 30;
    let mut counted = Vec::new();
    for requests_in_a_period in [50, 1000] {
        let scene = Scene::new();
        for _ in 0..PERIODS {
            for _ in 0..requests_in_a_period {
                scene.clock.advance(SOFT / requests_in_a_period);
                for key in 0..KEYS {
                    scene.get(key).await;
                }
                settle().await;
            }
        }
        let reads = scene.reads();
        let expected = KEYS * u64::from(PERIODS);
        assert!(
            reads >= expected && reads * 10 <= expected * 12,
            "{reads} for {expected}"
        );
        counted.push(reads);
        assert_eq!(scene.cache.stats().reads, reads);
    }
    let (few, many) = (counted[0], counted[1]);
    assert!(few.abs_diff(many) * 20 <= few, "{few} and {many}");
}

#[tokio::test]
async fn switched_off_it_holds_and_shares_nothing() {
    let scene = Scene::with(CacheConfig::OFF, 8);
    let both = futures_util::join!(scene.get(1), scene.get(1));
    assert_eq!(both, (1, 2));
    scene.set(Mode::Away);
    for _ in 0..10 {
        is_away(scene.ask(1).await);
    }
    assert_eq!(scene.reads(), 12);
}
