use std::time::Duration;

/// How long private halves are kept, and what becomes of them while the place that they are read
/// from is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    /// From nine tenths of this on, each at a random moment, what is asked for is read anew in the
    /// background.
    pub soft_ttl: Duration,
    /// For so long at most is it used: while it cannot be read anew, it serves until then. Zero
    /// keeps nothing: each request reads.
    pub hard_ttl: Duration,
    /// How long it is not read again after it was found missing, altered or denied.
    pub negative_ttl: Duration,
    /// How long it is not read anew after that failed: twice as long after each failure, up to a
    /// minute, and at random up to half as long again.
    pub retry_after: Duration,
    /// How long a read may take.
    pub patience: Duration,
    /// When reads are given up for a moment.
    pub breaker: BreakerConfig,
}

/// When a circuit breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// After so many reads in a row to which there was no answer.
    pub failures: u32,
    /// How long it stays open until one read tries whether there is an answer again.
    pub pause: Duration,
}

impl CacheConfig {
    /// Ten minutes; an hour; 5 s for what is missing and between attempts; 5 s a read; open after 5
    /// failures, for a second.
    pub const DEFAULT: Self = Self {
        soft_ttl: Duration::from_secs(600),
        hard_ttl: Duration::from_secs(3600),
        negative_ttl: Duration::from_secs(5),
        retry_after: Duration::from_secs(5),
        patience: Duration::from_secs(5),
        breaker: BreakerConfig {
            failures: 5,
            pause: Duration::from_secs(1),
        },
    };

    /// Keeps nothing.
    pub const OFF: Self = Self {
        soft_ttl: Duration::ZERO,
        hard_ttl: Duration::ZERO,
        ..Self::DEFAULT
    };

    /// When to read anew what is as old as nothing: between nine tenths of the soft TTL and all of
    /// it, as `random` has it, so that what was read at once is not read anew at once.
    pub(super) fn refresh_after(&self, random: u16) -> Duration {
        self.soft_ttl - share(self.soft_ttl / 10, random)
    }

    /// When to try again what has failed so many times before.
    pub(super) fn retry_after(&self, failures_before: u32, random: u16) -> Duration {
        let doubled = 2_u32.checked_pow(failures_before);
        let pause = doubled.and_then(|times| self.retry_after.checked_mul(times));
        let pause = pause.map_or(LONGEST_RETRY, |pause| pause.min(LONGEST_RETRY));
        pause + share(pause / 2, random)
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const LONGEST_RETRY: Duration = Duration::from_secs(60);

fn share(whole: Duration, random: u16) -> Duration {
    whole * u32::from(random) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_bounds_and_reaches_them() {
        let config = CacheConfig::DEFAULT;
        let (soft, retry) = (config.soft_ttl, config.retry_after);
        for random in 0..=u16::MAX {
            let refresh = config.refresh_after(random);
            assert!(refresh >= soft * 9 / 10 && refresh <= soft, "{refresh:?}");
            let again = config.retry_after(0, random);
            assert!(again >= retry && again <= retry * 3 / 2, "{again:?}");
        }
        assert_eq!(config.refresh_after(0), soft);
        assert_eq!(config.refresh_after(u16::MAX), soft * 9 / 10);
        assert_eq!(config.retry_after(0, 0), retry);
        assert_eq!(config.retry_after(0, u16::MAX), retry * 3 / 2);
    }

    #[test]
    fn attempts_grow_rarer_up_to_one_a_minute() {
        let config = CacheConfig::DEFAULT;
        for (failures_before, seconds) in [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (40, 60)] {
            let again = config.retry_after(failures_before, 0);
            assert_eq!(again, Duration::from_secs(seconds), "{failures_before}");
        }
    }
}
