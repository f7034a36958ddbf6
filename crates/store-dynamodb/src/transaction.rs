//! Acts of several items that take place whole or not at all.

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use crypt_keeper_domain::model::{Record, Timestamp};
use crypt_keeper_domain::ports::{Clock, StoreError};

use crate::calls::{Calls, refused};
use crate::error::{CallError, Fault, unavailable};
use crate::expression::Expression;
use crate::items::{Item, audit_item};
use crate::retry::Retry;

const CALL: &str = "TransactWriteItems";
/// The most items of one transaction.
const MOST: usize = 100;
/// What an item must be for a `Put` that overwrites nothing; every table has this key.
const IS_NEW: &str = "attribute_not_exists(id)";

/// Items to be written in one step. `P` names the parts whose conditions the caller tells apart.
#[derive(Debug)]
pub(crate) struct Transaction<P> {
    parts: Vec<(Option<P>, TransactWriteItem)>,
    /// DynamoDB's client request token: the same transaction sent twice takes place once.
    token: Option<String>,
    broken: Option<CallError>,
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed<P> {
    /// All of it is written.
    Done,
    /// Nothing is: the conditions of these parts did not hold.
    Refused(Vec<P>),
}

impl<P: Copy> Transaction<P> {
    pub(crate) fn new() -> Self {
        Self {
            parts: Vec::new(),
            token: None,
            broken: None,
        }
    }

    /// Writes an item that is not there yet.
    pub(crate) fn insert(self, part: P, table: &str, item: Item) -> Self {
        self.insert_unless_there(Some(part), table, item)
    }

    fn insert_unless_there(self, part: Option<P>, table: &str, item: Item) -> Self {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(IS_NEW)
            .build();
        let item = put.map(|put| TransactWriteItem::builder().put(put));
        self.with(part, table, item)
    }

    /// Writes an item in the place of one that meets a condition.
    pub(crate) fn replace(self, part: P, table: &str, item: Item, when: &Expression) -> Self {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression(&when.condition)
            .set_expression_attribute_names(when.names())
            .set_expression_attribute_values(when.values())
            .build();
        let item = put.map(|put| TransactWriteItem::builder().put(put));
        self.with(Some(part), table, item)
    }

    /// Changes attributes of an item that meets a condition.
    pub(crate) fn update(self, part: P, table: &str, key: Item, change: &Expression) -> Self {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(&change.update)
            .condition_expression(&change.condition)
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .build();
        let item = update.map(|update| TransactWriteItem::builder().update(update));
        self.with(Some(part), table, item)
    }

    /// Deletes an item that meets a condition.
    pub(crate) fn delete(self, part: P, table: &str, key: Item, when: &Expression) -> Self {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key))
            .condition_expression(&when.condition)
            .set_expression_attribute_names(when.names())
            .set_expression_attribute_values(when.values())
            .build();
        let item = delete.map(|delete| TransactWriteItem::builder().delete(delete));
        self.with(Some(part), table, item)
    }

    /// Writes an item, whatever is in its place.
    pub(crate) fn put(self, table: &str, item: Item) -> Self {
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .build();
        let item = put.map(|put| TransactWriteItem::builder().put(put));
        self.with(None, table, item)
    }

    /// Deletes an item if it is there.
    pub(crate) fn remove(self, table: &str, key: Item) -> Self {
        let delete = Delete::builder()
            .table_name(table)
            .set_key(Some(key))
            .build();
        let item = delete.map(|delete| TransactWriteItem::builder().delete(delete));
        self.with(None, table, item)
    }

    /// Takes place only if an item that it does not change meets a condition.
    pub(crate) fn check(self, part: P, table: &str, key: Item, when: &Expression) -> Self {
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key))
            .condition_expression(&when.condition)
            .set_expression_attribute_names(when.names())
            .set_expression_attribute_values(when.values())
            .build();
        let item = check.map(|check| TransactWriteItem::builder().condition_check(check));
        self.with(Some(part), table, item)
    }

    /// Writes the audit entry. `round` counts how often the act was computed anew: another
    /// transaction needs another token.
    pub(crate) fn record(self, audit_table: &str, record: &Record, round: u32) -> Self {
        let audit = &record.audit;
        let mut with = self.insert_unless_there(None, audit_table, audit_item(audit));
        // 36 characters at most; the first record names the act.
        let token = format!("{}-{:03}", audit.id.uuid().as_simple(), round % 1000);
        with.token.get_or_insert(token);
        with
    }

    /// Takes another token than its record's id: sent once more by somebody else, it is refused
    /// instead of passed over as a repetition.
    pub(crate) fn never_repeated(mut self) -> Self {
        self.token = Some(format!("{:032x}", fastrand::u128(..)));
        self
    }

    fn with(
        mut self,
        part: Option<P>,
        table: &str,
        item: Result<TransactWriteItemBuilder, BuildError>,
    ) -> Self {
        match item {
            Ok(item) => self.parts.push((part, item.build())),
            Err(error) => {
                self.broken.get_or_insert(refused(CALL, table, &error));
            }
        }
        self
    }

    /// Sends it until it is answered, or trying again is of no use; never after `until`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the audit id is taken; [`StoreError::Unavailable`].
    pub(crate) async fn commit(
        self,
        calls: &Calls,
        until: Option<Until<'_>>,
    ) -> Result<Committed<P>, StoreError> {
        let table = &calls.tables.audit();
        if let Some(error) = self.broken {
            return Err(error.into());
        }
        if self.parts.len() > MOST {
            let count = self.parts.len();
            return Err(StoreError::Backend(
                format!("an act of {count} items: a transaction of DynamoDB has {MOST} at most")
                    .into(),
            ));
        }
        let (parts, items): (Vec<_>, Vec<_>) = self.parts.into_iter().unzip();
        let request = calls
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .set_client_request_token(self.token);
        let mut retry = Retry::new();
        loop {
            if until.is_some_and(|until| until.is_over()) {
                return Err(unavailable(
                    "the act took so long that what it was decided by is too old",
                ));
            }
            let error = match Box::pin(request.clone().send()).await {
                Ok(_) => return Ok(Committed::Done),
                Err(error) => error,
            };
            let error = match refusals(&error) {
                Some(refusals) if refusals.iter().any(|code| code == REFUSED) => {
                    return committed_or_conflict(&parts, &refusals);
                }
                Some(refusals) => CallError {
                    call: CALL,
                    table: table.clone(),
                    fault: of_cancellation(&refusals),
                    detail: Some(refusals.join(", ")),
                },
                None => CallError::of(CALL, table, &error),
            };
            // A table that the catalogue has and DynamoDB does not: it may come back.
            if error.fault == Fault::NoSuchTable {
                return Err(StoreError::Unavailable(Box::new(error)));
            }
            retry.after(error).await?;
        }
    }
}

/// The moment until which what an act was decided by holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) moment: Timestamp,
}

impl Until<'_> {
    fn is_over(&self) -> bool {
        self.clock.now() > self.moment
    }
}

/// The code of a part whose condition did not hold.
const REFUSED: &str = "ConditionalCheckFailed";

/// One code for each part of a transaction that was cancelled.
fn refusals<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Vec<String>> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons().iter();
            let code = |code: Option<&str>| code.unwrap_or("None").to_owned();
            Some(reasons.map(|reason| code(reason.code())).collect())
        }
        _ => None,
    }
}

fn of_cancellation(codes: &[String]) -> Fault {
    let any = |wanted: &str| codes.iter().any(|code| code == wanted);
    if any("ProvisionedThroughputExceeded") || any("ThrottlingError") {
        Fault::Busy
    } else if any("TransactionConflict") {
        Fault::Contended
    } else {
        Fault::Other
    }
}

fn committed_or_conflict<P: Copy>(
    parts: &[Option<P>],
    codes: &[String],
) -> Result<Committed<P>, StoreError> {
    let mut refused = Vec::new();
    let mut record_is_taken = false;
    for (part, _) in parts.iter().zip(codes).filter(|(_, code)| *code == REFUSED) {
        match part {
            Some(part) => refused.push(*part),
            None => record_is_taken = true,
        }
    }
    if refused.is_empty() && record_is_taken {
        return Err(StoreError::Conflict);
    }
    Ok(Committed::Refused(refused))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::{BehaviorVersion, SdkConfig};
    use crypt_keeper_domain::memory::ManualClock;

    use super::*;
    use crate::config::DynamoDbConfig;
    use crate::tables::TableNames;

    fn codes(codes: &[&str]) -> Vec<String> {
        codes.iter().map(|code| (*code).to_owned()).collect()
    }

    #[test]
    fn a_part_that_was_refused_is_named_and_a_taken_record_is_a_conflict() {
        let parts = [Some(1), Some(2), None];
        let refused = |given: &[&str]| committed_or_conflict(&parts, &codes(given));
        let done = refused(&["None", REFUSED, "None"]).unwrap();
        assert_eq!(done, Committed::Refused(vec![2]));
        let done = refused(&[REFUSED, "TransactionConflict", REFUSED]).unwrap();
        assert_eq!(done, Committed::Refused(vec![1]));
        let taken = refused(&["None", "None", REFUSED]);
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
    }

    #[test]
    fn what_cancelled_it_says_whether_it_may_pass() {
        for (given, fault) in [
            (&["None", "TransactionConflict"][..], Fault::Contended),
            (&["ThrottlingError", "None"], Fault::Busy),
            (
                &["TransactionConflict", "ProvisionedThroughputExceeded"],
                Fault::Busy,
            ),
            (&["ValidationError"], Fault::Other),
        ] {
            assert_eq!(of_cancellation(&codes(given)), fault, "{given:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_once_what_it_was_decided_by_is_too_old() {
        // Whatever is sent there is refused.
        let config = DynamoDbConfig {
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            ..DynamoDbConfig::default()
        };
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .build();
        let calls = Calls {
            client: config.client(&sdk).unwrap(),
            tables: TableNames::new(&config.table_prefix),
        };
        let noon = Timestamp::from_millis(1_772_366_400_000);
        let clock = ManualClock::new(noon);
        let commit = async || {
            let until = Until {
                clock: &clock,
                moment: noon,
            };
            let act = Transaction::<()>::new();
            act.commit(&calls, Some(until)).await.unwrap_err()
        };
        let too_old = "the act took so long that what it was decided by is too old";
        let words = |error: StoreError| match error {
            StoreError::Unavailable(why) | StoreError::Backend(why) => why.to_string(),
            other => panic!("{other:?}"),
        };
        assert_ne!(words(commit().await), too_old);
        clock.advance(Duration::from_micros(1));
        assert_eq!(words(commit().await), too_old);
    }
}
