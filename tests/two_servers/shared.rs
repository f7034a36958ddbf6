//! What all clients share: where they connect, who they are, when to stop, and what went wrong.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crypt_keeper_tests::Account;

use crate::kills::Kills;

/// How long something is waited for that happens at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Shared {
    /// The balancer.
    pub(crate) address: SocketAddr,
    pub(crate) alice: Account,
    pub(crate) bob: Account,
    pub(crate) kills: Kills,
    stop: AtomicBool,
    uploads: AtomicUsize,
    broken: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

/// Stops the clients when it goes.
pub(crate) struct StopOnDrop<'a>(&'a Shared);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Shared {
    pub(crate) fn new(address: SocketAddr, alice: Account, bob: Account) -> Self {
        Self {
            address,
            alice,
            bob,
            kills: Kills::default(),
            stop: AtomicBool::new(false),
            uploads: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            wrong: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn stop_on_drop(&self) -> StopOnDrop<'_> {
        StopOnDrop(self)
    }

    pub(crate) fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// An upload was acknowledged.
    pub(crate) fn uploaded(&self) {
        self.uploads.fetch_add(1, Ordering::SeqCst);
    }

    /// A connection broke, by a kill.
    pub(crate) fn connection_broke(&self) {
        self.broken.fetch_add(1, Ordering::SeqCst);
    }

    /// How many connections broke, each by a kill.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }

    /// Notes what no client may see. Nobody has to go on after it.
    pub(crate) fn went_wrong<T>(&self, what: String) -> Option<T> {
        self.all_wrong().push(what);
        self.stop();
        None
    }

    /// What no client may see, and one saw.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.all_wrong().clone()
    }

    fn all_wrong(&self) -> MutexGuard<'_, Vec<String>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many more uploads were acknowledged.
    pub(crate) fn wait_for_uploads(&self, more: usize) {
        let target = self.uploads.load(Ordering::SeqCst) + more;
        self.wait_until("more uploads are acknowledged", || {
            self.uploads.load(Ordering::SeqCst) >= target
        });
    }

    /// Waits for something; at most until something goes wrong.
    pub(crate) fn wait_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert_eq!(self.wrong(), [""; 0]);
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
