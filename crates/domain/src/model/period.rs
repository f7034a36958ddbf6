use chrono::{Datelike, Days, Months, NaiveDate};

use super::identifier::named;

named! {
    /// How long a time partition of a retention class is, in calendar units of UTC.
    Period("period") {
        /// One day.
        Day = "day",
        /// Seven days from a Monday (ISO 8601).
        Week = "week",
        /// A calendar month.
        Month = "month",
        /// A calendar year.
        Year = "year",
    }
}

impl Period {
    /// The first day of the period that `day` is in.
    #[must_use]
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let start = match self {
            Self::Day => Some(day),
            Self::Week => {
                day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday())))
            }
            Self::Month => day.with_day(1),
            Self::Year => day.with_ordinal(1),
        };
        start.unwrap_or(day)
    }

    /// The first day of the period after that which begins on `start`. It is held within the years
    /// that every store can write, of which the last ends on 9999-12-31.
    #[must_use]
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        let next = match self {
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
            Self::Year => start.checked_add_months(Months::new(12)),
        };
        next.unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn every_day_is_in_one_period_of_each_length() {
        for (period, start, next) in [
            (Period::Day, "2028-02-29", "2028-03-01"),
            (Period::Week, "2028-02-28", "2028-03-06"),
            (Period::Month, "2028-02-01", "2028-03-01"),
            (Period::Year, "2028-01-01", "2029-01-01"),
        ] {
            assert_eq!(period.start(day("2028-02-29")), day(start), "{period}");
            assert_eq!(period.next(day(start)), day(next), "{period}");
            let mut one = day(start);
            while one < day(next) {
                assert_eq!(period.start(one), day(start), "{period} {one}");
                one = one.succ_opt().unwrap();
            }
            assert_eq!(period.start(one), day(next), "{period} {one}");
        }
    }
}
