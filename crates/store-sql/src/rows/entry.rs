use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{DocumentId, Entry, Principal, UserId};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{named, rights, row_key, sql_time, timestamp};
use crate::schema::entries;
use crate::sql_types::SqlUuid;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
pub(crate) struct EntryRow {
    pub(crate) retention_class: i16,
    pub(crate) document_id: SqlUuid,
    pub(crate) principal_kind: String,
    pub(crate) principal_id: SqlUuid,
    pub(crate) rights: i16,
    pub(crate) granted_by: SqlUuid,
    pub(crate) granted_at: NaiveDateTime,
    pub(crate) expires_at: Option<NaiveDateTime>,
}

impl From<&Entry> for EntryRow {
    fn from(entry: &Entry) -> Self {
        let (retention_class, document_id) = row_key(entry.document);
        Self {
            retention_class,
            document_id,
            principal_kind: entry.principal.kind().as_str().to_owned(),
            principal_id: SqlUuid(entry.principal.id()),
            rights: i16::from(entry.rights.mask()),
            granted_by: SqlUuid(entry.granted_by.uuid()),
            granted_at: sql_time(entry.granted_at),
            expires_at: entry.expires_at.map(sql_time),
        }
    }
}

impl TryFrom<EntryRow> for Entry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        Ok(Self {
            document: DocumentId::from_uuid(row.document_id.0).map_err(StoreError::corrupt)?,
            principal: Principal::new(named(&row.principal_kind)?, row.principal_id.0),
            rights: rights(row.rights)?,
            granted_by: UserId::from_uuid(row.granted_by.0),
            granted_at: timestamp(row.granted_at),
            expires_at: row.expires_at.map(timestamp),
        })
    }
}
