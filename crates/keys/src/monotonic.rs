use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_domain::ports::Clock;
use tokio::time::Instant;

/// A clock that nobody sets: how long ago something was, not what time it is. Its first moment is
/// [`Timestamp::EPOCH`]. A machine whose clock is corrected must not keep a private half longer for
/// it, nor forget it sooner.
#[derive(Clone, Copy, Debug)]
pub struct MonotonicClock(Instant);

impl MonotonicClock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus(self.0.elapsed())
    }
}
