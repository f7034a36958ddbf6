//! What is missing, and a source that is away, are asked for once a moment.

use super::*;

#[tokio::test]
async fn what_is_missing_is_not_read_again_for_a_moment() {
    let scene = Scene::new();
    scene.set(Mode::Missing);
    for _ in 0..10 {
        is_missing(scene.ask(1).await);
    }
    assert_eq!(scene.reads(), 1);
    scene.set(Mode::Up);
    scene.clock.advance(CONFIG.negative_ttl - INSTANT);
    is_missing(scene.ask(1).await);
    assert_eq!(scene.get(2).await, 2, "of others nothing is known");
    scene.clock.advance(INSTANT);
    assert_eq!(scene.get(1).await, 3);
    // What was missing once is held as anything else.
    assert_eq!(scene.get(1).await, 3);

    let forgive = scene.cache.forgiver();
    scene.set(Mode::Missing);
    is_missing(scene.ask(3).await);
    scene.set(Mode::Up);
    is_missing(scene.ask(3).await);
    forgive();
    assert_eq!(scene.get(3).await, 5, "it may be there now");
}

#[tokio::test]
async fn an_outage_costs_one_read_a_moment_whatever_is_asked() {
    let scene = Scene::new();
    scene.set(Mode::Away);
    for key in 0..100 {
        is_away(scene.ask(key).await);
    }
    let limit = u64::from(CONFIG.breaker.failures);
    assert_eq!((scene.reads(), scene.circuit()), (limit, Circuit::Open));
    for moment in 1..=20 {
        scene.clock.advance(PAUSE);
        for key in 0..100 {
            is_away(scene.ask(key).await);
        }
        assert_eq!(scene.reads(), limit + moment);
    }
    scene.set(Mode::Up);
    is_away(scene.ask(0).await);
    scene.clock.advance(PAUSE);
    for key in 0..100 {
        scene.get(key).await;
    }
    assert_eq!(scene.circuit(), Circuit::Closed);
}

#[tokio::test]
async fn while_one_tries_the_others_are_told_at_once() {
    let scene = Scene::new();
    scene.set(Mode::Away);
    for key in 0..5 {
        is_away(scene.ask(key).await);
    }
    scene.clock.advance(PAUSE);
    scene.make_slow();
    let tries = scene.ask(1);
    tokio::pin!(tries);
    assert!(futures_util::poll!(&mut tries).is_pending());
    assert_eq!(scene.circuit(), Circuit::HalfOpen);
    is_away(scene.ask(2).await);
    let waits = scene.ask(1);
    tokio::pin!(waits);
    assert!(
        futures_util::poll!(&mut waits).is_pending(),
        "it is this one's read"
    );
    scene.set(Mode::Up);
    settle().await;
    scene.let_end(1).await;
    tries.await.unwrap();
    waits.await.unwrap();
    assert_eq!(scene.circuit(), Circuit::Closed);
}
