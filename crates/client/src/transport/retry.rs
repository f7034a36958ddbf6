//! How long to wait, and how often to try.

use std::time::Duration;

/// First pause between two attempts; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause that is taken of one's own accord.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// Longest `Retry-After` that is waited for; beyond it the user is told at once.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How patient the client is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Limit for making a connection.
    pub connect: Duration,
    /// Limit for silence: no byte moved in either direction.
    pub idle: Duration,
    /// Limit for the store to confirm an object once all of it was sent.
    pub confirm: Duration,
    /// How often something that failed is tried again.
    pub retries: u32,
}

impl Default for Patience {
    /// 10 s to connect, 60 s of silence, 10 min to confirm, 3 retries.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            confirm: Duration::from_secs(600),
            retries: 3,
        }
    }
}

/// Counts the attempts at one thing and pauses between them.
#[derive(Debug)]
pub(crate) struct Backoff {
    left: u32,
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            left: patience.retries,
            pause: FIRST_PAUSE,
        }
    }

    /// Waits before the next attempt; `false` at once if there is to be none.
    pub(crate) async fn wait(&mut self, retry_after: Option<Duration>) -> bool {
        if self.left == 0 || retry_after.is_some_and(|asked| asked > LONGEST_RETRY_AFTER) {
            return false;
        }
        self.left -= 1;
        // Full jitter: clients that failed together do not come back together.
        let pause = retry_after.unwrap_or_default() + jittered(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
        true
    }
}

fn jittered(pause: Duration) -> Duration {
    // Without entropy the pause is whole, which is only less polite.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(retries: u32) -> Patience {
        Patience {
            retries,
            ..Patience::default()
        }
    }

    #[tokio::test]
    async fn retries_are_counted() {
        let mut backoff = Backoff::new(patience(1));
        assert!(backoff.wait(None).await);
        assert!(!backoff.wait(None).await);
        assert!(!Backoff::new(patience(0)).wait(None).await);
    }

    #[tokio::test]
    async fn a_long_retry_after_is_not_waited_for() {
        let mut backoff = Backoff::new(patience(3));
        let started = std::time::Instant::now();
        assert!(!backoff.wait(Some(Duration::from_secs(31))).await);
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn jitter_stays_within_the_pause() {
        for _ in 0..100 {
            assert!(jittered(FIRST_PAUSE) <= FIRST_PAUSE);
        }
    }
}
