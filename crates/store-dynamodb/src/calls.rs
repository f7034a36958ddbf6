//! The calls of DynamoDB that everything here is made of, each tried again where that may help.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::error::{CallError, Fault};
use crate::expression::Expression;
use crate::items::{ITEM, Item, text};
use crate::retry::Retry;
use crate::tables::TableNames;

/// The most keys of one `BatchGetItem`.
const BATCH: usize = 100;

/// DynamoDB and the names of the tables. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    pub(crate) tables: TableNames,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("tables", &self.tables)
            .finish_non_exhaustive()
    }
}

/// Makes a call until it is answered, or trying again is of no use.
pub(crate) async fn call<T, E, F>(
    name: &'static str,
    table: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, CallError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut retry = Retry::new();
    loop {
        match Box::pin(attempt()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => retry.after(CallError::of(name, table, &error)).await?,
        }
    }
}

/// Settings of a call whose every attempt may take so long: one about a whole table, which some
/// servers answer when they have gone over all of it.
pub(crate) fn within(time: Duration) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(time)
        .operation_timeout(time);
    Builder::new().timeout_config(timeouts.build())
}

impl Calls {
    /// An item, as all acknowledged writes have left it.
    pub(crate) async fn get(&self, table: &str, key: &Item) -> Result<Option<Item>, CallError> {
        let request = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key.clone()))
            .consistent_read(true);
        let answer = call("GetItem", table, || request.clone().send()).await?;
        Ok(answer.item)
    }

    /// Those of the items that are there, in any order, as all acknowledged writes have left them.
    /// No key may be there twice.
    pub(crate) async fn get_all(
        &self,
        table: &str,
        keys: Vec<Item>,
    ) -> Result<Vec<Item>, CallError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            self.get_batch(table, keys.to_vec(), &mut found).await?;
        }
        Ok(found)
    }

    /// The items of a collection whose sort keys begin like this, in their order, as all
    /// acknowledged writes have left them.
    pub(crate) async fn beginning_with(
        &self,
        table: &str,
        id: &str,
        prefix: &str,
    ) -> Result<Vec<Item>, CallError> {
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(table)
                .consistent_read(true)
                .key_condition_expression("id = :id AND begins_with(#item, :prefix)")
                .expression_attribute_names("#item", ITEM)
                .expression_attribute_values(":id", text(id))
                .expression_attribute_values(":prefix", text(prefix))
                .set_exclusive_start_key(from);
            let answer = call("Query", table, || request.clone().send()).await?;
            found.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(found);
            }
        }
    }

    /// Changes an item that meets a condition.
    pub(crate) async fn update(
        &self,
        table: &str,
        key: Item,
        change: &Expression,
    ) -> Result<(), CallError> {
        let request = self
            .client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(&change.update)
            .condition_expression(&change.condition)
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values());
        call("UpdateItem", table, || request.clone().send()).await?;
        Ok(())
    }

    async fn get_batch(
        &self,
        table: &str,
        mut keys: Vec<Item>,
        found: &mut Vec<Item>,
    ) -> Result<(), CallError> {
        let mut retry = Retry::new();
        while !keys.is_empty() {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut keys)))
                .consistent_read(true)
                .build()
                .map_err(|error| refused("BatchGetItem", table, &error))?;
            let request = self.client.batch_get_item().request_items(table, wanted);
            let answer = call("BatchGetItem", table, || request.clone().send()).await?;
            let mut responses = answer.responses.unwrap_or_default();
            found.extend(responses.remove(table).unwrap_or_default());
            // What is over 16 MB, or is throttled, is named instead of answered.
            let mut left = answer.unprocessed_keys.unwrap_or_default();
            keys = left.remove(table).map(|left| left.keys).unwrap_or_default();
            if !keys.is_empty() {
                let busy = CallError {
                    call: "BatchGetItem",
                    table: table.to_owned(),
                    fault: Fault::Busy,
                    detail: Some(format!("{} keys are left", keys.len())),
                };
                retry.after(busy).await?;
            }
        }
        Ok(())
    }
}

/// An error of the SDK's own builders: a required part is missing.
pub(crate) fn refused(call: &'static str, table: &str, error: &dyn std::error::Error) -> CallError {
    CallError {
        call,
        table: table.to_owned(),
        fault: Fault::Other,
        detail: Some(error.to_string()),
    }
}
