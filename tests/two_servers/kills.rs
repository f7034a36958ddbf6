//! The kills, and how many broken connections they account for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crypt_keeper_tests::Server;

/// How many servers were killed so far.
#[derive(Default)]
pub(crate) struct Kills {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    over: u64,
    /// A process is being killed, and may still hold its sockets.
    under_way: bool,
}

impl Kills {
    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&self, server: &mut Server) {
        self.state().under_way = true;
        server.kill();
        let mut state = self.state();
        state.under_way = false;
        state.over += 1;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were, once none is under way: from then on the dead one refuses connections,
    /// and the balancer passes it over.
    fn settled(&self) -> u64 {
        let state = self
            .changed
            .wait_while(self.state(), |state| state.under_way);
        state.unwrap_or_else(PoisonError::into_inner).over
    }
}

/// The attempts at one request. Each kill may break one of them, and nothing else may.
pub(crate) struct Attempts<'a> {
    kills: &'a Kills,
    before: u64,
    broken: u64,
}

impl<'a> Attempts<'a> {
    pub(crate) fn begin(kills: &'a Kills) -> Self {
        Self {
            kills,
            before: kills.state().over,
            broken: 0,
        }
    }

    /// One more has broken: whether it was by a kill. If so, it is time for another.
    pub(crate) fn broke_by_a_kill(&mut self) -> bool {
        self.broken += 1;
        self.broken <= self.kills.settled() - self.before
    }
}

#[test]
fn connections_that_break_without_a_kill_are_told_from_others() {
    let kills = Kills::default();
    let (mut early, mut other) = (Attempts::begin(&kills), Attempts::begin(&kills));
    kills.state().over += 1;
    let mut late = Attempts::begin(&kills);
    assert!(early.broke_by_a_kill() && other.broke_by_a_kill());
    assert!(!early.broke_by_a_kill(), "twice by one kill");
    assert!(!late.broke_by_a_kill(), "by a kill of before");
}
