//! What holds of every cache, by a clock that the test moves.

mod age;
mod memory;
mod sharing;
mod trouble;

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::Timestamp;
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
