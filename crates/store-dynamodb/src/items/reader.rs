use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{Rights, Serial, Timestamp, UserId};
use crypt_keeper_domain::ports::StoreError;
use uuid::Uuid;

use super::Item;

/// Reads an item's attributes; says which one is missing or of another type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    item: &'a Item,
    /// What it is an item of, for the message.
    kind: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(kind: &'static str, item: &'a Item) -> Self {
        Self { item, kind }
    }

    pub(crate) fn corrupt(&self, what: &str) -> StoreError {
        StoreError::corrupt(format!("an item of {}: {what}", self.kind))
    }

    fn missing(&self, name: &str) -> StoreError {
        self.corrupt(&format!("`{name}` is missing, or of another type"))
    }

    fn need<T>(&self, name: &str, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.missing(name))
    }

    /// An attribute that may be missing, and if it is not, is of a type.
    fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a AttributeValue) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        match self.item.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.missing(name)),
        }
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Result<Option<&'a str>, StoreError> {
        self.read(name, |value| value.as_s().ok().map(String::as_str))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, StoreError> {
        self.need(name, self.maybe_text(name)?)
    }

    pub(crate) fn maybe_number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.read(name, |value| value.as_n().ok()?.parse().ok())
    }

    pub(crate) fn number(&self, name: &str) -> Result<i64, StoreError> {
        self.need(name, self.maybe_number(name)?)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, StoreError> {
        let flag = self.read(name, |value| value.as_bool().ok().copied())?;
        self.need(name, flag)
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<&'a [u8], StoreError> {
        let bytes = self.read(name, |value| value.as_b().ok().map(AsRef::as_ref))?;
        self.need(name, bytes)
    }

    pub(crate) fn thirty_two(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let bytes = self.bytes(name)?;
        bytes.try_into().map_err(|_| {
            let length = bytes.len();
            self.corrupt(&format!("`{name}` has {length} bytes instead of 32"))
        })
    }

    pub(crate) fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_number(name)?.map(Timestamp::from_micros))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, StoreError> {
        self.need(name, self.maybe_time(name)?)
    }

    pub(crate) fn maybe_uuid(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.maybe_named(name)
    }

    pub(crate) fn uuid(&self, name: &str) -> Result<Uuid, StoreError> {
        self.need(name, self.maybe_uuid(name)?)
    }

    pub(crate) fn user_id(&self, name: &str) -> Result<UserId, StoreError> {
        self.uuid(name).map(UserId::from_uuid)
    }

    /// A text that something reads from.
    pub(crate) fn maybe_named<T>(&self, name: &str) -> Result<Option<T>, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.maybe_text(name)?;
        text.map(|text| text.parse().map_err(StoreError::corrupt))
            .transpose()
    }

    pub(crate) fn named<T>(&self, name: &str) -> Result<T, StoreError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.need(name, self.maybe_named(name)?)
    }

    pub(crate) fn maybe_serial(&self, name: &str) -> Result<Option<Serial>, StoreError> {
        let Some(number) = self.maybe_number(name)? else {
            return Ok(None);
        };
        let serial = u64::try_from(number).ok().and_then(Serial::new);
        serial
            .map(Some)
            .ok_or_else(|| self.corrupt(&format!("{number} is not a serial")))
    }

    pub(crate) fn serial(&self, name: &str) -> Result<Serial, StoreError> {
        self.need(name, self.maybe_serial(name)?)
    }

    pub(crate) fn maybe_rights(&self, name: &str) -> Result<Option<Rights>, StoreError> {
        let Some(mask) = self.maybe_number(name)? else {
            return Ok(None);
        };
        let rights = u8::try_from(mask).ok().and_then(Rights::from_mask);
        rights
            .map(Some)
            .ok_or_else(|| self.corrupt(&format!("{mask} is not a mask of rights")))
    }

    pub(crate) fn rights(&self, name: &str) -> Result<Rights, StoreError> {
        self.need(name, self.maybe_rights(name)?)
    }

    /// Whether a set of numbers has one.
    pub(crate) fn set_has(&self, name: &str, wanted: i64) -> Result<bool, StoreError> {
        let set = self.read(name, |value| value.as_ns().ok())?;
        Ok(set.is_some_and(|set| set.iter().any(|one| one.parse() == Ok(wanted))))
    }
}
