//! What a rewrap is told, and tells.

use std::num::NonZeroU32;
use std::ops::{AddAssign, ControlFlow};
use std::time::Duration;

use async_trait::async_trait;

use crate::Error;
use crate::model::{DocumentId, KeyPair, PageLimit, Timestamp};

/// How fast a rewrap goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewrapPace {
    /// How many documents are wrapped, and committed, together. While a batch is committed, some
    /// stores let no other writer in: 200 take a few milliseconds.
    pub batch: PageLimit,
    /// The most documents a second; `None`: as many as the machine gives.
    pub rate: Option<NonZeroU32>,
}

impl Default for RewrapPace {
    /// 200 in a batch, as fast as the machine gives.
    fn default() -> Self {
        Self {
            batch: PageLimit::clamped(200),
            rate: None,
        }
    }
}

impl RewrapPace {
    /// A batch, and at most what one second allows: a slow rewrap goes in small steps, not in
    /// bursts.
    pub(super) fn batch(self) -> usize {
        let second = self.rate.map_or(usize::MAX, |rate| {
            rate.get().try_into().unwrap_or(usize::MAX)
        });
        self.batch.get().min(second)
    }

    /// When the next batch is due if one of `documents` was due at `due`.
    pub(super) fn next(self, due: Timestamp, documents: u64) -> Timestamp {
        match self.rate {
            Some(rate) => {
                let micros = documents.saturating_mul(1_000_000) / u64::from(rate.get());
                due.plus(Duration::from_micros(micros))
            }
            None => due,
        }
    }
}

/// What became of documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RewrapCounts {
    /// Wrapped under the new pair.
    pub rewrapped: u64,
    /// Wrapped under another pair, or deleted, by somebody else meanwhile.
    pub elsewhere: u64,
    /// Left as they were: what they hold does not open, or cannot be read.
    pub failed: u64,
}

impl RewrapCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rewrapped + self.elsewhere + self.failed
    }
}

impl AddAssign for RewrapCounts {
    fn add_assign(&mut self, more: Self) {
        self.rewrapped += more.rewrapped;
        self.elsewhere += more.elsewhere;
        self.failed += more.failed;
    }
}

/// How far a rewrap is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RewrapProgress {
    /// Live documents under the pair when it began.
    pub total: u64,
    /// What became of them so far.
    pub counts: RewrapCounts,
    /// What became of those of the last batch.
    pub batch: RewrapCounts,
    /// Documents a second, since it began.
    pub rate: f64,
    /// How long the rest will take at that rate; `None` before there is one.
    pub left: Option<Duration>,
}

impl RewrapProgress {
    /// At a moment `elapsed` after it began.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate, and a time to go: three digits are plenty"
    )]
    pub(super) fn at(
        total: u64,
        counts: RewrapCounts,
        batch: RewrapCounts,
        elapsed: Duration,
    ) -> Self {
        let done = counts.total();
        let seconds = elapsed.as_secs_f64();
        let rate = if seconds > 0.0 {
            done as f64 / seconds
        } else {
            0.0
        };
        let to_do = total.saturating_sub(done) as f64;
        let left = (rate > 0.0).then(|| Duration::try_from_secs_f64(to_do / rate));
        Self {
            total,
            counts,
            batch,
            rate,
            left: left.and_then(Result::ok),
        }
    }
}

/// What a rewrap came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// The pair that was left, as it was when it began.
    pub pair: KeyPair,
    /// What became of its documents.
    pub counts: RewrapCounts,
    /// Live documents that are still wrapped under it.
    pub left: u64,
    /// Whether it was told to stop before the end.
    pub stopped: bool,
}

/// Who follows a rewrap: is told how far it is, lets time pass for it, and may stop it between two
/// batches. What was committed stays; running it again goes on from there.
#[async_trait]
pub trait RewrapWatch: Send {
    /// A document was left as it was.
    fn failed(&mut self, document: DocumentId, why: &Error);

    /// How far it is: told after every batch, and while it looks for documents and finds none.
    /// `Break` stops it.
    fn progress(&mut self, progress: &RewrapProgress) -> ControlFlow<()>;

    /// Lets so much time pass. `Break` stops it, whether the time is over or not. `why` is a passing
    /// trouble that it waits for; `None`: it is ahead of its rate.
    async fn pause(&mut self, length: Duration, why: Option<&Error>) -> ControlFlow<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_rewrap_goes_in_small_steps_at_its_rate() {
        let pace = |batch, rate| RewrapPace {
            batch: PageLimit::clamped(batch),
            rate: NonZeroU32::new(rate),
        };
        assert_eq!(pace(200, 0).batch(), 200);
        assert_eq!(pace(200, 7).batch(), 7);
        assert_eq!(pace(200, 5000).batch(), 200);
        let at = Timestamp::EPOCH;
        assert_eq!(pace(200, 0).next(at, 200), at);
        let later = pace(200, 400).next(at, 200);
        assert_eq!(later.since(at), Duration::from_millis(500));
    }

    #[test]
    fn the_time_to_go_follows_from_the_rate() {
        let counts = RewrapCounts {
            rewrapped: 20,
            elsewhere: 4,
            failed: 1,
        };
        let none = RewrapCounts::default();
        let progress = RewrapProgress::at(100, counts, none, Duration::from_secs(5));
        assert!((progress.rate - 5.0).abs() < 1e-9);
        assert_eq!(progress.left, Some(Duration::from_secs(15)));
        let begun = RewrapProgress::at(100, none, none, Duration::ZERO);
        assert_eq!((begun.rate, begun.left), (0.0, None));
        // More was there than was counted: nothing is negative.
        let more = RewrapProgress::at(10, counts, none, Duration::from_secs(5));
        assert_eq!(more.left, Some(Duration::ZERO));
    }
}
