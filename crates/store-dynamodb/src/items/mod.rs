//! From the domain to items and back: an item that cannot be is `Corrupt`.

mod account;
mod audit;
mod document;
mod early;
mod entry;
mod hold;
mod key_pair;
mod partition;
mod reader;

pub(crate) use account::{
    RETENTION, api_key, api_key_item, api_key_key, api_key_reference, api_key_references,
    name_item, name_key, name_shards, referenced_api_key, user, user_item, user_key,
};
pub(crate) use audit::{audit_entry, audit_hash, audit_item, audit_shards, month_of};
pub(crate) use document::{
    DOCUMENT, DocumentItem, GRANTS, REMOVING, document_id, document_item, document_key,
    owner_shards, stored_size, walk_item, walk_shards, wrap_attributes,
};
pub(crate) use early::{early_document, early_key, early_shards, early_sort, early_until};
pub(crate) use entry::{ENTRIES, entry, entry_item, entry_key, principal_shards};
pub(crate) use hold::{ENDING, HOLDS, HoldItem, hold_item, hold_key, hold_sort};
pub(crate) use key_pair::{PAIRS, active_key, active_serial, key_pair, pair_item, pair_key};
pub(crate) use partition::{
    INCOMPLETE_HOLDS, MADE, PARTITIONS, PartitionItem, lifetime_value, partition_item,
    partition_key, partition_name,
};
pub(crate) use reader::Reader;

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{DocumentId, RetentionClass, Timestamp};
use uuid::Uuid;

/// The attributes of an item, or of its key.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The hash key of every table.
pub(crate) const ID: &str = "id";
/// The sort key of every table that has one.
pub(crate) const ITEM: &str = "item";
/// The hash key of the index by principal; its sort key is [`ID`].
pub(crate) const LISTED_BY: &str = "listed_by";

/// Builds an item.
#[derive(Debug, Default)]
pub(crate) struct Writer(Item);

impl Writer {
    pub(crate) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }

    pub(crate) fn number(mut self, name: &str, value: i64) -> Self {
        self.0.insert(name.to_owned(), number(value));
        self
    }

    pub(crate) fn flag(mut self, name: &str, value: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(value));
        self
    }

    pub(crate) fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.0.insert(name.to_owned(), bytes(value));
        self
    }

    pub(crate) fn time(self, name: &str, at: Timestamp) -> Self {
        self.number(name, at.as_micros())
    }

    pub(crate) fn uuid(self, name: &str, id: Uuid) -> Self {
        self.text(name, uuid_text(id))
    }

    /// Nothing where there is no value.
    pub(crate) fn maybe<T>(self, value: Option<T>, write: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => write(self, value),
            None => self,
        }
    }

    pub(crate) fn done(self) -> Item {
        self.0
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.as_micros())
}

/// Lower case with dashes: texts sort as the UUIDs' bytes do.
pub(crate) fn uuid_text(id: Uuid) -> String {
    id.as_hyphenated().to_string()
}

/// A key of hash and sort key.
pub(crate) fn key(id: impl Into<String>, item: impl Into<String>) -> Item {
    Writer::default().text(ID, id).text(ITEM, item).done()
}

/// Three digits: in order of their numbers.
pub(crate) fn class_name(class: RetentionClass) -> String {
    format!("{:03}", class.number())
}

/// The collections that something of many is spread over, so that none of them takes more writes
/// than one partition of DynamoDB does. The number can never be changed.
pub(crate) fn shard_names(prefix: &str, count: u8) -> Vec<String> {
    (0..count).map(|shard| shard_name(prefix, shard)).collect()
}

pub(crate) fn shard_name(prefix: &str, shard: u8) -> String {
    format!("{prefix}#{shard:02x}")
}

/// Which of `count` (a power of two, 256 at most) collections a document belongs to: its last bits
/// are random in every version of its id.
pub(crate) fn document_shard(id: DocumentId, count: u8) -> u8 {
    id.as_bytes()[15] % count
}

/// A set of numbers.
pub(crate) fn numbers<const N: usize>(values: [i64; N]) -> AttributeValue {
    AttributeValue::Ns(values.map(|value| value.to_string()).to_vec())
}
