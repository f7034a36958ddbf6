use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{DocumentId, Hold, HoldReason};
use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;

use super::{row_key, sql_time, timestamp};
use crate::schema::holds;
use crate::sql_types::SqlUuid;

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = holds, treat_none_as_default_value = false)]
pub(crate) struct HoldRow {
    pub(crate) retention_class: i16,
    pub(crate) document_id: SqlUuid,
    pub(crate) reason: String,
    pub(crate) placed_at: NaiveDateTime,
    pub(crate) completed_at: Option<NaiveDateTime>,
}

impl From<&Hold> for HoldRow {
    fn from(hold: &Hold) -> Self {
        let (retention_class, document_id) = row_key(hold.document);
        Self {
            retention_class,
            document_id,
            reason: hold.reason.as_str().to_owned(),
            placed_at: sql_time(hold.placed_at),
            completed_at: hold.completed_at.map(sql_time),
        }
    }
}

impl TryFrom<HoldRow> for Hold {
    type Error = StoreError;

    fn try_from(row: HoldRow) -> Result<Self, StoreError> {
        let document = DocumentId::from_uuid(row.document_id.0).map_err(StoreError::corrupt)?;
        if row.retention_class != row_key(document).0 {
            return Err(StoreError::corrupt(format!(
                "the hold of document {document} is in another retention class"
            )));
        }
        Ok(Self {
            document,
            reason: HoldReason::parse(&row.reason).map_err(StoreError::corrupt)?,
            placed_at: timestamp(row.placed_at),
            completed_at: row.completed_at.map(timestamp),
        })
    }
}
