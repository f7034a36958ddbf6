use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{NaiveDate, NaiveTime};
use crypt_keeper_domain::model::{
    Lifetime, Partition, PartitionEntry, PartitionState, RetentionClass, Timestamp,
};
use crypt_keeper_domain::ports::StoreError;

use super::{ITEM, Item, Reader, Writer, class_name, key, number};

/// The collection of all partitions.
pub(crate) const PARTITIONS: &str = "partitions";
/// How many holds of the partition's documents have begun and are not complete.
pub(crate) const INCOMPLETE_HOLDS: &str = "incomplete_holds";
/// What `table` is while the partition's table may not be there yet, and once it was seen.
const MAKING: &str = "making";
pub(crate) const MADE: &str = "made";

/// `<class, 3 digits>-<YYYYMMDD>`: in order of class and period.
pub(crate) fn partition_name(partition: Partition) -> String {
    let class = class_name(partition.class());
    format!("{class}-{}", partition.start().format("%Y%m%d"))
}

fn partition_named(name: &str) -> Option<Partition> {
    let (class, start) = name.split_once('-')?;
    let start = NaiveDate::parse_from_str(start, "%Y%m%d").ok()?;
    let at = Timestamp::from(start.and_time(NaiveTime::MIN).and_utc());
    let partition = Partition::at(RetentionClass::new(class.parse().ok()?), at);
    (partition_name(partition) == name).then_some(partition)
}

pub(crate) fn partition_key(partition: Partition) -> Item {
    key(PARTITIONS, partition_name(partition))
}

/// The item of a partition whose table is to be made.
pub(crate) fn partition_item(entry: &PartitionEntry) -> Item {
    let mut item = partition_key(entry.partition);
    item.extend(
        Writer::default()
            .text("state", entry.state.as_str())
            .text("table", MAKING)
            .time("made_at", entry.made_at)
            .maybe(entry.closed_at, |item, at| item.time("closed_at", at))
            .number(INCOMPLETE_HOLDS, 0)
            .done(),
    );
    if let Some(lifetime) = lifetime_value(entry.lifetime) {
        item.insert("lifetime".to_owned(), lifetime);
    }
    item
}

/// A lifetime in seconds; without limit, it is no attribute: what is missing removes nothing.
pub(crate) fn lifetime_value(lifetime: Lifetime) -> Option<AttributeValue> {
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    lifetime.limit().map(|length| number(seconds(length)))
}

/// A partition as the catalogue has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionItem {
    pub(crate) entry: PartitionEntry,
    /// Whether its table was there once; else nothing can be in it.
    pub(crate) is_made: bool,
    /// Whether one of its documents ever was to expire early.
    pub(crate) has_early: bool,
    pub(crate) incomplete_holds: u64,
}

impl PartitionItem {
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new("the catalogue", item);
        let name = reader.text(ITEM)?;
        let unknown = || reader.corrupt(&format!("`{name}` is no partition"));
        let lifetime = match reader.maybe_number("lifetime")? {
            None => Lifetime::UNLIMITED,
            Some(seconds) => {
                let seconds = u64::try_from(seconds).unwrap_or_default();
                let lifetime = Lifetime::limited(Duration::from_secs(seconds));
                lifetime.map_err(StoreError::corrupt)?
            }
        };
        let holds = reader.number(INCOMPLETE_HOLDS)?;
        let negative = |_| reader.corrupt(&format!("`{name}` has {holds} incomplete holds"));
        Ok(Self {
            entry: PartitionEntry {
                partition: partition_named(name).ok_or_else(unknown)?,
                state: reader.named::<PartitionState>("state")?,
                lifetime,
                made_at: reader.time("made_at")?,
                closed_at: reader.maybe_time("closed_at")?,
            },
            is_made: reader.text("table")? == MADE,
            has_early: item.contains_key("early"),
            incomplete_holds: u64::try_from(holds).map_err(negative)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::from_millis(1_772_366_400_000)
    }

    #[test]
    fn partitions_have_one_name_each_in_their_own_order() {
        let mut names = Vec::new();
        for class in [0, 1, 9, 10, 200, 255] {
            let partition = Partition::at(RetentionClass::new(class), noon());
            let name = partition_name(partition);
            assert_eq!(partition_named(&name), Some(partition));
            names.push(name);
        }
        assert!(names.is_sorted(), "{names:?}");
        for name in [
            "",
            "0-20260301",
            "000-20260302",
            "000-2026",
            "256-20260301",
            "x-20260301",
        ] {
            assert_eq!(partition_named(name), None, "{name}");
        }
    }

    #[test]
    fn entries_survive() {
        let day = Duration::from_secs(24 * 3600);
        for lifetime in [
            Lifetime::limited(Lifetime::MIN).unwrap(),
            Lifetime::limited(90 * day).unwrap(),
            Lifetime::limited(Lifetime::MAX).unwrap(),
            Lifetime::UNLIMITED,
        ] {
            for (state, closed_at) in [
                (PartitionState::Open, None),
                (PartitionState::Expired, Some(noon())),
            ] {
                let entry = PartitionEntry {
                    partition: Partition::at(RetentionClass::new(64), noon()),
                    state,
                    lifetime,
                    made_at: noon(),
                    closed_at,
                };
                let read = PartitionItem::read(&partition_item(&entry)).unwrap();
                let expected = PartitionItem {
                    entry,
                    is_made: false,
                    has_early: false,
                    incomplete_holds: 0,
                };
                assert_eq!(read, expected);
            }
        }
    }
}
