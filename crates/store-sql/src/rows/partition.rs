use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime};
use crypt_keeper_domain::model::{Lifetime, Partition, PartitionEntry, PartitionState, Timestamp};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{named, sql_time, timestamp};
use crate::schema::partitions;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = partitions, treat_none_as_default_value = false)]
pub(crate) struct PartitionRow {
    pub(crate) retention_class: i16,
    pub(crate) start: NaiveDate,
    pub(crate) state: String,
    /// Absent: no limit.
    pub(crate) lifetime_seconds: Option<i64>,
    pub(crate) made_at: NaiveDateTime,
    pub(crate) closed_at: Option<NaiveDateTime>,
    /// What its tables are called after `documents_` and `entries_`; absent where there is but one.
    pub(crate) table_suffix: Option<String>,
}

/// The primary key of a partition's entry in the catalogue.
pub(crate) fn partition_key(partition: Partition) -> (i16, NaiveDate) {
    (i16::from(partition.class().number()), partition.start())
}

/// A lifetime as its column holds it.
fn lifetime_seconds(lifetime: Lifetime) -> Option<i64> {
    // At most 36,500 days.
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    lifetime.limit().map(seconds)
}

impl PartitionRow {
    /// The entry of an open partition.
    pub(crate) fn open(
        partition: Partition,
        lifetime: Lifetime,
        at: Timestamp,
        table_suffix: Option<String>,
    ) -> Self {
        let (retention_class, start) = partition_key(partition);
        Self {
            retention_class,
            start,
            state: PartitionState::Open.as_str().to_owned(),
            lifetime_seconds: lifetime_seconds(lifetime),
            made_at: sql_time(at),
            closed_at: None,
            table_suffix,
        }
    }

    /// The entry of a partition whose rows are gone.
    pub(crate) fn without_place(entry: &PartitionEntry) -> Self {
        Self {
            state: entry.state.as_str().to_owned(),
            closed_at: entry.closed_at.map(sql_time),
            ..Self::open(entry.partition, entry.lifetime, entry.made_at, None)
        }
    }
}

impl TryFrom<&PartitionRow> for PartitionEntry {
    type Error = StoreError;

    fn try_from(row: &PartitionRow) -> Result<Self, StoreError> {
        let start = row.start.format("%Y%m%d");
        let lifetime = match row.lifetime_seconds {
            Some(seconds) => {
                let seconds = u64::try_from(seconds).map_err(StoreError::corrupt)?;
                Lifetime::limited(Duration::from_secs(seconds)).map_err(StoreError::corrupt)?
            }
            None => Lifetime::UNLIMITED,
        };
        Ok(Self {
            partition: named(&format!("{}/{start}", row.retention_class))?,
            state: named(&row.state)?,
            lifetime,
            made_at: timestamp(row.made_at),
            closed_at: row.closed_at.map(timestamp),
        })
    }
}
