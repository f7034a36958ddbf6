//! What holds of every cache, by a clock that the test moves.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::Timestamp;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const CONFIG: CacheConfig = CacheConfig::DEFAULT;
const SOFT: Duration = CONFIG.soft_ttl;
const HARD: Duration = CONFIG.hard_ttl;
const PAUSE: Duration = CONFIG.breaker.pause;
const INSTANT: Duration = Duration::from_micros(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Up,
    Away,
    Missing,
    Panics,
    Hangs,
}

/// What is read is the number of the read.
struct Source {
    mode: Mutex<Mode>,
    reads: AtomicU64,
    /// Reads wait for a permit while it is closed.
    is_slow: AtomicBool,
    gate: Semaphore,
}

struct Scene {
    cache: KeyCache<u64, Arc<u64>>,
    clock: Arc<ManualClock>,
    source: Arc<Source>,
}

impl Source {
    async fn read(self: Arc<Self>) -> Result<Arc<u64>, VaultError> {
        let number = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        if self.is_slow.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        let mode = *self.mode.lock().unwrap();
        match mode {
            Mode::Up => Ok(Arc::new(number)),
            Mode::Away => Err(VaultError::Unavailable("it is away".into())),
            Mode::Missing => Err(VaultError::Corrupt("there is nothing".into())),
            Mode::Panics => panic!("a bug"),
            Mode::Hangs => pending().await,
        }
    }
}

impl Scene {
    fn new() -> Self {
        Self::with(CONFIG, 1024)
    }

    fn with(config: CacheConfig, capacity: usize) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let source = Source {
            mode: Mutex::new(Mode::Up),
            reads: AtomicU64::new(0),
            is_slow: AtomicBool::new(false),
            gate: Semaphore::new(0),
        };
        Self {
            cache: KeyCache::new(config, NonZeroUsize::new(capacity).unwrap(), clock.clone()),
            clock,
            source: Arc::new(source),
        }
    }

    fn set(&self, mode: Mode) {
        *self.source.mode.lock().unwrap() = mode;
    }

    fn make_slow(&self) {
        self.source.is_slow.store(true, Ordering::SeqCst);
    }

    /// Lets so many slow reads end.
    async fn let_end(&self, reads: usize) {
        self.source.gate.add_permits(reads);
        settle().await;
    }

    fn reads(&self) -> u64 {
        self.source.reads.load(Ordering::SeqCst)
    }

    async fn ask(&self, key: u64) -> Result<Arc<u64>, VaultError> {
        let source = Arc::clone(&self.source);
        self.cache.get(&key, || source.read()).await
    }

    async fn get(&self, key: u64) -> u64 {
        *self.ask(key).await.unwrap()
    }

    /// Asks, and lets what that begins in the background end.
    async fn get_and_settle(&self, key: u64) -> u64 {
        let answer = self.get(key).await;
        settle().await;
        answer
    }

    fn circuit(&self) -> Circuit {
        self.cache.stats().circuit
    }
}

/// Every task that can go on has gone on.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

#[track_caller]
fn is_away<T: fmt::Debug>(answer: Result<T, VaultError>) {
    match answer {
        Err(error @ VaultError::Unavailable(_)) => {
            assert!(in_one_line(&error).ends_with("it is away"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_missing<T: fmt::Debug>(answer: Result<T, VaultError>) {
    match answer {
        Err(error @ VaultError::Corrupt(_)) => {
            assert!(
                in_one_line(&error).ends_with("there is nothing"),
                "{error:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

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
