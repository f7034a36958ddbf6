use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{KeyPair, PublicHalf};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{named, serial, sql_time, timestamp};
use crate::schema::key_pairs;

#[derive(Clone, Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(
    table_name = key_pairs,
    primary_key(serial),
    treat_none_as_default_value = false,
    treat_none_as_null = true
)]
pub(crate) struct KeyPairRow {
    pub(crate) serial: i64,
    pub(crate) scope: String,
    pub(crate) algorithm: String,
    pub(crate) state: String,
    pub(crate) public_half: Vec<u8>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) activated_at: Option<NaiveDateTime>,
    pub(crate) deactivated_at: Option<NaiveDateTime>,
    pub(crate) destroy_at: Option<NaiveDateTime>,
    pub(crate) former_state: Option<String>,
    pub(crate) destroyed_at: Option<NaiveDateTime>,
    pub(crate) version: i64,
}

impl From<&KeyPair> for KeyPairRow {
    fn from(pair: &KeyPair) -> Self {
        Self {
            serial: pair.serial.as_i64(),
            scope: pair.scope.to_string(),
            algorithm: pair.algorithm.as_str().to_owned(),
            state: pair.state.as_str().to_owned(),
            public_half: pair.public_half.as_bytes().to_vec(),
            created_at: sql_time(pair.created_at),
            activated_at: pair.activated_at.map(sql_time),
            deactivated_at: pair.deactivated_at.map(sql_time),
            destroy_at: pair.destroy_at.map(sql_time),
            former_state: pair.former_state.map(|state| state.as_str().to_owned()),
            destroyed_at: pair.destroyed_at.map(sql_time),
            version: pair.version,
        }
    }
}

impl TryFrom<KeyPairRow> for KeyPair {
    type Error = StoreError;

    fn try_from(row: KeyPairRow) -> Result<Self, StoreError> {
        Ok(Self {
            serial: serial(row.serial)?,
            scope: named(&row.scope)?,
            algorithm: named(&row.algorithm)?,
            state: named(&row.state)?,
            public_half: PublicHalf::new(row.public_half),
            created_at: timestamp(row.created_at),
            activated_at: row.activated_at.map(timestamp),
            deactivated_at: row.deactivated_at.map(timestamp),
            destroy_at: row.destroy_at.map(timestamp),
            former_state: row.former_state.as_deref().map(named).transpose()?,
            destroyed_at: row.destroyed_at.map(timestamp),
            version: row.version,
        })
    }
}
