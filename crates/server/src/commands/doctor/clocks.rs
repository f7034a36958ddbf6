//! Clocks that differ.

use crypt_keeper_domain::model::DocumentId;

use super::finding::Finding;

/// What nobody notices; the date of an HTTP answer is no finer.
const NOTHING: u64 = 2_000;

/// Judges how many milliseconds the clock of `whose` is ahead of this machine's.
pub(super) fn judge(check: &'static str, whose: &str, ahead: i64) -> Finding {
    let by = ahead.unsigned_abs();
    if by <= NOTHING {
        return Finding::ok(check, format!("{whose} shows this machine's time"));
    }
    let seconds = format!("{}.{:03} s", by / 1000, by % 1000);
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let message = format!("{whose} is {seconds} {side} this machine's");
    let fix = "let NTP keep the clocks of both machines (`timedatectl` shows whether it does)";
    // Ids made here are refused there from these differences on.
    let limit = if ahead > 0 {
        DocumentId::MAX_BEHIND
    } else {
        DocumentId::MAX_AHEAD
    };
    if u128::from(by) >= limit.as_millis() {
        Finding::error(check, format!("{message}: uploads are refused"), fix)
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
            assert_eq!(judge("clock", "the clock", ahead).level, level, "{ahead}");
        }
        assert_eq!(
            judge("clock", "the database's clock", -61_005).message,
            "the database's clock is 61.005 s behind this machine's: uploads are refused"
        );
    }
}
