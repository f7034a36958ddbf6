use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{
    ApiKey, ApiKeyDigest, ApiKeyId, RetentionClass, User, UserId, UserName,
};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{named, sql_time, thirty_two, timestamp};
use crate::schema::{api_keys, users};
use crate::sql_types::SqlUuid;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserRow {
    pub(crate) id: SqlUuid,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) retention_class: Option<i16>,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: SqlUuid(user.id.uuid()),
            name: user.name.as_str().to_owned(),
            state: user.state.as_str().to_owned(),
            created_at: sql_time(user.created_at),
            retention_class: user.retention.map(|class| i16::from(class.number())),
        }
    }
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::from_uuid(row.id.0),
            name: UserName::parse(&row.name).map_err(StoreError::corrupt)?,
            state: named(&row.state)?,
            created_at: timestamp(row.created_at),
            retention: row.retention_class.map(retention_class).transpose()?,
        })
    }
}

fn retention_class(number: i16) -> Result<RetentionClass, StoreError> {
    let number = u8::try_from(number).map_err(StoreError::corrupt)?;
    Ok(RetentionClass::new(number))
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) user_id: SqlUuid,
    pub(crate) digest: Vec<u8>,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) expires_at: Option<NaiveDateTime>,
    pub(crate) revoked_at: Option<NaiveDateTime>,
}

impl From<&ApiKey> for ApiKeyRow {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.as_str().to_owned(),
            user_id: SqlUuid(key.user.uuid()),
            digest: key.digest.as_bytes().to_vec(),
            created_at: sql_time(key.created_at),
            expires_at: key.expires_at.map(sql_time),
            revoked_at: key.revoked_at.map(sql_time),
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ApiKeyId::parse(&row.id).map_err(StoreError::corrupt)?,
            user: UserId::from_uuid(row.user_id.0),
            digest: ApiKeyDigest::from_bytes(thirty_two(row.digest, "api_keys.digest")?),
            created_at: timestamp(row.created_at),
            expires_at: row.expires_at.map(timestamp),
            revoked_at: row.revoked_at.map(timestamp),
        })
    }
}
