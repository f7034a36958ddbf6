//! What leaves memory, and when.

use super::*;

#[tokio::test]
async fn what_is_forgotten_is_dropped_and_what_is_forgotten_under_way_is_not_held() {
    let scene = Scene::new();
    let value = scene.ask(1).await.unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    scene.cache.forget(&1);
    assert_eq!(Arc::strong_count(&value), 1, "nothing else holds it");

    scene.make_slow();
    let read = scene.ask(1);
    tokio::pin!(read);
    assert!(futures_util::poll!(&mut read).is_pending());
    settle().await;
    scene.cache.forget(&1);
    scene.let_end(1).await;
    let value = read.await.unwrap();
    assert_eq!((*value, Arc::strong_count(&value)), (2, 1));
    scene.source.gate.add_permits(1);
    assert_eq!(scene.get(1).await, 3);
    scene.set(Mode::Missing);
    scene.source.gate.add_permits(1);
    is_missing(scene.ask(2).await);
    scene.cache.forget(&2);
    scene.set(Mode::Up);
    scene.source.gate.add_permits(1);
    scene.get(2).await;
}

#[tokio::test]
async fn a_sweep_drops_what_has_been_held_long_enough_though_nobody_asks() {
    let scene = Scene::new();
    let old = scene.ask(1).await.unwrap();
    scene.clock.advance(HARD - INSTANT);
    scene.get(2).await;
    assert_eq!(scene.cache.sweep().len(), 2);
    scene.clock.advance(INSTANT);
    assert_eq!(Arc::strong_count(&old), 2);
    assert_eq!(scene.cache.sweep(), [2]);
    assert_eq!(Arc::strong_count(&old), 1);
}

#[tokio::test]
async fn it_holds_no_more_than_its_capacity() {
    let scene = Scene::with(CONFIG, 2);
    let first = scene.ask(1).await.unwrap();
    for key in 2..=3 {
        scene.get(key).await;
    }
    assert_eq!(
        Arc::strong_count(&first),
        1,
        "the one that was least asked for has gone"
    );
    assert_eq!(scene.cache.stats().entries, 2);
}
