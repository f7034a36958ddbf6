//! One read for all who ask the same at the same time.
//!
//! Every request reads its key pair and its API key, which many requests share, and DynamoDB serves
//! 3,000 reads a second of one item. So a process has one read of an item under way at most; who
//! comes meanwhile waits for the next one, which begins after he came: what he is told was true
//! after he asked.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypt_keeper_domain::ports::StoreError;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{SharedError, unavailable};

type Answer<V> = Result<V, SharedError>;
type Waiting<V> = Vec<oneshot::Sender<Answer<V>>>;
type Read<K, V> = dyn Fn(K) -> BoxFuture<'static, Result<V, StoreError>> + Send + Sync;

/// Reads of values by their keys. Cheap to clone.
pub(crate) struct Coalesced<K, V> {
    read: Arc<Read<K, V>>,
    /// The keys that are being read, and who waits for the read after.
    reading: Arc<Mutex<HashMap<K, Waiting<V>>>>,
}

impl<K, V> Clone for Coalesced<K, V> {
    fn clone(&self) -> Self {
        Self {
            read: Arc::clone(&self.read),
            reading: Arc::clone(&self.reading),
        }
    }
}

impl<K, V> fmt::Debug for Coalesced<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalesced").finish_non_exhaustive()
    }
}

impl<K, V> Coalesced<K, V>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    pub(crate) fn new(
        read: impl Fn(K) -> BoxFuture<'static, Result<V, StoreError>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Arc::new(read),
            reading: Arc::default(),
        }
    }

    /// The value, as a read saw it that began after this call. Must be called on a runtime.
    pub(crate) async fn get(&self, key: K) -> Result<V, StoreError> {
        let (tell, told) = oneshot::channel();
        let is_first = {
            let mut reading = self.reading();
            match reading.get_mut(&key) {
                Some(waiting) => {
                    waiting.push(tell);
                    None
                }
                None => {
                    reading.insert(key, Vec::new());
                    Some(tell)
                }
            }
        };
        if let Some(tell) = is_first {
            let all = self.clone();
            tokio::spawn(async move { all.read_while_asked(key, tell).await });
        }
        match told.await {
            Ok(answer) => answer.map_err(|error| error.to_store()),
            Err(_) => Err(unavailable("the store is being closed")),
        }
    }

    /// Reads for the first, and then for all who came during the read, until nobody does.
    async fn read_while_asked(&self, key: K, first: oneshot::Sender<Answer<V>>) {
        let mut asked = vec![first];
        loop {
            let answer = (self.read)(key).await.map_err(SharedError::new);
            for one in asked {
                // Whoever has gone away needs no answer.
                let _ = one.send(answer.clone());
            }
            let mut reading = self.reading();
            match reading.get_mut(&key).map(std::mem::take) {
                Some(waiting) if !waiting.is_empty() => asked = waiting,
                _ => {
                    reading.remove(&key);
                    return;
                }
            }
        }
    }

    fn reading(&self) -> MutexGuard<'_, HashMap<K, Waiting<V>>> {
        // The map is whole after each statement.
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// A value that grows with every read, and reads that wait for a permit each.
    fn counted() -> (Coalesced<u8, u64>, Arc<AtomicU64>, Arc<Semaphore>) {
        let reads = Arc::new(AtomicU64::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let (counter, permits) = (Arc::clone(&reads), Arc::clone(&gate));
        let coalesced = Coalesced::new(move |_| {
            let (counter, permits) = (Arc::clone(&counter), Arc::clone(&permits));
            async move {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                permits.acquire().await.unwrap().forget();
                Ok(number)
            }
            .boxed()
        });
        (coalesced, reads, gate)
    }

    #[tokio::test]
    async fn who_comes_during_a_read_is_told_what_the_next_one_saw() {
        let (coalesced, reads, gate) = counted();
        let mut first = Box::pin(coalesced.get(1));
        assert!((&mut first).now_or_never().is_none());
        tokio::task::yield_now().await;
        assert_eq!(
            reads.load(Ordering::SeqCst),
            1,
            "the first read is under way"
        );

        let late = join_all((0..100).map(|_| coalesced.get(1)));
        let mut late = Box::pin(late);
        assert!((&mut late).now_or_never().is_none());
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), 0);
        let late: Result<Vec<_>, _> = late.await.into_iter().collect();
        assert_eq!(late.unwrap(), [1; 100]);
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        tokio::task::yield_now().await;
        assert!(coalesced.reading().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn keys_are_read_apart_and_errors_reach_all_who_asked() {
        let coalesced = Coalesced::new(|key: u8| {
            async move {
                if key == 1 {
                    return Err(unavailable("away"));
                }
                Ok(key)
            }
            .boxed()
        });
        let answers = join_all([1, 2, 1].map(|key| coalesced.get(key))).await;
        assert!(matches!(answers[0], Err(StoreError::Unavailable(_))));
        assert_eq!(*answers[1].as_ref().unwrap(), 2);
        assert!(matches!(answers[2], Err(StoreError::Unavailable(_))));
    }
}
