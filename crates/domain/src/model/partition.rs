use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::Timestamp;

/// Number of a retention class: how long its documents live and how they are partitioned.
/// A number is never reused, and its period length never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetentionClass(u8);

impl RetentionClass {
    /// Class 0: one partition a calendar month, kept until deleted unless configured otherwise.
    pub const DEFAULT: Self = Self(0);
    /// Class 255: documents brought over from elsewhere, whose ids say nothing of their time.
    pub const IMPORT: Self = Self(255);

    /// The class of a number.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for RetentionClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time partition: a retention class and the first day (UTC) of one of its periods.
///
/// It is a pure function of a document's id; see [`DocumentId::partition`](super::DocumentId::partition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    class: RetentionClass,
    start: NaiveDate,
}

impl Partition {
    /// The partition of `class` that holds the documents created at `at`.
    #[must_use]
    pub fn at(class: RetentionClass, at: Timestamp) -> Self {
        if class == RetentionClass::IMPORT {
            return Self {
                class,
                start: DateTime::<Utc>::UNIX_EPOCH.date_naive(),
            };
        }
        let day = at.to_datetime().date_naive();
        Self {
            class,
            start: day.with_day(1).unwrap_or(day),
        }
    }

    /// Its retention class.
    #[must_use]
    pub fn class(self) -> RetentionClass {
        self.class
    }

    /// The first day of its period.
    #[must_use]
    pub fn start(self) -> NaiveDate {
        self.start
    }
}

/// `<class number>/<YYYYMMDD>`, as object keys begin.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.class, self.start.format("%Y%m%d"))
    }
}
