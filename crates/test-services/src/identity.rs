//! Which process is meant: its id and when it began, because ids are used again.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

/// A process of this machine that cannot be mistaken for a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u32,
    /// When it began, in clock ticks since the machine started (field 22 of `/proc/PID/stat`).
    pub started: u64,
}

impl ProcessIdentity {
    /// The identity of the process that has this id now; `None` if there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name is in parentheses and may hold anything: count from its end. State is field 3.
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// This process.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// Whether that very process still runs.
    #[must_use]
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal to that very process; `false` if it is gone.
    #[must_use]
    pub fn signal(self, signal: Signal) -> bool {
        self.is_running()
            && i32::try_from(self.pid)
                .ok()
                .and_then(Pid::from_raw)
                .is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// Waits until that process is gone; `false` if it still runs after `limit`.
    #[must_use]
    pub fn wait_until_gone(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.is_running() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_id() {
        let own = ProcessIdentity::own().unwrap();
        assert!(own.is_running());
        let other = ProcessIdentity {
            started: own.started + 1,
            ..own
        };
        assert!(!other.is_running());
        assert!(!other.signal(Signal::KILL), "a stranger is never signalled");
    }
}
