//! Moments and lengths of time as operators type them.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime};
use crypt_keeper_domain::model::Timestamp;

/// Reads `90d`, `12h`, `30m`, `2w`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    const NEEDED: &str = "a number and a unit are needed, such as 90d: m (minutes), h (hours), \
                          d (days), w (weeks)";
    let unit = text.chars().next_back().unwrap_or_default();
    let seconds_each = match unit {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(NEEDED.to_owned()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NEEDED.to_owned());
    }
    let too_long = || "it is beyond the year 9999".to_owned();
    let number: u64 = digits.parse().map_err(|_| too_long())?;
    match number.checked_mul(seconds_each).map(Duration::from_secs) {
        Some(Duration::ZERO) => Err("it must be longer than nothing".to_owned()),
        Some(duration) if duration <= Timestamp::MAX.since(Timestamp::EPOCH) => Ok(duration),
        _ => Err(too_long()),
    }
}

/// Reads RFC 3339 with any offset, or a date, which means its first moment in UTC.
pub(super) fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let moment = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) => date.and_time(NaiveTime::MIN).and_utc(),
        Err(_) => DateTime::parse_from_rfc3339(text)
            .map_err(|_| {
                "a date such as 2026-03-01, or a moment such as 2026-03-01T12:00:00Z, is needed"
                    .to_owned()
            })?
            .to_utc(),
    };
    let timestamp = Timestamp::from(moment);
    if timestamp.as_micros() == moment.timestamp_micros() {
        Ok(timestamp)
    } else {
        Err("it must lie between the years 1970 and 9999".to_owned())
    }
}

/// A moment in a table: the text of RFC 3339, in whole seconds.
pub(super) fn seconds(at: Timestamp) -> String {
    at.to_datetime()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The same of a moment that may not be.
pub(super) fn seconds_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90d", 7_776_000),
            ("1h", 3600),
            ("30m", 1800),
            ("2w", 1_209_600),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in [
            "",
            "d",
            "90",
            "90 d",
            "-1d",
            "+1d",
            "1.5h",
            "0d",
            "90é",
            "9999999w",
            "1s",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_dates_or_rfc_3339() {
        for (text, shown) in [
            ("2026-03-01", "2026-03-01T00:00:00Z"),
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01T10:00:00Z"),
        ] {
            assert_eq!(seconds(parse_moment(text).unwrap()), shown);
        }
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-03-01T12:00:00",
            "1969-12-31",
            "10000-01-01",
            "1772366400",
        ] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
    }
}
