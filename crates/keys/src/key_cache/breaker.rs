use std::sync::Arc;

use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::VaultError;

use super::config::BreakerConfig;
use super::stats::Circuit;

/// Gives reads up for a moment after many in a row without an answer; then one tries again.
#[derive(Debug)]
pub(super) struct Breaker {
    config: BreakerConfig,
    state: State,
    last_failure: Option<Arc<VaultError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp },
    HalfOpen,
}

impl Breaker {
    pub(super) const fn new(config: BreakerConfig) -> Self {
        Self {
            config,
            state: State::Closed { failures: 0 },
            last_failure: None,
        }
    }

    pub(super) const fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen => Circuit::HalfOpen,
        }
    }

    /// Why it is not closed.
    pub(super) fn reason(&self) -> Option<&Arc<VaultError>> {
        match self.state {
            State::Closed { .. } => None,
            _ => self.last_failure.as_ref(),
        }
    }

    /// Whether a read may begin now; whoever is told yes begins one, and reports its end.
    pub(super) fn permits(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                true
            }
            State::Open { .. } | State::HalfOpen => false,
        }
    }

    /// There was an answer, whatever it was. Whether that closes the circuit.
    pub(super) fn answered(&mut self) -> bool {
        let was_closed = matches!(self.state, State::Closed { .. });
        self.state = State::Closed { failures: 0 };
        self.last_failure = None;
        !was_closed
    }

    /// There was none. Whether that opens a circuit that was closed.
    pub(super) fn failed(&mut self, now: Timestamp, error: Arc<VaultError>) -> bool {
        self.last_failure = Some(error);
        let until = now.plus(self.config.pause);
        match self.state {
            State::Closed { failures } if failures + 1 < self.config.failures => {
                self.state = State::Closed {
                    failures: failures + 1,
                };
                false
            }
            State::Closed { .. } => {
                self.state = State::Open { until };
                true
            }
            State::HalfOpen => {
                self.state = State::Open { until };
                false
            }
            // Begun before it opened: that says nothing new.
            State::Open { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(BreakerConfig {
            failures: 3,
            pause: PAUSE,
        })
    }

    fn away() -> Arc<VaultError> {
        Arc::new(VaultError::Unavailable("away".into()))
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_no_sooner() {
        let mut breaker = breaker();
        for _ in 0..4 {
            assert!(!breaker.failed(at(0), away()));
            assert!(!breaker.failed(at(0), away()));
            assert_eq!(breaker.circuit(), Circuit::Closed);
            assert!(breaker.reason().is_none());
            assert!(
                !breaker.answered(),
                "an answer between begins the count anew"
            );
        }
        assert!(!breaker.failed(at(0), away()));
        assert!(!breaker.failed(at(0), away()));
        assert!(breaker.failed(at(0), away()));
        assert_eq!(breaker.circuit(), Circuit::Open);
        assert_eq!(
            breaker.reason().unwrap().to_string(),
            "the key vault is unavailable"
        );
    }

    fn open(breaker: &mut Breaker, millis: u64) {
        for _ in 0..3 {
            breaker.failed(at(millis), away());
        }
        assert_eq!(breaker.circuit(), Circuit::Open);
    }

    #[test]
    fn one_read_tries_after_the_pause_and_decides() {
        let mut breaker = breaker();
        open(&mut breaker, 0);
        assert!(!breaker.permits(at(999)));
        assert!(breaker.permits(at(1_000)));
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        assert!(!breaker.permits(at(1_000)), "one, and no other");
        assert!(!breaker.permits(at(60_000)), "until its end is known");
        assert!(
            !breaker.failed(at(3_000), away()),
            "it has been open before"
        );
        assert_eq!(breaker.circuit(), Circuit::Open);
        assert!(!breaker.permits(at(3_999)));
        assert!(breaker.permits(at(4_000)));
        assert!(breaker.answered());
        assert_eq!(breaker.circuit(), Circuit::Closed);
        assert!(breaker.permits(at(4_000)) && breaker.permits(at(4_000)));
        // It takes as many again.
        assert!(!breaker.failed(at(5_000), away()));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn reads_begun_before_it_opened_do_not_keep_it_open_and_their_answers_close_it() {
        let mut breaker = breaker();
        open(&mut breaker, 0);
        assert!(!breaker.failed(at(900), away()));
        assert!(breaker.permits(at(1_000)));
        open(&mut breaker, 1_000);
        assert!(breaker.answered());
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }
}
