//! Clocks that differ.

use std::time::Duration;

use crypt_keeper_domain::model::DocumentId;

use super::finding::Finding;

/// What nobody notices; the date of an HTTP answer is no finer.
const NOTHING: Duration = Duration::from_secs(2);

/// From which differences on a clock does harm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// It is ahead of this machine's.
    ahead: Duration,
    /// It is behind.
    behind: Duration,
    harm: &'static str,
}

/// The metadata database refuses new ids whose moment is out of its window.
pub(super) const DATABASE: Limits = Limits {
    ahead: DocumentId::MAX_BEHIND,
    behind: DocumentId::MAX_AHEAD,
    harm: "uploads are refused",
};

/// S3 refuses what was signed too long ago, or in the future.
pub(super) const OBJECT_STORE: Limits = Limits {
    ahead: Duration::from_secs(15 * 60),
    behind: Duration::from_secs(15 * 60),
    harm: "the store refuses requests",
};

/// Judges how many milliseconds the clock of `whose` is ahead of this machine's.
pub(super) fn judge(check: &'static str, whose: &str, ahead: i64, limits: &Limits) -> Finding {
    let by = Duration::from_millis(ahead.unsigned_abs());
    if by <= NOTHING {
        return Finding::ok(check, format!("{whose} shows this machine's time"));
    }
    let (side, limit) = if ahead > 0 {
        ("ahead of", limits.ahead)
    } else {
        ("behind", limits.behind)
    };
    let message = format!("{whose} is {:.3} s {side} this machine's", by.as_secs_f64());
    let fix = "let NTP keep the clocks of both machines (`timedatectl` shows whether it does)";
    if by >= limit {
        Finding::error(check, format!("{message}: {}", limits.harm), fix)
    } else {
        Finding::warning(check, message, fix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_clock_that_refuses_ids_is_an_error() {
        for (ahead, level) in [
            (0, Level::Ok),
            (2_000, Level::Ok),
            (-2_000, Level::Ok),
            (2_001, Level::Warning),
            (-59_999, Level::Warning),
            (-60_000, Level::Error),
            (299_999, Level::Warning),
            (300_000, Level::Error),
            (i64::MIN, Level::Error),
        ] {
            assert_eq!(
                judge("clock", "the clock", ahead, &DATABASE).level,
                level,
                "{ahead}"
            );
        }
        let store = judge("clock", "the clock", -61_005, &OBJECT_STORE);
        assert_eq!(store.level, Level::Warning);
        assert_eq!(
            judge("clock", "the database's clock", -61_005, &DATABASE).message,
            "the database's clock is 61.005 s behind this machine's: uploads are refused"
        );
    }
}
