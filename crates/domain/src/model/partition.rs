use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use uuid::Uuid;

use super::{DocumentId, Lifetime, RetentionClass, Timestamp};

/// A time partition: a retention class and the first day (UTC) of one of its periods.
///
/// It is a pure function of a document's id; see [`DocumentId::partition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    class: RetentionClass,
    start: NaiveDate,
}

/// A text that is no partition.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a partition: `<class number>/<YYYYMMDD>` is needed, the day the first of one of the \
     class's periods, such as 0/20260301"
)]
pub struct InvalidPartition;

impl Partition {
    /// How long after the end of its last document's life a partition is first removed: clocks may
    /// differ by less, and each document is refused by its own expiry meanwhile.
    pub const GRACE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

    /// The partition of `class` that holds the documents created at `at`.
    #[must_use]
    pub fn at(class: RetentionClass, at: Timestamp) -> Self {
        let start = match class.period() {
            Some(period) => period.start(at.to_datetime().date_naive()),
            None => DateTime::<Utc>::UNIX_EPOCH.date_naive(),
        };
        Self { class, start }
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

    /// The first moment of its period.
    #[must_use]
    pub fn starts_at(self) -> Timestamp {
        midnight(self.start)
    }

    /// The first moment after its period; `None` for class `import`, whose one period never ends.
    #[must_use]
    pub fn ends_at(self) -> Option<Timestamp> {
        let period = self.class.period()?;
        Some(midnight(period.next(self.start)))
    }

    /// The partition of the next period; `None` after the one of class `import`.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let start = self.class.period()?.next(self.start);
        Some(Self { start, ..self })
    }

    /// When it is removed if its documents live for `lifetime`: that long after its period, and
    /// [`GRACE`](Self::GRACE). `None`: never.
    #[must_use]
    pub fn expires_at(self, lifetime: Lifetime) -> Option<Timestamp> {
        let lifetime = lifetime.limit()?;
        Some(self.ends_at()?.plus(lifetime).plus(Self::GRACE))
    }

    /// The least UUID of its period and the least one after it, by the order of their bytes:
    /// version-7 ids of the class within are its documents. `None` for class `import`, which takes
    /// every UUID.
    #[must_use]
    pub fn id_range(self) -> Option<(Uuid, Uuid)> {
        let least = |at: Timestamp| Uuid::from_u128(u128::from(at.as_millis()) << 80);
        Some((least(self.starts_at()), least(self.ends_at()?)))
    }

    /// An id that sorts before those of its documents and after those of the partition before it,
    /// in the order of class and id: a walk of the partition begins after it. `None` where nothing
    /// can sort before.
    #[must_use]
    pub fn before_first(self) -> Option<DocumentId> {
        let last_of = |class, at| DocumentId::new(class, at, [0xff; 10]);
        match self.starts_at().as_millis().checked_sub(1) {
            Some(before) => Some(last_of(self.class, Timestamp::from_millis(before))),
            None => {
                let class = RetentionClass::new(self.class.number().checked_sub(1)?);
                Some(last_of(class, Timestamp::MAX))
            }
        }
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    Timestamp::from(day.and_time(NaiveTime::MIN).and_utc())
}

/// `<class number>/<YYYYMMDD>`, as object keys begin.
impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.class, self.start.format("%Y%m%d"))
    }
}

/// Reads what `Display` writes, and nothing else.
impl FromStr for Partition {
    type Err = InvalidPartition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (class, day) = text.split_once('/').ok_or(InvalidPartition)?;
        let class = RetentionClass::new(class.parse().map_err(|_| InvalidPartition)?);
        let start = NaiveDate::parse_from_str(day, "%Y%m%d").map_err(|_| InvalidPartition)?;
        let partition = Self::at(class, midnight(start));
        if partition.to_string() == text {
            Ok(partition)
        } else {
            Err(InvalidPartition)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_have_one_spelling() {
        for text in [
            "0/20260301",
            "1/20260302",
            "64/20260302",
            "128/20260301",
            "192/20260101",
            "255/19700101",
        ] {
            assert_eq!(text.parse::<Partition>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0",
            "0/",
            "00/20260301",
            "0/20260302",
            "64/20260301",
            "192/20260301",
            "255/20260301",
            "256/20260301",
            "0/2026031",
            "hold/20260301",
        ] {
            assert_eq!(text.parse::<Partition>(), Err(InvalidPartition), "{text}");
        }
    }

    #[test]
    fn partitions_of_a_class_leave_no_gap_and_hold_their_ids() {
        for number in 0..255 {
            let class = RetentionClass::new(number);
            let mut partition = Partition::at(class, Timestamp::from_millis(1_772_366_400_000));
            for _ in 0..30 {
                let next = partition.next().unwrap();
                let end = partition.ends_at().unwrap();
                assert_eq!(next.starts_at(), end);
                let last = end.minus(std::time::Duration::from_millis(1));
                for random in [[0; 10], [0xff; 10]] {
                    for (at, of) in [
                        (partition.starts_at(), partition),
                        (last, partition),
                        (end, next),
                    ] {
                        let id = DocumentId::new(class, at, random);
                        assert_eq!(id.partition(), of);
                        let (first, after) = of.id_range().unwrap();
                        assert!(first <= id.uuid() && id.uuid() < after);
                        assert!(of.before_first().unwrap() < id);
                    }
                }
                assert!(next.before_first().unwrap().uuid() < partition.id_range().unwrap().1);
                partition = next;
            }
        }
        let import = Partition::at(RetentionClass::IMPORT, Timestamp::MAX);
        assert_eq!(
            (import.ends_at(), import.next(), import.id_range()),
            (None, None, None)
        );
        assert_eq!(import.before_first().unwrap().class().number(), 254);
    }

    #[test]
    fn a_partition_outlives_every_document_in_it() {
        let partition: Partition = "0/20260301".parse().unwrap();
        let day = std::time::Duration::from_secs(24 * 3600);
        let lifetime = Lifetime::limited(30 * day).unwrap();
        let end: Timestamp = "2026-05-01T01:00:00Z"
            .parse::<DateTime<Utc>>()
            .unwrap()
            .into();
        assert_eq!(partition.expires_at(lifetime), Some(end));
        assert_eq!(partition.expires_at(Lifetime::UNLIMITED), None);
    }
}
