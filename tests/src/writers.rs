//! Eight clients that upload, share and download all the time, and remember what was acknowledged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Answer;
use crate::{Account, Api, Upload};

/// How many clients write at once.
pub const WRITERS: usize = 8;

/// How long something is waited for that happens at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients at work.
#[derive(Debug)]
pub struct Writers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Record>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    unavailable: AtomicUsize,
}

/// What they were told.
#[derive(Debug, Default)]
pub struct Record {
    /// Uploads that were answered 201.
    pub uploads: Vec<Upload>,
    /// Documents whose sharing was answered 201.
    pub shares: Vec<String>,
    /// Downloads that were answered 200.
    pub downloads: usize,
    /// Requests that were answered 503.
    pub unavailable: usize,
    /// Requests whose answer never came.
    pub unanswered: usize,
    /// What should not have been answered at all.
    pub wrong: Vec<String>,
}

impl Record {
    /// Takes in what others were told.
    pub fn add(&mut self, other: Self) {
        self.uploads.extend(other.uploads);
        self.shares.extend(other.shares);
        self.downloads += other.downloads;
        self.unavailable += other.unavailable;
        self.unanswered += other.unanswered;
        self.wrong.extend(other.wrong);
    }

    /// The answer, if it is `status`; all others are counted.
    fn expect(&mut self, status: u16, answer: std::io::Result<Answer>) -> Option<Answer> {
        match answer {
            Ok(answer) if answer.status == status => return Some(answer),
            Ok(answer) if answer.status == 503 => {
                self.unavailable += 1;
                if answer.header("retry-after").is_none() {
                    self.wrong.push("503 without Retry-After".to_owned());
                }
            }
            Ok(answer) => self
                .wrong
                .push(format!("{}: {}", answer.status, answer.text())),
            Err(_) => self.unanswered += 1,
        }
        None
    }
}

impl Writers {
    /// Sets them to work for `account`; every fourth document is shared with `reader`.
    #[must_use]
    pub fn start(address: SocketAddr, account: &Account, reader: &Account) -> Self {
        Self::start_up_to(usize::MAX, address, account, reader)
    }

    /// The same, each of whom rests after so many uploads: where what is tried takes the longer the
    /// more documents there are, and would else be outrun by them.
    #[must_use]
    pub fn start_up_to(
        most: usize,
        address: SocketAddr,
        account: &Account,
        reader: &Account,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..WRITERS)
            .map(|_| {
                let (shared, api) = (Arc::clone(&shared), Api::new(address, account));
                let reader = reader.name.clone();
                std::thread::spawn(move || work(&shared, &api, &reader, most))
            })
            .collect();
        Self { shared, threads }
    }

    /// Waits until so many more uploads were acknowledged.
    ///
    /// # Panics
    /// If they are not within a minute.
    pub fn wait_for_uploads(&self, more: usize) {
        wait_for(&self.shared.acknowledged, more, "acknowledged uploads");
    }

    /// Waits until so many more requests were answered 503, or not at all.
    ///
    /// # Panics
    /// If they are not within a minute.
    pub fn wait_for_refusals(&self, more: usize) {
        wait_for(&self.shared.unavailable, more, "refused requests");
    }

    /// Stops them and gives what they remember.
    ///
    /// # Panics
    /// If one of them has panicked.
    #[must_use]
    pub fn finish(self) -> Record {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut record = Record::default();
        for thread in self.threads {
            record.add(thread.join().expect("a writer"));
        }
        record
    }
}

fn wait_for(counter: &AtomicUsize, more: usize, what: &str) {
    let target = counter.load(Ordering::SeqCst) + more;
    let deadline = Instant::now() + PATIENCE;
    while counter.load(Ordering::SeqCst) < target {
        assert!(Instant::now() < deadline, "there are no {more} {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn work(shared: &Shared, api: &Api, reader: &str, most: usize) -> Record {
    let mut record = Record::default();
    for turn in 0..most {
        if shared.stop.load(Ordering::SeqCst) {
            break;
        }
        let before = record.unanswered + record.unavailable;
        if let Some(answer) = record.expect(201, api.upload_url("a.txt")) {
            let upload = Upload::of(&answer);
            let id = upload.id.clone();
            record.uploads.push(upload);
            shared.acknowledged.fetch_add(1, Ordering::SeqCst);
            if turn % 4 == 0 && record.expect(201, api.share(&id, reader)).is_some() {
                record.shares.push(id);
            } else if turn % 4 == 1 && record.expect(200, api.download_url(&id)).is_some() {
                record.downloads += 1;
            }
        }
        if record.unanswered + record.unavailable > before {
            shared.unavailable.fetch_add(1, Ordering::SeqCst);
            // Nobody is served at this moment: no need to insist a thousand times a second.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    record
}
