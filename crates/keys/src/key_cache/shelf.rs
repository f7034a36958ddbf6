use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::random_bytes;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::VaultError;
use futures_util::FutureExt as _;
use futures_util::future::Shared;
use lru::LruCache;
use tokio::sync::oneshot;

use super::breaker::Breaker;
use super::config::CacheConfig;
use super::stats::CacheStats;

pub(super) type Outcome<V> = Result<V, Arc<VaultError>>;
/// The end of a read, for all who wait for it.
pub(super) type Reading<V> = Shared<oneshot::Receiver<Outcome<V>>>;

/// What is held, what is being read, what is known to be amiss; each method is one step.
pub(super) struct Shelf<K: Eq + Hash, V> {
    config: CacheConfig,
    entries: LruCache<K, Entry<V>>,
    amiss: LruCache<K, Amiss>,
    under_way: HashMap<K, UnderWay<V>>,
    breaker: Breaker,
    counts: Counts,
}

struct Entry<V> {
    value: V,
    /// When the read began: it may have been changed since.
    read_at: Timestamp,
    refresh_at: Timestamp,
    /// How often it could not be read anew, and why not the last time.
    failures: u32,
    failure: Option<Arc<VaultError>>,
}

struct Amiss {
    at: Timestamp,
    error: Arc<VaultError>,
}

struct UnderWay<V> {
    number: u64,
    reading: Reading<V>,
}

#[derive(Default)]
struct Counts {
    reads: u64,
    read_failures: u64,
    refresh_failures: u64,
    hits: u64,
    stale_hits: u64,
    misses: u64,
}

/// The right to make a read, and the duty to report its end.
pub(super) struct Ticket<V> {
    number: u64,
    began_at: Timestamp,
    pub(super) waiting: oneshot::Sender<Outcome<V>>,
}

/// What to do about a request.
pub(super) enum Step<V> {
    Known(V),
    /// It is known, and due to be read anew in the background.
    Refresh(V, Ticket<V>),
    Wait(Reading<V>),
    Read(Ticket<V>, Reading<V>),
    Refused(Arc<VaultError>),
}

/// What the end of a read changes, for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    CircuitOpened,
    CircuitClosed,
    /// What is held could not be read anew, for the first time since it was read.
    RefreshFailed,
}

/// Why something that is held is not as new as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) error: Arc<VaultError>,
    /// How long ago it was read.
    pub(crate) age: Duration,
    /// How much longer it is used.
    pub(crate) left: Duration,
}

impl<V> Entry<V> {
    fn is_due(&self, now: Timestamp) -> bool {
        now >= self.refresh_at
    }

    fn trouble<'a>(&'a self, breaker: &'a Breaker, now: Timestamp) -> Option<&'a Arc<VaultError>> {
        let of_all = breaker.reason().filter(|_| self.is_due(now));
        self.failure.as_ref().or(of_all)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Shelf<K, V> {
    pub(super) fn new(config: CacheConfig, capacity: NonZeroUsize) -> Self {
        Self {
            config,
            entries: LruCache::new(capacity),
            amiss: LruCache::new(capacity),
            under_way: HashMap::new(),
            breaker: Breaker::new(config.breaker),
            counts: Counts::default(),
        }
    }

    pub(super) fn ask(&mut self, key: &K, now: Timestamp) -> Step<V> {
        self.drop_if_ended(key, now);
        if let Some(entry) = self.entries.get(key) {
            self.counts.hits += 1;
            if entry.trouble(&self.breaker, now).is_some() {
                self.counts.stale_hits += 1;
            }
            let value = entry.value.clone();
            let is_due = entry.is_due(now) && !self.under_way.contains_key(key);
            if is_due && self.breaker.permits(now) {
                return Step::Refresh(value, self.begin(key, now).0);
            }
            return Step::Known(value);
        }
        self.counts.misses += 1;
        if let Some(under_way) = self.under_way.get(key) {
            return Step::Wait(under_way.reading.clone());
        }
        if let Some(amiss) = self.amiss.get(key) {
            if now.since(amiss.at) < self.config.negative_ttl {
                return Step::Refused(Arc::clone(&amiss.error));
            }
            self.amiss.pop(key);
        }
        if !self.breaker.permits(now)
            && let Some(reason) = self.breaker.reason()
        {
            return Step::Refused(Arc::clone(reason));
        }
        let (ticket, reading) = self.begin(key, now);
        Step::Read(ticket, reading)
    }

    fn begin(&mut self, key: &K, now: Timestamp) -> (Ticket<V>, Reading<V>) {
        self.counts.reads += 1;
        let number = self.counts.reads;
        let (waiting, end) = oneshot::channel();
        let reading = end.shared();
        let under_way = UnderWay {
            number,
            reading: reading.clone(),
        };
        self.under_way.insert(key.clone(), under_way);
        let ticket = Ticket {
            number,
            began_at: now,
            waiting,
        };
        (ticket, reading)
    }

    /// Takes in the end of a read.
    pub(super) fn end(
        &mut self,
        key: &K,
        ticket: &Ticket<V>,
        outcome: &Outcome<V>,
        now: Timestamp,
    ) -> Change {
        // Forgotten meanwhile: then this answer serves those who waited, and no one after them.
        let is_current = self
            .under_way
            .get(key)
            .is_some_and(|under_way| under_way.number == ticket.number);
        if is_current {
            self.under_way.remove(key);
        }
        let is_outage =
            matches!(outcome, Err(error) if matches!(**error, VaultError::Unavailable(_)));
        let change = match outcome {
            Err(error) if is_outage => match self.breaker.failed(now, Arc::clone(error)) {
                true => Change::CircuitOpened,
                false => Change::None,
            },
            _ => match self.breaker.answered() {
                true => Change::CircuitClosed,
                false => Change::None,
            },
        };
        match outcome {
            Ok(value) if is_current => {
                self.amiss.pop(key);
                let after = self.config.refresh_after(random());
                let entry = Entry {
                    value: value.clone(),
                    read_at: ticket.began_at,
                    refresh_at: ticket.began_at.plus(after),
                    failures: 0,
                    failure: None,
                };
                self.entries.put(key.clone(), entry);
            }
            Ok(_) => {}
            Err(error) => {
                self.counts.read_failures += 1;
                self.drop_if_ended(key, now);
                if let Some(entry) = self.entries.peek_mut(key).filter(|_| is_current) {
                    self.counts.refresh_failures += 1;
                    let pause = self.config.retry_after(entry.failures, random());
                    entry.refresh_at = now.plus(pause);
                    let is_first = entry.failures == 0;
                    entry.failures = entry.failures.saturating_add(1);
                    entry.failure = Some(Arc::clone(error));
                    if is_first && change == Change::None {
                        return Change::RefreshFailed;
                    }
                } else if is_current && !is_outage {
                    let error = Arc::clone(error);
                    self.amiss.put(key.clone(), Amiss { at: now, error });
                }
            }
        }
        change
    }

    /// Forgets what is held, and what is just being read.
    pub(super) fn forget(&mut self, key: &K) {
        self.entries.pop(key);
        self.amiss.pop(key);
        self.under_way.remove(key);
    }

    /// Forgets what was found missing, altered or denied.
    pub(super) fn forgive(&mut self) {
        self.amiss.clear();
    }

    /// Drops what has been held for as long as it may; the keys of the rest.
    pub(super) fn sweep(&mut self, now: Timestamp) -> Vec<K> {
        let held: Vec<K> = self.entries.iter().map(|(key, _)| key.clone()).collect();
        for key in &held {
            self.drop_if_ended(key, now);
        }
        let is_held = |key: &K| self.entries.contains(key);
        held.into_iter().filter(is_held).collect()
    }

    fn drop_if_ended(&mut self, key: &K, now: Timestamp) {
        let ended = |entry: &Entry<V>| now.since(entry.read_at) >= self.config.hard_ttl;
        if self.entries.peek(key).is_some_and(ended) {
            self.entries.pop(key);
        }
    }

    pub(super) fn trouble(&self, key: &K, now: Timestamp) -> Option<Trouble> {
        let entry = self.entries.peek(key)?;
        let error = Arc::clone(entry.trouble(&self.breaker, now)?);
        let age = now.since(entry.read_at);
        let left = self.config.hard_ttl.saturating_sub(age);
        Some(Trouble { error, age, left })
    }

    pub(super) fn stats(&self, now: Timestamp) -> CacheStats {
        let counts = &self.counts;
        let oldest = self.entries.iter().map(|(_, entry)| entry.read_at).min();
        CacheStats {
            reads: counts.reads,
            under_way: self.under_way.len(),
            read_failures: counts.read_failures,
            refresh_failures: counts.refresh_failures,
            hits: counts.hits,
            stale_hits: counts.stale_hits,
            misses: counts.misses,
            entries: self.entries.len(),
            oldest: oldest.map(|read_at| now.since(read_at)),
            circuit: self.breaker.circuit(),
        }
    }
}

/// Nothing is lost if there is no randomness to be had: then all are refreshed as late as may be.
fn random() -> u16 {
    let mut bytes = [0; 2];
    match random_bytes(&mut bytes) {
        Ok(()) => u16::from_be_bytes(bytes),
        Err(_) => 0,
    }
}
