//! Gathering: requests that wait at the same time become one statement, or one commit.
//!
//! A task owns a session. It takes whatever waits, up to [`BATCH_LIMIT`], without lingering, so
//! that without load a batch is one request; runs it; and answers each only after the batch's
//! commit. A batch that fails as a whole is run again one by one, so that only the guilty request
//! fails. A lost connection fails what was in flight, and is made anew with back-off.

use std::hash::{BuildHasher as _, Hasher as _};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crypt_keeper_domain::ports::StoreError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::{Failure, SharedFailure, unavailable};

/// The most requests of one batch.
pub(crate) const BATCH_LIMIT: usize = 256;
/// The most requests that wait; more are refused, so that an overload answers at once.
pub(crate) const QUEUE_LIMIT: usize = 4096;

/// What came of a batch: an answer for each request, in their order.
pub(crate) type Answers<A> = Result<Vec<Result<A, StoreError>>, Failure>;

/// Runs batches of one kind.
pub(crate) trait Engine: Send + Sync + 'static {
    /// What a batch needs, e.g. a connection.
    type Session: Send;
    /// What is asked; cheap to clone.
    type Request: Clone + Send + Sync + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// The kind, for the log.
    fn name(&self) -> &'static str;

    /// Makes a session.
    fn open(&self) -> BoxFuture<'_, Result<Self::Session, StoreError>>;

    /// Whether a session is of no more use.
    fn is_broken(&self, session: &mut Self::Session) -> bool;

    /// Runs a batch. `Err` means that nothing of it took place, or that the session broke.
    fn run<'a>(
        &'a self,
        session: &'a mut Self::Session,
        batch: Vec<Self::Request>,
    ) -> BoxFuture<'a, Answers<Self::Answer>>;
}

type Reply<A> = oneshot::Sender<Result<A, StoreError>>;
type Waiting<E> = (<E as Engine>::Request, Reply<<E as Engine>::Answer>);

/// The way to an engine.
pub(crate) struct Batcher<E: Engine> {
    queue: mpsc::Sender<Waiting<E>>,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<E: Engine> std::fmt::Debug for Batcher<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batcher")
    }
}

impl<E: Engine> Batcher<E> {
    /// Starts the task on `runtime`. It opens no session before the first request.
    pub(crate) fn start(engine: E, runtime: &Handle, queue_limit: usize) -> Self {
        let (queue, waiting) = mpsc::channel(queue_limit);
        let closing = Arc::new(Notify::new());
        let worker = Worker {
            engine,
            waiting,
            closing: Arc::clone(&closing),
            session: None,
            back_off: BackOff::default(),
        };
        Self {
            queue,
            closing,
            task: Mutex::new(Some(runtime.spawn(worker.work()))),
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&self, request: E::Request) -> Result<E::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send((request, reply))
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => unavailable("too many requests wait"),
                mpsc::error::TrySendError::Closed(_) => unavailable("the store is shut down"),
            })?;
        answer
            .await
            .unwrap_or_else(|_| Err(unavailable("the store is shut down")))
    }

    /// Takes no more requests, answers those that wait, and ends the task.
    pub(crate) async fn shut_down(&self) {
        self.closing.notify_one();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // It only fails if the runtime ends first.
            let _ = task.await;
        }
    }
}

struct Worker<E: Engine> {
    engine: E,
    waiting: mpsc::Receiver<Waiting<E>>,
    closing: Arc<Notify>,
    session: Option<E::Session>,
    back_off: BackOff,
}

impl<E: Engine> Worker<E> {
    async fn work(mut self) {
        let mut taken = Vec::new();
        loop {
            let count = tokio::select! {
                count = self.waiting.recv_many(&mut taken, BATCH_LIMIT) => count,
                () = self.closing.notified() => {
                    self.waiting.close();
                    continue;
                }
            };
            if count == 0 {
                return;
            }
            let (requests, replies) = taken.drain(..).unzip();
            self.serve(requests, replies).await;
        }
    }

    async fn serve(&mut self, requests: Vec<E::Request>, replies: Vec<Reply<E::Answer>>) {
        if let Err(error) = self.ensure_session().await {
            let shared = SharedFailure::from(error);
            fail(replies, &shared);
            // Whoever came meanwhile would only wait to hear the same.
            while let Ok((_, reply)) = self.waiting.try_recv() {
                fail([reply], &shared);
            }
            return;
        }
        match self.run(requests.clone()).await {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
            }
            Err(failure) => self.serve_again(requests, replies, failure).await,
        }
    }

    /// After a batch failed: one by one, unless the trouble is not with a request.
    async fn serve_again(
        &mut self,
        requests: Vec<E::Request>,
        replies: Vec<Reply<E::Answer>>,
        failure: Failure,
    ) {
        let error = failure.into_store();
        if requests.len() == 1 || self.session.is_none() {
            fail(replies, &error.into());
            return;
        }
        tracing::warn!(
            batch = self.engine.name(),
            requests = requests.len(),
            error = %ErrorChain(&error),
            "a batch failed and is run again one by one"
        );
        let mut pending = requests.into_iter().zip(replies);
        while let Some((request, reply)) = pending.next() {
            match self.run(vec![request]).await {
                Ok(answers) => {
                    if let Some(answer) = answers.into_iter().next() {
                        let _ = reply.send(answer);
                    }
                }
                Err(failure) => {
                    let error = SharedFailure::from(failure.into_store());
                    let gone = matches!(error, SharedFailure::Unavailable(_));
                    fail([reply], &error);
                    if gone {
                        // The rest would each wait as long for the same answer.
                        fail(pending.by_ref().map(|(_, reply)| reply), &error);
                    }
                }
            }
        }
    }

    async fn run(&mut self, requests: Vec<E::Request>) -> Answers<E::Answer> {
        let Some(session) = self.session.as_mut() else {
            return Err(unavailable("the connection was lost").into());
        };
        let count = requests.len();
        let answers = AssertUnwindSafe(self.engine.run(session, requests))
            .catch_unwind()
            .await;
        match answers {
            Ok(Ok(answers)) if answers.len() == count => Ok(answers),
            Ok(Ok(_)) => Err(StoreError::Backend("a batch was not answered whole".into()).into()),
            Ok(Err(failure)) => {
                if self.engine.is_broken(session) {
                    self.session = None;
                }
                Err(failure)
            }
            Err(_) => {
                self.session = None;
                Err(StoreError::Backend("a batch panicked".into()).into())
            }
        }
    }

    async fn ensure_session(&mut self) -> Result<(), StoreError> {
        if let Some(session) = self.session.as_mut()
            && self.engine.is_broken(session)
        {
            self.session = None;
        }
        if self.session.is_none() {
            self.back_off.wait().await;
            match self.engine.open().await {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    self.back_off.failed();
                    return Err(error);
                }
            }
            self.back_off = BackOff::default();
        }
        Ok(())
    }
}

fn fail<A>(replies: impl IntoIterator<Item = Reply<A>>, error: &SharedFailure) {
    for reply in replies {
        let _ = reply.send(Err(error.to_store()));
    }
}

/// An error and what is behind it, in one line.
struct ErrorChain<'a>(&'a StoreError);

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = std::error::Error::source(self.0);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Spaces attempts to reach a server that is away. A request waits for the next attempt instead of
/// failing, so that the first attempt after the server's return serves it.
#[derive(Debug, Default)]
struct BackOff {
    attempts: u32,
    next: Option<Instant>,
}

impl BackOff {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_secs(1);

    async fn wait(&self) {
        if let Some(next) = self.next {
            tokio::time::sleep_until(next).await;
        }
    }

    fn failed(&mut self) {
        let doubled = Self::FIRST.saturating_mul(1 << self.attempts.min(10));
        self.attempts = self.attempts.saturating_add(1);
        self.next = Some(Instant::now() + jittered(doubled.min(Self::LONGEST)));
    }
}

/// Half of `span` to all of it, so that the instances of a service do not knock in step.
fn jittered(span: Duration) -> Duration {
    // The standard library's seed of hash maps is random enough to spread knocks.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let half = span / 2;
    half + half.mul_f64(f64::from((random & 0xffff) as u16) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests;
