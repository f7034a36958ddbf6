//! Private halves held in memory, whatever becomes of the place that they are read from.
//!
//! | what is held is | a request |
//! |---|---|
//! | younger than the soft TTL | is served from memory |
//! | older | is served from memory, and a read begins in the background |
//! | as old as the hard TTL, or nothing | waits for a read, which all who ask share |
//!
//! A read that fails leaves what is held as it is. What was found missing, altered or denied is not
//! read again for a moment; after many reads in a row without an answer none is made for a moment,
//! then one tries. So the place is asked as often as keys and TTL have it, whatever the traffic.

mod breaker;
mod config;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod model;
mod shelf;
mod stats;

use std::fmt;
use std::fmt::Display;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crypt_keeper_domain::ports::{Clock, VaultError};
use tokio::runtime::Handle;

pub use self::config::{BreakerConfig, CacheConfig};
pub(crate) use self::shelf::Trouble;
use self::shelf::{Change, Outcome, Reading, Shelf, Step, Ticket};
pub use self::stats::{CacheStats, Circuit};
use crate::error::{in_one_line, unshare};

/// Holds what it reads. It knows nothing of where that is, or what.
pub(crate) struct KeyCache<K: Eq + Hash, V> {
    inner: Arc<Inner<K, V>>,
}

struct Inner<K: Eq + Hash, V> {
    config: CacheConfig,
    clock: Arc<dyn Clock>,
    /// Where reads go on, so that a request that has gone does not take them with it; `None`: where
    /// it was made on none.
    runtime: Option<Handle>,
    shelf: Mutex<Shelf<K, V>>,
}

/// Why a read has no outcome of its own.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no answer within {0:?}")]
    NotInTime(Duration),
    #[error("the read of a private half was given up")]
    GivenUp,
}

impl ReadError {
    fn unavailable(self) -> VaultError {
        VaultError::Unavailable(Box::new(self))
    }
}

impl<K, V> KeyCache<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of `capacity` private halves. It reads on the runtime that it is made on; made on
    /// none, on that of the request. The clock must not go back.
    pub(crate) fn new(config: CacheConfig, capacity: NonZeroUsize, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                clock,
                runtime: Handle::try_current().ok(),
                shelf: Mutex::new(Shelf::new(config, capacity)),
            }),
        }
    }

    /// The value of a key: from memory, or read if need be.
    pub(crate) async fn get<F>(&self, key: &K, read: impl FnOnce() -> F) -> Result<V, VaultError>
    where
        F: Future<Output = Result<V, VaultError>> + Send + 'static,
    {
        let inner = &self.inner;
        if inner.config.hard_ttl.is_zero() {
            return read().await;
        }
        let runtime = inner.runtime()?;
        let step = inner.lock().ask(key, inner.clock.now());
        let reading = match step {
            Step::Known(value) => return Ok(value),
            Step::Refresh(value, ticket) => {
                inner.begin(&runtime, key, ticket, read());
                return Ok(value);
            }
            Step::Refused(error) => return Err(unshare(error)),
            Step::Wait(reading) => reading,
            Step::Read(ticket, reading) => {
                inner.begin(&runtime, key, ticket, read());
                reading
            }
        };
        end_of(reading).await
    }

    /// Forgets a value, and what is just being read.
    pub(crate) fn forget(&self, key: &K) {
        self.inner.lock().forget(key);
    }

    /// Forgets what was found missing, altered or denied, whenever it is called: for whoever learns
    /// that it may be otherwise now.
    pub(crate) fn forgiver(&self) -> impl Fn() + Send + Sync + use<K, V> {
        let inner = Arc::downgrade(&self.inner);
        move || {
            if let Some(inner) = inner.upgrade() {
                inner.lock().forgive();
            }
        }
    }

    /// Drops what has been held for as long as it may; the keys of the rest.
    pub(crate) fn sweep(&self) -> Vec<K> {
        let now = self.inner.clock.now();
        self.inner.lock().sweep(now)
    }

    /// Why a value that is held is not as new as it should be, if it is not.
    pub(crate) fn trouble(&self, key: &K) -> Option<Trouble> {
        let now = self.inner.clock.now();
        self.inner.lock().trouble(key, now)
    }

    /// What it has done and holds.
    pub(crate) fn stats(&self) -> CacheStats {
        let now = self.inner.clock.now();
        self.inner.lock().stats(now)
    }
}

async fn end_of<V: Clone>(reading: Reading<V>) -> Result<V, VaultError> {
    match reading.await {
        Ok(outcome) => outcome.map_err(unshare),
        Err(_) => Err(ReadError::GivenUp.unavailable()),
    }
}

impl<K, V> Inner<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn lock(&self) -> MutexGuard<'_, Shelf<K, V>> {
        // Nothing panics under the lock, and each step leaves the shelf whole.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime(&self) -> Result<Handle, VaultError> {
        let runtime = self.runtime.clone().map_or_else(Handle::try_current, Ok);
        runtime.map_err(|error| VaultError::Backend(Box::new(error)))
    }

    fn begin<F>(self: &Arc<Self>, runtime: &Handle, key: &K, ticket: Ticket<V>, read: F)
    where
        F: Future<Output = Result<V, VaultError>> + Send + 'static,
    {
        let report = Report {
            inner: Arc::clone(self),
            key: key.clone(),
            ticket: Some(ticket),
        };
        let patience = self.config.patience;
        runtime.spawn(async move {
            let outcome = tokio::time::timeout(patience, read).await;
            report.give(
                outcome.unwrap_or_else(|_| Err(ReadError::NotInTime(patience).unavailable())),
            );
        });
    }

    fn end(&self, key: &K, ticket: Ticket<V>, outcome: Outcome<V>) {
        let now = self.clock.now();
        let change = self.lock().end(key, &ticket, &outcome, now);
        let error = outcome.as_ref().err().map(|error| in_one_line(&**error));
        match change {
            Change::None => {}
            Change::CircuitOpened => tracing::warn!(
                serial = %key,
                error,
                "private halves cannot be read: those in memory are used until their hard TTL"
            ),
            Change::CircuitClosed => tracing::info!(
                circuit = Circuit::Closed.as_str(),
                "private halves can be read again"
            ),
            Change::RefreshFailed => tracing::warn!(
                serial = %key,
                error,
                "a private half cannot be read anew: the one in memory is used until its hard TTL"
            ),
        }
        // Whoever waited may have gone.
        let _ = ticket.waiting.send(outcome);
    }
}

/// Reports the end of a read, also one that was cut off: by a panic, or with its runtime.
struct Report<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    inner: Arc<Inner<K, V>>,
    key: K,
    ticket: Option<Ticket<V>>,
}

impl<K, V> Report<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn give(mut self, outcome: Result<V, VaultError>) {
        if let Some(ticket) = self.ticket.take() {
            self.inner.end(&self.key, ticket, outcome.map_err(Arc::new));
        }
    }
}

impl<K, V> Drop for Report<K, V>
where
    K: Clone + Display + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let given_up = Err(Arc::new(ReadError::GivenUp.unavailable()));
            self.inner.end(&self.key, ticket, given_up);
        }
    }
}

impl<K: Eq + Hash, V> fmt::Debug for KeyCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
