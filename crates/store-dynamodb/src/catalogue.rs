//! What there is: the schema's version, the partitions that have a table, and the months that the
//! audit log has entries of.
//!
//! A partition is in the catalogue before its table is made, and a document is put into a table only
//! once it is: so a walk over the catalogue meets every document. A partition that is `made` there
//! and whose table is missing is unavailable, never empty.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use crypt_keeper_domain::model::{Partition, RetentionClass, Timestamp};
use crypt_keeper_domain::ports::StoreError;

use crate::calls::{Calls, call};
use crate::error::{CallError, Fault, OpenError, StoreOrCall};
use crate::expression::Expression;
use crate::items::{Item, Reader, Writer, key, number, text};
use crate::query::Range;
use crate::schema::MADE_FOR_REQUEST_WITHIN;
use crate::tables::{Kind, partition_name};

const SCHEMA: &str = "schema";
const PARTITIONS: &str = "partitions";
const MONTHS: &str = "audit";
/// The states of a partition.
const MAKING: &str = "making";
const MADE: &str = "made";

/// What this process has seen in the catalogue, where nothing is taken back.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    partitions: Mutex<HashSet<Partition>>,
    months: Mutex<HashSet<String>>,
}

impl Catalogue {
    pub(crate) async fn version(calls: &Calls) -> Result<Option<i64>, OpenError> {
        let table = calls.tables.catalogue();
        let Some(item) = calls.get(&table, &key(SCHEMA, "version")).await? else {
            return Ok(None);
        };
        let version = Reader::new("the catalogue", &item).number("version");
        version.map(Some).map_err(OpenError::Corrupt)
    }

    /// Never sets it back: of two programs the newer wins.
    pub(crate) async fn set_version(calls: &Calls, version: i64) -> Result<(), OpenError> {
        let table = calls.tables.catalogue();
        let request = calls
            .client
            .update_item()
            .table_name(&table)
            .set_key(Some(key(SCHEMA, "version")))
            .update_expression("SET version = :version")
            .condition_expression("attribute_not_exists(version) OR version < :version")
            .expression_attribute_values(":version", number(version));
        match call("UpdateItem", &table, || request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) if condition_failed(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sees to it that the partition has a table that documents can be put into.
    pub(crate) async fn ensure_partition(
        &self,
        calls: &Calls,
        partition: Partition,
    ) -> Result<(), StoreError> {
        if has(&self.partitions, &partition) {
            return Ok(());
        }
        Self::require_partition(calls, partition, MADE_FOR_REQUEST_WITHIN).await?;
        insert(&self.partitions, partition);
        Ok(())
    }

    /// Makes the partition's table if it was never made; whether it was not.
    pub(crate) async fn require_partition(
        calls: &Calls,
        partition: Partition,
        within: Duration,
    ) -> Result<bool, OpenError> {
        if Self::state(calls, partition).await?.as_deref() == Some(MADE) {
            return Ok(false);
        }
        let table = calls.tables.catalogue();
        let item_key = key(PARTITIONS, partition_name(partition));
        let mut item = item_key.clone();
        item.extend(Writer::default().text("state", MAKING).done());
        put_if_new(calls, &table, item).await?;
        let documents = calls.tables.documents(partition);
        let made = calls
            .make_table(&documents, Kind::Documents, within)
            .await?;
        let change = Expression::is_there().set("state", Some(text(MADE)));
        calls.update(&table, item_key, &change).await?;
        Ok(made)
    }

    async fn state(calls: &Calls, partition: Partition) -> Result<Option<String>, OpenError> {
        let item_key = key(PARTITIONS, partition_name(partition));
        let found = calls.get(&calls.tables.catalogue(), &item_key).await?;
        let state = found.map(|item| {
            let state = Reader::new("the catalogue", &item).text("state");
            state.map(str::to_owned)
        });
        state.transpose().map_err(OpenError::Corrupt)
    }

    /// What the answer of a read of a partition means. A table that is missing holds nothing if it
    /// was never made; else the read is answered `Unavailable`.
    pub(crate) async fn judge<T>(
        calls: &Calls,
        partition: Partition,
        read: Result<T, StoreOrCall>,
        nothing: T,
    ) -> Result<T, StoreError> {
        let error = match read {
            Ok(answer) => return Ok(answer),
            Err(StoreOrCall::Store(error)) => return Err(error),
            Err(StoreOrCall::Call(error)) => error,
        };
        if error.fault != Fault::NoSuchTable {
            return Err(error.into());
        }
        match Self::state(calls, partition).await?.as_deref() {
            Some(MADE) => Err(StoreError::Unavailable(Box::new(error))),
            _ => Ok(nothing),
        }
    }

    /// Every partition that may hold documents, in order of class and period.
    pub(crate) async fn partitions(calls: &Calls) -> Result<Vec<Partition>, StoreError> {
        let range = Range::of_table(calls.tables.catalogue(), vec![PARTITIONS.to_owned()]);
        let items = range.merge(calls).take(usize::MAX).await?;
        let mut partitions = Vec::with_capacity(items.len());
        for item in items {
            let reader = Reader::new("the catalogue", &item);
            let name = reader.text("item")?;
            let unknown = || reader.corrupt(&format!("`{name}` is no partition"));
            partitions.push(partition_named(name).ok_or_else(unknown)?);
        }
        Ok(partitions)
    }

    /// Sees to it that the month is among those that the audit log is read of.
    pub(crate) async fn ensure_month(&self, calls: &Calls, month: &str) -> Result<(), StoreError> {
        if has(&self.months, month) {
            return Ok(());
        }
        put_if_new(calls, &calls.tables.catalogue(), key(MONTHS, month)).await?;
        insert(&self.months, month.to_owned());
        Ok(())
    }

    /// The months that the audit log has entries of, the newest first.
    pub(crate) async fn months(calls: &Calls) -> Result<Vec<String>, StoreError> {
        let mut range = Range::of_table(calls.tables.catalogue(), vec![MONTHS.to_owned()]);
        range.descending = true;
        let items = range.merge(calls).take(usize::MAX).await?;
        let month = |item: &Item| {
            let reader = Reader::new("the catalogue", item);
            reader.text("item").map(str::to_owned)
        };
        items.iter().map(month).collect()
    }
}

async fn put_if_new(calls: &Calls, table: &str, item: Item) -> Result<(), CallError> {
    let request = calls
        .client
        .put_item()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(id)");
    match call("PutItem", table, || request.clone().send()).await {
        Ok(_) => Ok(()),
        Err(error) if condition_failed(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) fn condition_failed(error: &CallError) -> bool {
    error.fault == Fault::ConditionFailed
}

fn partition_named(name: &str) -> Option<Partition> {
    let (class, start) = name.split_once('-')?;
    let start = NaiveDate::parse_from_str(start, "%Y%m%d").ok()?;
    let at = Timestamp::from(start.and_time(chrono::NaiveTime::MIN).and_utc());
    let partition = Partition::at(RetentionClass::new(class.parse().ok()?), at);
    (partition_name(partition) == name).then_some(partition)
}

fn has<T, Q>(set: &Mutex<HashSet<T>>, value: &Q) -> bool
where
    T: std::borrow::Borrow<Q> + Eq + std::hash::Hash,
    Q: Eq + std::hash::Hash + ?Sized,
{
    // The set is whole after each statement.
    set.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(value)
}

fn insert<T: Eq + std::hash::Hash>(set: &Mutex<HashSet<T>>, value: T) {
    set.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_have_one_name_each_in_their_own_order() {
        let noon = Timestamp::from_millis(1_772_366_400_000);
        let mut names = Vec::new();
        for class in [0, 1, 9, 10, 200, 255] {
            let partition = Partition::at(RetentionClass::new(class), noon);
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
}
