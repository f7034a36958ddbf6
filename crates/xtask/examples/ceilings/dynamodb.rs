//! Documents put into a table of DynamoDB behind the store's back, by `BatchWriteItem`: copies of some
//! that the store has put there itself. By the store's own transactions a million would take DynamoDB
//! Local most of an hour.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use crypt_keeper_domain::model::{DocumentId, Partition};
use tokio::task::JoinSet;

use super::open::random;
use super::partitions::Times;
use super::{Result, print};

type Item = HashMap<String, AttributeValue>;

/// The last byte of an id decides which of so many collections of the indexes it is in, at most.
const COLLECTIONS: u8 = 16;
/// Items of one call, at most (DynamoDB's API reference, BatchWriteItem).
const BATCH: usize = 25;
/// Calls at once.
const AT_ONCE: usize = 4;
/// How often a call may leave items undone.
const TRIES: usize = 20;

/// Documents whose copies are put, one of each collection, in the order of these.
pub(crate) struct Templates {
    partition: Partition,
    ids: Vec<DocumentId>,
}

impl Templates {
    /// As many as there are collections.
    pub(crate) const COUNT: u8 = COLLECTIONS;

    pub(crate) fn new(partition: Partition, ids: Vec<DocumentId>) -> Self {
        Self { partition, ids }
    }

    /// Puts `count` copies, whose times are spread over the partition.
    pub(crate) async fn copy(&self, place: &str, count: u64) -> Result<()> {
        let (prefix, endpoint) = place
            .split_once('@')
            .ok_or("dynamodb:PREFIX@ENDPOINT is needed")?;
        let client = client(endpoint);
        let class = self.partition.class().number();
        let start = self.partition.start().format("%Y%m%d");
        let table = format!("{prefix}documents-{class:03}-{start}");
        let mut items = Vec::new();
        for id in &self.ids {
            items.push((
                id.to_string(),
                whole(&client, &table, &id.to_string()).await?,
            ));
        }
        let items = std::sync::Arc::new(items);
        let times = Times::of(self.partition)?;
        let per_document = items.iter().map(|(_, items)| items.len()).max();
        let together = BATCH / per_document.ok_or("no templates")?;
        let mut puts: JoinSet<Result<()>> = JoinSet::new();
        for first in (0..count).step_by(together) {
            if puts.len() == AT_ONCE
                && let Some(put) = puts.join_next().await
            {
                put??;
            }
            let (client, table) = (client.clone(), table.clone());
            let items = std::sync::Arc::clone(&items);
            let class = self.partition.class();
            let numbers = first..count.min(first + together as u64);
            puts.spawn(async move {
                let mut batch = Vec::with_capacity(BATCH);
                for number in numbers {
                    let collection = u8::try_from(number % u64::from(COLLECTIONS))?;
                    let (template, items) = &items[usize::from(collection)];
                    let (_, at) = times.at(number, count);
                    let mut bytes: [u8; 10] = random()?;
                    bytes[9] = bytes[9] / COLLECTIONS * COLLECTIONS + collection;
                    let id = DocumentId::new(class, at, bytes);
                    let written = i64::try_from(at.as_millis())?.saturating_mul(1000);
                    for item in items {
                        batch.push(copied(item, template, &id.to_string(), written)?);
                    }
                }
                put(&client, &table, batch).await
            });
        }
        while let Some(put) = puts.join_next().await {
            put??;
        }
        print(count)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "credentials of a measurement's own server, as the benches give them"
)]
fn client(endpoint: &str) -> Client {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID"),
        variable("AWS_SECRET_ACCESS_KEY"),
        None,
        None,
        "the environment",
    );
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(variable("AWS_REGION")))
        .credentials_provider(credentials)
        .build();
    Client::from_conf(config)
}

/// All items of a document: its own, its entries, and what makes it appear on walks.
async fn whole(client: &Client, table: &str, id: &str) -> Result<Vec<Item>> {
    let pages = client
        .scan()
        .table_name(table)
        .consistent_read(true)
        .filter_expression("#id = :id OR #item = :id")
        .expression_attribute_names("#id", "id")
        .expression_attribute_names("#item", "item")
        .expression_attribute_values(":id", AttributeValue::S(id.to_owned()))
        .into_paginator()
        .items()
        .send();
    let items = pages.try_collect().await?;
    if items.len() < 3 {
        return Err(format!("document {id} has {} items in table {table}", items.len()).into());
    }
    Ok(items)
}

/// The same item of another document, made at `at`, in microseconds since 1970.
fn copied(item: &Item, template: &str, id: &str, at: i64) -> Result<WriteRequest> {
    let mut copy = item.clone();
    for value in copy.values_mut() {
        if let AttributeValue::S(text) = value {
            *text = text.replace(template, id);
        }
    }
    if let Some(created) = copy.get_mut("created_at") {
        *created = AttributeValue::N(at.to_string());
    }
    let put = PutRequest::builder().set_item(Some(copy)).build()?;
    Ok(WriteRequest::builder().put_request(put).build())
}

async fn put(client: &Client, table: &str, batch: Vec<WriteRequest>) -> Result<()> {
    let mut left = HashMap::from([(table.to_owned(), batch)]);
    for _ in 0..TRIES {
        let answer = client
            .batch_write_item()
            .set_request_items(Some(left))
            .send()
            .await?;
        left = answer.unprocessed_items.unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
    }
    Err("DynamoDB leaves items undone".into())
}
