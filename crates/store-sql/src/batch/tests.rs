use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;

/// Doubles numbers; refuses batches with a zero, breaks on a one, panics on a two.
struct Doubler {
    batches: Arc<Mutex<Vec<usize>>>,
    gate: Arc<Semaphore>,
    away: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
}

impl Engine for Doubler {
    type Session = bool;
    type Request = u64;
    type Answer = u64;

    fn name(&self) -> &'static str {
        "doubler"
    }

    fn open(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        async {
            self.opened.fetch_add(1, Ordering::SeqCst);
            if self.away.load(Ordering::SeqCst) {
                Err(unavailable("away"))
            } else {
                Ok(false)
            }
        }
        .boxed()
    }

    fn is_broken(&self, broken: &mut bool) -> bool {
        *broken
    }

    fn run<'a>(&'a self, broken: &'a mut bool, batch: Vec<u64>) -> BoxFuture<'a, Answers<u64>> {
        async move {
            self.gate.acquire().await.unwrap().forget();
            self.batches.lock().unwrap().push(batch.len());
            assert!(!batch.contains(&2), "two");
            if batch.contains(&1) {
                *broken = true;
                return Err(unavailable("broke").into());
            }
            if batch.contains(&0) {
                return Err(StoreError::Backend("a zero".into()).into());
            }
            Ok(batch.into_iter().map(|number| Ok(number * 2)).collect())
        }
        .boxed()
    }
}

struct Rig {
    batcher: Arc<Batcher<Doubler>>,
    batches: Arc<Mutex<Vec<usize>>>,
    gate: Arc<Semaphore>,
    away: Arc<AtomicBool>,
    opened: Arc<AtomicUsize>,
}

fn rig(queue_limit: usize) -> Rig {
    let batches = Arc::default();
    let gate = Arc::new(Semaphore::new(0));
    let away: Arc<AtomicBool> = Arc::default();
    let opened: Arc<AtomicUsize> = Arc::default();
    let engine = Doubler {
        batches: Arc::clone(&batches),
        gate: Arc::clone(&gate),
        away: Arc::clone(&away),
        opened: Arc::clone(&opened),
    };
    Rig {
        batcher: Arc::new(Batcher::start(engine, &Handle::current(), queue_limit)),
        batches,
        gate,
        away,
        opened,
    }
}

impl Rig {
    fn ask(&self, number: u64) -> JoinHandle<Result<u64, StoreError>> {
        let batcher = Arc::clone(&self.batcher);
        tokio::spawn(async move { batcher.ask(number).await })
    }

    async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_waits_becomes_one_batch_and_each_gets_its_own_answer() {
    let rig = rig(1000);
    let first = rig.ask(10);
    rig.settle().await;
    let waiting: Vec<_> = (100..500).map(|number| (number, rig.ask(number))).collect();
    rig.settle().await;
    rig.gate.add_permits(100);
    assert_eq!(first.await.unwrap().unwrap(), 20);
    for (number, answer) in waiting {
        assert_eq!(answer.await.unwrap().unwrap(), number * 2);
    }
    assert_eq!(
        *rig.batches.lock().unwrap(),
        [1, BATCH_LIMIT, 400 - BATCH_LIMIT]
    );
}

#[tokio::test]
async fn only_the_guilty_request_fails() {
    let rig = rig(100);
    let first = rig.ask(10);
    rig.settle().await;
    let answers: Vec<_> = [3, 0, 4, 0, 5].map(|number| rig.ask(number)).into();
    rig.settle().await;
    rig.gate.add_permits(100);
    first.await.unwrap().unwrap();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.unwrap().ok());
    }
    assert_eq!(outcomes, [Some(6), None, Some(8), None, Some(10)]);
}

#[tokio::test]
async fn a_broken_session_fails_what_is_in_flight_and_is_made_anew() {
    let rig = rig(100);
    rig.gate.add_permits(100);
    assert!(matches!(
        rig.ask(1).await.unwrap(),
        Err(StoreError::Unavailable(_))
    ));
    assert_eq!(rig.ask(7).await.unwrap().unwrap(), 14);
    assert_eq!(rig.opened.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_panic_fails_its_batch_alone() {
    let rig = rig(100);
    rig.gate.add_permits(100);
    assert!(matches!(
        rig.ask(2).await.unwrap(),
        Err(StoreError::Backend(_))
    ));
    assert_eq!(rig.ask(7).await.unwrap().unwrap(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_asked_ever_more_rarely_and_its_return_is_noticed_at_once() {
    let rig = rig(100);
    rig.gate.add_permits(100);
    rig.away.store(true, Ordering::SeqCst);
    let begin = Instant::now();
    for _ in 0..10 {
        assert!(matches!(
            rig.ask(7).await.unwrap(),
            Err(StoreError::Unavailable(_))
        ));
    }
    let waited = begin.elapsed();
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    assert!(waited < Duration::from_secs(6), "{waited:?}");
    rig.away.store(false, Ordering::SeqCst);
    assert_eq!(
        rig.ask(7).await.unwrap().unwrap(),
        14,
        "the next one is served"
    );
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let rig = rig(2);
    let waiting: Vec<_> = (0..8).map(|number| rig.ask(10 + number)).collect();
    rig.settle().await;
    rig.gate.add_permits(100);
    let mut refused = 0;
    for answer in waiting {
        match answer.await.unwrap() {
            Err(StoreError::Unavailable(source)) => {
                assert_eq!(source.to_string(), "too many requests wait");
                refused += 1;
            }
            other => drop(other.unwrap()),
        }
    }
    assert!((5..=6).contains(&refused), "{refused} refused");
}

#[tokio::test]
async fn shutting_down_answers_those_who_wait_and_refuses_the_rest() {
    let rig = rig(100);
    let waiting: Vec<_> = (0..8).map(|number| rig.ask(10 + number)).collect();
    rig.settle().await;
    let batcher = Arc::clone(&rig.batcher);
    let closing = tokio::spawn(async move { batcher.shut_down().await });
    rig.settle().await;
    rig.gate.add_permits(100);
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    closing.await.unwrap();
    assert!(matches!(
        rig.ask(7).await.unwrap(),
        Err(StoreError::Unavailable(_))
    ));
}
