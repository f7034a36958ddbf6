use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{
    Actor, ApiKeyId, AuditEntry, AuditId, DocumentId, MasterKeyId, Principal, RequestId, UserId,
};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{named, rights, serial, sql_time, timestamp};
use crate::schema::audit;
use crate::sql_types::SqlUuid;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub(crate) struct AuditRow {
    pub(crate) id: SqlUuid,
    pub(crate) at: NaiveDateTime,
    pub(crate) action: String,
    pub(crate) actor_kind: String,
    pub(crate) actor_id: Option<SqlUuid>,
    pub(crate) actor_api_key: Option<String>,
    pub(crate) request_id: String,
    pub(crate) address: Option<String>,
    pub(crate) document_id: Option<SqlUuid>,
    pub(crate) principal_kind: Option<String>,
    pub(crate) principal_id: Option<SqlUuid>,
    pub(crate) rights: Option<i16>,
    pub(crate) user_id: Option<SqlUuid>,
    pub(crate) api_key: Option<String>,
    pub(crate) key_serial: Option<i64>,
    pub(crate) master_key: Option<String>,
    pub(crate) partition: Option<String>,
}

impl From<&AuditEntry> for AuditRow {
    fn from(entry: &AuditEntry) -> Self {
        let (actor_id, actor_api_key) = match entry.actor {
            Actor::User { id, api_key } => {
                (Some(SqlUuid(id.uuid())), Some(api_key.as_str().to_owned()))
            }
            Actor::Operator | Actor::System => (None, None),
        };
        Self {
            id: SqlUuid(entry.id.uuid()),
            at: sql_time(entry.at),
            action: entry.action.as_str().to_owned(),
            actor_kind: entry.actor.kind().to_owned(),
            actor_id,
            actor_api_key,
            request_id: entry.request_id.as_str().to_owned(),
            address: entry.address.clone(),
            document_id: entry.document.map(|id| SqlUuid(id.uuid())),
            principal_kind: entry.principal.map(|of| of.kind().as_str().to_owned()),
            principal_id: entry.principal.map(|of| SqlUuid(of.id())),
            rights: entry.rights.map(|rights| i16::from(rights.mask())),
            user_id: entry.user.map(|id| SqlUuid(id.uuid())),
            api_key: entry.api_key.map(|id| id.as_str().to_owned()),
            key_serial: entry.serial.map(|serial| serial.as_i64()),
            master_key: entry.master_key.map(|id| id.to_string()),
            partition: entry.partition.map(|one| one.to_string()),
        }
    }
}

fn master_key(text: &str) -> Result<MasterKeyId, StoreError> {
    MasterKeyId::parse(text)
        .ok_or_else(|| StoreError::corrupt("audit.master_key is not the id of a master key"))
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        let api_key = |id: &String| ApiKeyId::parse(id).map_err(StoreError::corrupt);
        let actor = match (row.actor_kind.as_str(), row.actor_id, &row.actor_api_key) {
            ("user", Some(id), Some(key)) => Actor::User {
                id: UserId::from_uuid(id.0),
                api_key: api_key(key)?,
            },
            ("operator", None, None) => Actor::Operator,
            ("system", None, None) => Actor::System,
            (kind, ..) => {
                return Err(StoreError::corrupt(format!(
                    "audit entry {} has an actor `{kind}` that is not whole or not known",
                    row.id.0
                )));
            }
        };
        let principal = match (&row.principal_kind, row.principal_id) {
            (Some(kind), Some(id)) => Some(Principal::new(named(kind)?, id.0)),
            (None, None) => None,
            _ => {
                return Err(StoreError::corrupt(
                    "a principal without its kind or its id",
                ));
            }
        };
        Ok(Self {
            id: AuditId::from_uuid(row.id.0),
            at: timestamp(row.at),
            action: named(&row.action)?,
            actor,
            request_id: RequestId::parse(&row.request_id)
                .ok_or_else(|| StoreError::corrupt("audit.request_id is not a request id"))?,
            address: row.address,
            document: row
                .document_id
                .map(|id| DocumentId::from_uuid(id.0).map_err(StoreError::corrupt))
                .transpose()?,
            principal,
            rights: row.rights.map(rights).transpose()?,
            user: row.user_id.map(|id| UserId::from_uuid(id.0)),
            api_key: row.api_key.as_ref().map(api_key).transpose()?,
            serial: row.key_serial.map(serial).transpose()?,
            master_key: row.master_key.as_deref().map(master_key).transpose()?,
            partition: row.partition.as_deref().map(named).transpose()?,
        })
    }
}
