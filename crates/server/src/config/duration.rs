//! Lengths of time as operators type them.

use std::time::Duration;

use crypt_keeper_domain::model::Timestamp;

/// Reads `90d`, `12h`, `30m`, `2w`.
///
/// # Errors
/// What is needed instead, in words.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
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

/// The same in the greatest unit that divides it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    const UNITS: [(u64, char); 4] = [(604_800, 'w'), (86_400, 'd'), (3600, 'h'), (60, 'm')];
    let seconds = duration.as_secs();
    let exact = UNITS.iter().find(|(each, _)| seconds.is_multiple_of(*each));
    match exact {
        // 90 days are not called so and so many weeks.
        Some((604_800, _)) if seconds / 604_800 > 4 => format!("{}d", seconds / 86_400),
        Some((each, unit)) => format!("{}{unit}", seconds / each),
        None => format!("{}m", seconds / 60),
    }
}

/// Reads `10s`, `30m`, `1h`: for what is a matter of seconds or hours.
pub(super) fn parse_short_duration(text: &str) -> Option<Duration> {
    let (at, unit) = text.char_indices().next_back()?;
    let seconds_each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let digits = &text[..at];
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number)?;
    number.checked_mul(seconds_each).map(Duration::from_secs)
}

/// The same in the greatest unit that divides it.
pub(super) fn show_short_duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
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
    fn short_durations_know_seconds_and_no_days() {
        for (text, seconds) in [
            ("0s", 0),
            ("1s", 1),
            ("90s", 90),
            ("10m", 600),
            ("24h", 86_400),
        ] {
            let parsed = parse_short_duration(text).unwrap();
            assert_eq!(parsed, Duration::from_secs(seconds), "{text}");
            let shown = show_short_duration(parsed);
            assert_eq!(parse_short_duration(&shown), Some(parsed), "{shown}");
        }
        for text in [
            "",
            "s",
            "10",
            "1d",
            "+1s",
            "-1s",
            "1.5s",
            " 1s",
            "1 s",
            "1é",
            "99999999999999999999s",
            "9999999999999999999h",
        ] {
            assert_eq!(parse_short_duration(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_typed() {
        for text in ["90d", "84d", "2w", "12h", "36h", "1m", "8d"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(show_duration(duration), text);
            assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }
    }
}
