//! How often a call is tried: throttling, conflicts, failures of the server and of the network pass,
//! so they are met with a few attempts that drift apart, and then with `Unavailable`.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::CallError;

/// The most attempts of one call.
const ATTEMPTS: u32 = 8;
/// The longest first pause; each one after it may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// From then on nothing is tried again: whoever asked is about to give up.
const PATIENCE: Duration = Duration::from_secs(6);

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Retry {
    attempts: u32,
    until: Instant,
}

impl Retry {
    pub(crate) fn new() -> Self {
        Self {
            attempts: 0,
            until: Instant::now() + PATIENCE,
        }
    }

    /// Waits before the next attempt; or gives the error back if there is none.
    pub(crate) async fn after(&mut self, error: CallError) -> Result<(), CallError> {
        self.attempts += 1;
        if !error.fault.may_pass() || !self.pause().await {
            return Err(error);
        }
        tracing::debug!(%error, attempt = self.attempts, "trying again");
        Ok(())
    }

    /// Waits before the next attempt; `false` if there is none.
    async fn pause(&self) -> bool {
        if self.attempts >= ATTEMPTS {
            return false;
        }
        let pause = pause_after(self.attempts, fastrand::f64());
        if Instant::now() + pause >= self.until {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }

    /// As [`after`](Self::after), for a reason that is no error: somebody was faster.
    pub(crate) async fn once_more(&mut self) -> bool {
        self.attempts += 1;
        self.pause().await
    }
}

/// "Full jitter": anything between nothing and twice the longest of the time before, so that those
/// who met do not meet again.
fn pause_after(attempts: u32, random: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[test]
    fn pauses_double_up_to_a_second_and_are_drawn_from_nothing_up() {
        let longest = |attempts| pause_after(attempts, 1.0).as_millis();
        assert_eq!([1, 2, 3, 4].map(longest), [20, 40, 80, 160]);
        assert_eq!([7, 8, 40].map(longest), [1000, 1000, 1000]);
        assert_eq!(pause_after(8, 0.0), Duration::ZERO);
    }

    fn error(fault: Fault) -> CallError {
        CallError {
            call: "GetItem",
            table: "documents".to_owned(),
            fault,
            detail: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_eight_times_and_the_rest_once() {
        let mut retry = Retry::new();
        let mut attempts = 1;
        while retry.after(error(Fault::Busy)).await.is_ok() {
            attempts += 1;
        }
        assert_eq!(attempts, ATTEMPTS);
        assert!(
            Retry::new()
                .after(error(Fault::AccessDenied))
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_beyond_the_patience() {
        let mut retry = Retry::new();
        tokio::time::sleep(PATIENCE).await;
        assert!(retry.after(error(Fault::TimedOut)).await.is_err());
    }
}
