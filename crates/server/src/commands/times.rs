//! Moments and lengths of time as operators type them.

use chrono::{DateTime, NaiveDate, NaiveTime};
use crypt_keeper_domain::model::Timestamp;

pub(super) use crate::config::parse_duration;

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
