//! What there is: the schema's version, the partitions, the months that the audit log has entries
//! of, and the classes of held documents.
//!
//! A partition is in the catalogue before its table is made, and a document is put into a table only
//! once it is: so a walk over the catalogue meets every document. A partition that was made, is not
//! emptied, and whose table is missing is unavailable, never empty.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{Partition, PartitionState, RetentionClass, Timestamp};
use crypt_keeper_domain::ports::StoreError;

use crate::calls::{Calls, call};
use crate::error::{CallError, Fault, OpenError, StoreOrCall};
use crate::expression::Expression;
use crate::items::{
    Item, PARTITIONS, PartitionItem, Reader, class_name, key, number, partition_key,
};
use crate::query::Range;

const SCHEMA: &str = "schema";
const MONTHS: &str = "audit";
const HELD: &str = "held";
/// How long a process goes by it that it saw a partition open.
const OPEN_HOLDS: Duration = Duration::from_secs(60);

/// What this process has seen in the catalogue. Nothing of it is taken back, but that a partition is
/// open.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    open: Mutex<HashMap<Partition, Timestamp>>,
    early: Mutex<HashSet<Partition>>,
    held: Mutex<HashSet<RetentionClass>>,
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

    /// Refuses to have a document put into a partition that nobody has made, or that takes none any
    /// more: one that has come as far as `until`. What was seen is good for a minute: a partition is
    /// closed an hour after its last document could be inserted, at the earliest.
    pub(crate) async fn require_before(
        &self,
        until: PartitionState,
        calls: &Calls,
        partition: Partition,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let seen = locked(&self.open).get(&partition).copied();
        if seen.is_some_and(|seen| seen <= now && now.since(seen) < OPEN_HOLDS) {
            return Ok(());
        }
        let refuse = |why: &str| {
            let why = format!("partition {partition} {why}");
            Err(StoreError::Unavailable(why.into()))
        };
        match Self::partition(calls, partition).await? {
            Some(found) if found.entry.state >= until => refuse("takes no documents any more"),
            Some(found) if found.entry.state != PartitionState::Open => Ok(()),
            Some(found) if found.is_made => {
                locked(&self.open).insert(partition, now);
                Ok(())
            }
            _ => refuse("is not made yet: run `crypt-keeper setup`"),
        }
    }

    /// Forgets that a partition was open.
    pub(crate) fn is_no_longer_open(&self, partition: Partition) {
        locked(&self.open).remove(&partition);
    }

    /// A partition, as all acknowledged writes have left it.
    pub(crate) async fn partition(
        calls: &Calls,
        partition: Partition,
    ) -> Result<Option<PartitionItem>, StoreError> {
        let key = partition_key(partition);
        let found = calls.get(&calls.tables.catalogue(), &key).await?;
        found.as_ref().map(PartitionItem::read).transpose()
    }

    /// What the answer of a read of a partition means. A table that is missing holds nothing if it
    /// was never made, or if it was to be deleted; else the read is answered `Unavailable`.
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
        match Self::partition(calls, partition).await? {
            Some(found) if found.is_made && found.entry.state < PartitionState::Emptied => {
                Err(StoreError::Unavailable(Box::new(error)))
            }
            _ => Ok(nothing),
        }
    }

    /// All partitions, in order of class and period.
    pub(crate) async fn partitions(calls: &Calls) -> Result<Vec<PartitionItem>, StoreError> {
        let range = Range::of_table(calls.tables.catalogue(), vec![PARTITIONS.to_owned()]);
        let items = range.merge(calls).take(usize::MAX).await?;
        items.iter().map(PartitionItem::read).collect()
    }

    /// Sees to it that documents of the partition that expire early are looked for.
    pub(crate) async fn ensure_early(
        &self,
        calls: &Calls,
        partition: Partition,
    ) -> Result<(), StoreError> {
        if locked(&self.early).contains(&partition) {
            return Ok(());
        }
        let early = Some(AttributeValue::Bool(true));
        let change = Expression::is_there().set("early", early);
        let table = calls.tables.catalogue();
        calls
            .update(&table, partition_key(partition), &change)
            .await?;
        locked(&self.early).insert(partition);
        Ok(())
    }

    /// Sees to it that the class is among those that held documents are looked for in.
    pub(crate) async fn ensure_held(
        &self,
        calls: &Calls,
        class: RetentionClass,
    ) -> Result<(), StoreError> {
        if locked(&self.held).contains(&class) {
            return Ok(());
        }
        let item = key(HELD, class_name(class));
        put_if_new(calls, &calls.tables.catalogue(), item).await?;
        locked(&self.held).insert(class);
        Ok(())
    }

    /// The classes that documents were ever held of, in order.
    pub(crate) async fn held(calls: &Calls) -> Result<Vec<RetentionClass>, StoreError> {
        let range = Range::of_table(calls.tables.catalogue(), vec![HELD.to_owned()]);
        let items = range.merge(calls).take(usize::MAX).await?;
        let class = |item: &Item| {
            let reader = Reader::new("the catalogue", item);
            let name = reader.text("item")?;
            let number = name.parse().map_err(StoreError::corrupt)?;
            Ok(RetentionClass::new(number))
        };
        items.iter().map(class).collect()
    }

    /// Sees to it that the month is among those that the audit log is read of.
    pub(crate) async fn ensure_month(&self, calls: &Calls, month: &str) -> Result<(), StoreError> {
        if locked(&self.months).contains(month) {
            return Ok(());
        }
        put_if_new(calls, &calls.tables.catalogue(), key(MONTHS, month)).await?;
        locked(&self.months).insert(month.to_owned());
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

pub(crate) async fn put_if_new(calls: &Calls, table: &str, item: Item) -> Result<(), CallError> {
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

fn locked<T>(set: &Mutex<T>) -> MutexGuard<'_, T> {
    // The set is whole after each statement.
    set.lock().unwrap_or_else(PoisonError::into_inner)
}
