use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypt_keeper_domain::ports::VaultError;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use lru::LruCache;
use tokio::time::Instant;

use crate::error::unshare;

type Outcome<V> = Result<V, Arc<VaultError>>;
type Lookup<V> = Shared<BoxFuture<'static, Outcome<V>>>;

/// Remembers what was looked up for a while. Many who ask at once cause one lookup; failures are
/// shared with those who wait, and not remembered.
pub(crate) struct Cache<K, V> {
    life: Duration,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    known: LruCache<K, Known<V>>,
    under_way: HashMap<K, UnderWay<V>>,
    lookups: u64,
}

struct Known<V> {
    value: V,
    asked_at: Instant,
}

struct UnderWay<V> {
    number: u64,
    asked_at: Instant,
    /// Weak: once all who wait have gone, so has the lookup.
    lookup: WeakShared<BoxFuture<'static, Outcome<V>>>,
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash,
    V: Clone + Send + Sync + 'static,
{
    /// What it answers was looked up at most `life` before it was asked.
    pub(crate) fn new(life: Duration, capacity: NonZeroUsize) -> Self {
        Self {
            life,
            state: Mutex::new(State {
                known: LruCache::new(capacity),
                under_way: HashMap::new(),
                lookups: 0,
            }),
        }
    }

    /// The value of a key, looked up if need be.
    pub(crate) async fn get<F>(&self, key: &K, look_up: impl FnOnce() -> F) -> Result<V, VaultError>
    where
        F: Future<Output = Result<V, VaultError>> + Send + 'static,
    {
        let (number, asked_at, lookup) = match self.known_or_under_way(key, look_up) {
            Step::Known(value) => return Ok(value),
            Step::Wait(number, asked_at, lookup) => (number, asked_at, lookup),
        };
        let outcome = lookup.await;
        let mut state = self.lock();
        // Forgotten meanwhile, or overtaken: then this answer serves those who waited, and no one
        // after them.
        let is_current = state
            .under_way
            .get(key)
            .is_some_and(|under_way| under_way.number == number);
        if is_current {
            state.under_way.remove(key);
            if let Ok(value) = &outcome {
                let value = value.clone();
                state.known.put(key.clone(), Known { value, asked_at });
            }
        }
        drop(state);
        outcome.map_err(unshare)
    }

    /// Forgets a value, and what is just being looked up.
    pub(crate) fn forget(&self, key: &K) {
        let mut state = self.lock();
        state.known.pop(key);
        state.under_way.remove(key);
    }

    /// Forgets a value if it is one of those. A lookup under way goes on: of many who find fault
    /// with the same value, the first has begun it.
    pub(crate) fn forget_if(&self, key: &K, doomed: impl FnOnce(&V) -> bool) {
        let mut state = self.lock();
        if state
            .known
            .peek(key)
            .is_some_and(|known| doomed(&known.value))
        {
            state.known.pop(key);
        }
    }

    fn known_or_under_way<F>(&self, key: &K, look_up: impl FnOnce() -> F) -> Step<V>
    where
        F: Future<Output = Result<V, VaultError>> + Send + 'static,
    {
        let now = Instant::now();
        let is_fresh = |asked_at: Instant| now.duration_since(asked_at) < self.life;
        let mut state = self.lock();
        if let Some(known) = state
            .known
            .get(key)
            .filter(|known| is_fresh(known.asked_at))
        {
            return Step::Known(known.value.clone());
        }
        if let Some(under_way) = state.under_way.get(key)
            && is_fresh(under_way.asked_at)
            && let Some(lookup) = under_way.lookup.upgrade()
        {
            return Step::Wait(under_way.number, under_way.asked_at, lookup);
        }
        drop_stale(&mut state, is_fresh);
        state.lookups += 1;
        let number = state.lookups;
        let lookup: Lookup<V> = look_up()
            .map(|outcome| outcome.map_err(Arc::new))
            .boxed()
            .shared();
        if let Some(weak) = lookup.downgrade() {
            let under_way = UnderWay {
                number,
                asked_at: now,
                lookup: weak,
            };
            state.under_way.insert(key.clone(), under_way);
        }
        Step::Wait(number, now, lookup)
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // Nothing panics under the lock, and each step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Values past their life are dropped when something else is looked up, not only when they are
/// asked for: an opened private half should not stay for want of demand.
fn drop_stale<K: Clone + Eq + Hash, V>(
    state: &mut State<K, V>,
    is_fresh: impl Fn(Instant) -> bool,
) {
    let stale: Vec<K> = state
        .known
        .iter()
        .filter(|(_, known)| !is_fresh(known.asked_at))
        .map(|(key, _)| key.clone())
        .collect();
    for key in stale {
        state.known.pop(&key);
    }
    state
        .under_way
        .retain(|_, under_way| under_way.lookup.upgrade().is_some());
}

enum Step<V> {
    Known(V),
    Wait(u64, Instant, Lookup<V>),
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LIFE: Duration = Duration::from_secs(1);

    fn cache(capacity: usize) -> Cache<u64, u32> {
        Cache::new(LIFE, NonZeroUsize::new(capacity).unwrap())
    }

    /// Counts its lookups; each takes 10 ms and answers its number.
    #[derive(Clone, Default)]
    struct Source(Arc<AtomicU32>);

    impl Source {
        async fn look_up(self) -> Result<u32, VaultError> {
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(number)
        }
    }

    async fn get(cache: &Cache<u64, u32>, key: u64, source: &Source) -> u32 {
        let source = source.clone();
        cache.get(&key, || source.look_up()).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cause_one_lookup() {
        let (cache, source) = (cache(4), Source::default());
        let asked = (0..32).map(|_| get(&cache, 1, &source));
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers, [1; 32]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_never_older_than_its_life() {
        let (cache, source) = (cache(4), Source::default());
        assert_eq!(get(&cache, 1, &source).await, 1);
        tokio::time::advance(LIFE - Duration::from_millis(11)).await;
        assert_eq!(get(&cache, 1, &source).await, 1);
        // The 10 ms of the lookup count.
        tokio::time::advance(Duration::from_millis(2)).await;
        assert_eq!(get(&cache, 1, &source).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_life_nothing_is_remembered_or_shared() {
        let cache: Cache<u64, u32> = Cache::new(Duration::ZERO, NonZeroUsize::MIN);
        let source = Source::default();
        let both = futures_util::join!(get(&cache, 1, &source), get(&cache, 1, &source));
        assert_eq!(both, (1, 2));
        assert_eq!(get(&cache, 1, &source).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_shared_and_not_remembered() {
        let (cache, source) = (cache(4), Source::default());
        let fail = || async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Err(VaultError::Unavailable("the registry is away".into()))
        };
        let (one, other) = futures_util::join!(cache.get(&1, fail), cache.get(&1, fail));
        for failed in [one, other] {
            let VaultError::Unavailable(source) = failed.unwrap_err() else {
                panic!("another error");
            };
            assert_eq!(source.to_string(), "the registry is away");
        }
        assert_eq!(get(&cache, 1, &source).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_under_way_is_not_remembered() {
        let (cache, source) = (cache(4), Source::default());
        let (answer, ()) = futures_util::join!(get(&cache, 1, &source), async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            cache.forget(&1);
        });
        assert_eq!(answer, 1);
        assert_eq!(get(&cache, 1, &source).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_find_fault_with_a_value_cause_one_lookup() {
        let (cache, source) = (cache(4), Source::default());
        let bad = get(&cache, 1, &source).await;
        let again = async |_| {
            cache.forget_if(&1, |value| *value == bad);
            get(&cache, 1, &source).await
        };
        let answers = futures_util::future::join_all((0..8).map(again)).await;
        assert_eq!(answers, [2; 8]);
        cache.forget_if(&1, |value| *value == bad);
        assert_eq!(get(&cache, 1, &source).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_leaves_does_not_take_the_lookup_with_it() {
        let (cache, source) = (cache(4), Source::default());
        let impatient = tokio::time::timeout(Duration::from_millis(5), get(&cache, 1, &source));
        let (gone, answer) = futures_util::join!(impatient, get(&cache, 1, &source));
        assert!(gone.is_err());
        assert_eq!(answer, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_all_have_left_is_begun_anew() {
        let (cache, source) = (cache(4), Source::default());
        let impatient = tokio::time::timeout(Duration::from_millis(5), get(&cache, 1, &source));
        assert!(impatient.await.is_err());
        assert_eq!(get(&cache, 1, &source).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn it_holds_no_more_than_its_capacity_and_nothing_past_its_life() {
        let (cache, source) = (cache(2), Source::default());
        for key in 1..=3 {
            get(&cache, key, &source).await;
        }
        assert_eq!(cache.lock().known.len(), 2);
        assert!(!cache.lock().known.contains(&1));
        tokio::time::advance(LIFE).await;
        get(&cache, 4, &source).await;
        assert_eq!(cache.lock().known.len(), 1);
        assert!(cache.lock().under_way.is_empty());
    }
}
