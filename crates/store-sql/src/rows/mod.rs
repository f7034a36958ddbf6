//! Rows as the tables hold them, and their way from and to the domain. What a row holds was valid
//! once: if it is not any more, it is corrupt.

mod account;
mod audit;
mod document;
mod entry;
mod hold;
mod key_pair;
mod partition;
mod place;

pub(crate) use account::{ApiKeyRow, UserRow};
pub(crate) use audit::AuditRow;
pub(crate) use document::{DocumentRow, WrapColumns, WrapRow, row_key, stored_size};
pub(crate) use entry::EntryRow;
pub(crate) use hold::HoldRow;
pub(crate) use key_pair::KeyPairRow;
pub(crate) use partition::{PartitionRow, partition_key};
pub(crate) use place::{Key, Place};

use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{Rights, Serial, Timestamp};
use crypt_keeper_domain::ports::StoreError;

pub(crate) fn sql_time(at: Timestamp) -> NaiveDateTime {
    at.to_datetime().naive_utc()
}

pub(crate) fn timestamp(at: NaiveDateTime) -> Timestamp {
    Timestamp::from(at.and_utc())
}

/// Reads a stored name of a closed set.
pub(crate) fn named<T>(name: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    name.parse().map_err(StoreError::corrupt)
}

pub(crate) fn serial(number: i64) -> Result<Serial, StoreError> {
    u64::try_from(number)
        .ok()
        .and_then(Serial::new)
        .ok_or_else(|| StoreError::corrupt(format!("{number} is not a serial")))
}

fn rights(mask: i16) -> Result<Rights, StoreError> {
    u8::try_from(mask)
        .ok()
        .and_then(Rights::from_mask)
        .ok_or_else(|| StoreError::corrupt(format!("{mask} is not a mask of rights")))
}

/// A column of exactly 32 bytes.
fn thirty_two(bytes: Vec<u8>, column: &str) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|bytes: Vec<u8>| {
        StoreError::corrupt(format!("{column} has {} bytes instead of 32", bytes.len()))
    })
}
