//! Random days of a cache against what a glance at the reads says must become of each request.

use std::collections::HashMap;

use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::runtime::Builder;

use super::*;

const CONFIG: CacheConfig = CacheConfig::DEFAULT;
const KEYS: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Up,
    Away,
    Missing,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Ask(u64),
    Advance(Duration),
    Become(Mode),
    Forget(u64),
    Sweep,
}

/// A read, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Read {
    key: u64,
    at: Timestamp,
    mode: Mode,
}

/// What is read is the moment at which it is.
struct World {
    cache: KeyCache<u64, Timestamp>,
    clock: Arc<ManualClock>,
    mode: Mode,
    log: Arc<Mutex<Vec<Read>>>,
    /// How long the log was when a key was last forgotten.
    forgotten: HashMap<u64, usize>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let capacity = NonZeroUsize::new(64).unwrap();
        Self {
            cache: KeyCache::new(CONFIG, capacity, clock.clone()),
            clock,
            mode: Mode::Up,
            log: Arc::default(),
            forgotten: HashMap::new(),
        }
    }

    async fn ask(&self, key: u64) -> Result<Timestamp, VaultError> {
        let (log, at, mode) = (Arc::clone(&self.log), self.clock.now(), self.mode);
        let read = || async move {
            log.lock().unwrap().push(Read { key, at, mode });
            match mode {
                Mode::Up => Ok(at),
                Mode::Away => Err(VaultError::Unavailable("away".into())),
                Mode::Missing => Err(VaultError::Corrupt("missing".into())),
            }
        };
        let answer = self.cache.get(&key, read).await;
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        answer
    }

    /// When what may be served of a key was read.
    fn held_since(&self, key: u64) -> Option<Timestamp> {
        let log = self.log.lock().unwrap();
        let from = self.forgotten.get(&key).copied().unwrap_or(0);
        let last = log[from..]
            .iter()
            .rev()
            .find(|read| read.key == key && read.mode == Mode::Up)?;
        (self.clock.now().since(last.at) < CONFIG.hard_ttl).then_some(last.at)
    }

    /// How long ago a read failed.
    fn calm(&self) -> Duration {
        let log = self.log.lock().unwrap();
        let failed = log.iter().rev().find(|read| read.mode != Mode::Up);
        failed.map_or(Duration::MAX, |read| self.clock.now().since(read.at))
    }

    async fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Advance(by) => self.clock.advance(by),
            Act::Become(mode) => self.mode = mode,
            Act::Sweep => drop(self.cache.sweep()),
            Act::Forget(key) => {
                self.cache.forget(&key);
                let log = self.log.lock().unwrap();
                self.forgotten.insert(key, log.len());
            }
            Act::Ask(key) => {
                let (held, calm) = (self.held_since(key), self.calm());
                let answer = self.ask(key).await;
                self.judge(held, calm, &answer)?;
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        held: Option<Timestamp>,
        calm: Duration,
        answer: &Result<Timestamp, VaultError>,
    ) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        match (held, answer) {
            (Some(held), answer) => {
                prop_assert_eq!(answer.as_ref().ok(), Some(&held), "what is held is served");
            }
            (None, Ok(read_at)) => {
                prop_assert_eq!(
                    (self.mode, *read_at),
                    (Mode::Up, now),
                    "else it is read now"
                );
            }
            (None, Err(error)) => {
                prop_assert!(!matches!(error, VaultError::Backend(_)));
                let long = CONFIG.negative_ttl.max(CONFIG.breaker.pause);
                let must_serve = self.mode == Mode::Up && calm >= long;
                prop_assert!(!must_serve, "refused {calm:?} after the last failure");
            }
        }
        Ok(())
    }

    /// How often it may read at most.
    fn judge_reads(&self) -> Result<(), TestCaseError> {
        let log = self.log.lock().unwrap();
        let mut away_in_a_row: Vec<Timestamp> = Vec::new();
        for read in log.iter() {
            if read.mode != Mode::Away {
                away_in_a_row.clear();
                continue;
            }
            if away_in_a_row.len() >= CONFIG.breaker.failures as usize
                && let Some(last) = away_in_a_row.last()
            {
                let since = read.at.since(*last);
                prop_assert!(
                    since >= CONFIG.breaker.pause,
                    "open, and read after {since:?}"
                );
            }
            away_in_a_row.push(read.at);
        }
        for key in 0..KEYS {
            let forgotten = self.forgotten.get(&key).copied().unwrap_or(0);
            let of_key = log[forgotten..].iter().filter(|read| read.key == key);
            let good: Vec<_> = of_key.filter(|read| read.mode == Mode::Up).collect();
            for pair in good.windows(2) {
                let since = pair[1].at.since(pair[0].at);
                prop_assert!(
                    since >= CONFIG.soft_ttl * 9 / 10,
                    "read anew after {since:?}"
                );
            }
        }
        Ok(())
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let advance = |most: u64| (0..most).prop_map(|ms| Act::Advance(Duration::from_millis(ms)));
    let act = prop_oneof![
        12 => (0..KEYS).prop_map(Act::Ask),
        4 => advance(8_000),
        3 => advance(900_000),
        1 => advance(5_400_000),
        1 => Just(Act::Become(Mode::Up)),
        1 => Just(Act::Become(Mode::Away)),
        1 => Just(Act::Become(Mode::Missing)),
        1 => (0..KEYS).prop_map(Act::Forget),
        1 => Just(Act::Sweep),
    ];
    prop::collection::vec(act, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_request_gets_what_the_reads_say(acts in acts()) {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for act in acts {
                world.act(act).await?;
            }
            world.judge_reads()
        })?;
    }
}
