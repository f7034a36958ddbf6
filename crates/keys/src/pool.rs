use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::{fmt, io};

use crypt_keeper_domain::ports::VaultError;
use tokio::sync::oneshot;

/// How much CPU work a vault takes on. RSA unwraps take most of a millisecond each: on the
/// asynchronous workers they would hold up every other request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// How many threads do it.
    pub threads: NonZeroUsize,
    /// How many requests may wait for one; beyond that they are turned away as unavailable. At
    /// 1 ms each, 1,024 for two threads is half a second.
    pub queue: NonZeroUsize,
}

impl Default for Workers {
    /// As many threads as processors, at least two: one making a key pair must not be the only
    /// one. 512 waiting requests a thread.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = NonZeroUsize::MIN.saturating_add(processors.saturating_sub(1).max(1));
        Self {
            threads,
            queue: threads.saturating_mul(NonZeroUsize::MIN.saturating_add(511)),
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads that do CPU work; they end when the pool is dropped and the queue is empty.
pub(crate) struct Pool {
    jobs: SyncSender<Job>,
    workers: Workers,
}

#[derive(Debug, thiserror::Error)]
enum PoolError {
    #[error("{0} requests wait for the key vault's threads already: ask again later")]
    Full(NonZeroUsize),
    #[error("a thread of the key vault failed")]
    Failed,
}

impl Pool {
    pub(crate) fn start(workers: Workers) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(workers.queue.get());
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..workers.threads.get() {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("key-vault-{number}"))
                .spawn(move || work(&queue))?;
        }
        Ok(Self { jobs, workers })
    }

    /// Does one piece of work; a caller who has gone before its turn came costs nothing.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let (done, result) = oneshot::channel();
        let job = move || {
            if !done.is_closed() {
                // Dropped unsent if the caller has gone meanwhile: nobody is left to be told.
                let _ = done.send(work());
            }
        };
        match self.jobs.try_send(Box::new(job)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let full = PoolError::Full(self.workers.queue);
                return Err(VaultError::Unavailable(Box::new(full)));
            }
            Err(TrySendError::Disconnected(_)) => return Err(failed()),
        }
        result.await.unwrap_or_else(|_| Err(failed()))
    }
}

fn failed() -> VaultError {
    VaultError::Backend(Box::new(PoolError::Failed))
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A job that panics drops its sender, which tells its caller; the thread goes on.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a piece of work of the key vault panicked");
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    fn pool(threads: usize, queue: usize) -> Pool {
        Pool::start(Workers {
            threads: NonZeroUsize::new(threads).unwrap(),
            queue: NonZeroUsize::new(queue).unwrap(),
        })
        .unwrap()
    }

    #[tokio::test]
    async fn work_is_done_on_threads_of_its_own() {
        let name = pool(2, 8)
            .run(|| Ok(thread::current().name().unwrap().to_owned()))
            .await
            .unwrap();
        assert!(name.starts_with("key-vault-"), "{name}");
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_and_recovers() {
        let pool = pool(1, 1);
        let (release, blocked) = channel::<()>();
        let (started, has_started) = oneshot::channel();
        let running = pool.run(move || {
            let _ = started.send(());
            let _ = blocked.recv();
            Ok(1)
        });
        tokio::pin!(running);
        assert!(futures_util::poll!(&mut running).is_pending());
        has_started.await.unwrap();
        let waiting = pool.run(|| Ok(2));
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let turned_away = pool.run(|| Ok(3)).await;
        assert!(matches!(turned_away, Err(VaultError::Unavailable(_))));
        release.send(()).unwrap();
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (1, 2));
        assert_eq!(pool.run(|| Ok(4)).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn work_nobody_waits_for_is_not_done() {
        let pool = pool(1, 2);
        let (release, blocked) = channel::<()>();
        let (ran, has_run) = channel::<()>();
        let running = pool.run(move || {
            let _ = blocked.recv();
            Ok(())
        });
        tokio::pin!(running);
        assert!(futures_util::poll!(&mut running).is_pending());
        {
            let abandoned = pool.run(move || {
                let _ = ran.send(());
                Ok(())
            });
            tokio::pin!(abandoned);
            assert!(futures_util::poll!(&mut abandoned).is_pending());
        }
        release.send(()).unwrap();
        running.await.unwrap();
        pool.run(|| Ok(())).await.unwrap();
        assert!(has_run.recv_timeout(Duration::from_secs(5)).is_err());
    }

    #[tokio::test]
    async fn a_panic_fails_its_own_caller_only() {
        let pool = pool(1, 2);
        let panicked = pool.run::<()>(|| panic!("a bug")).await;
        assert!(matches!(panicked, Err(VaultError::Backend(_))));
        assert_eq!(pool.run(|| Ok(5)).await.unwrap(), 5);
    }
}
