use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinHandle;

/// Runs `count` acts at the same time, each in a task of its own; their answers in order.
pub(crate) async fn at_once<T, F>(count: usize, act: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let (start, act) = (Arc::clone(&start), act(number));
            tokio::spawn(async move {
                start.wait().await;
                act.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers.push(task.await.expect("an act panicked"));
    }
    answers
}

/// Tasks that act over and over until they are refused, while somebody stops what they live on.
pub(crate) struct Race {
    stopped: Arc<AtomicBool>,
    acted: mpsc::UnboundedReceiver<()>,
    racers: Vec<JoinHandle<usize>>,
}

/// Acts of one racer, in order; each answers whether it took place.
pub(crate) type Acts = Vec<BoxFuture<'static, bool>>;

impl Race {
    /// One racer for each list of acts. A racer ends with the first act that is refused.
    pub(crate) fn start(racers: impl IntoIterator<Item = Acts>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let (tells, acted) = mpsc::unbounded_channel();
        let racers = racers.into_iter().map(|acts| {
            let (stopped, tells) = (Arc::clone(&stopped), tells.clone());
            tokio::spawn(async move {
                let mut count = 0;
                for act in acts {
                    let too_late = stopped.load(Ordering::SeqCst);
                    if !act.await {
                        break;
                    }
                    assert!(!too_late, "it was begun after the stop, and took place");
                    count += 1;
                    // Nobody listens any more once the race is over.
                    let _ = tells.send(());
                }
                count
            })
        });
        Self {
            racers: racers.collect(),
            stopped,
            acted,
        }
    }

    /// Waits until so many acts have taken place.
    pub(crate) async fn warm_up(&mut self, acts: usize) {
        for _ in 0..acts {
            self.acted.recv().await.expect("the racers are at work");
        }
    }

    /// The stop was acknowledged: nothing that begins from now on may take place.
    pub(crate) fn stopped(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Waits for all racers; how many acts took place.
    pub(crate) async fn finish(self) -> usize {
        let mut count = 0;
        for racer in self.racers {
            count += racer.await.expect("a racer panicked");
        }
        count
    }
}
