use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::query_builder::QueryId;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text, Timestamp};

use super::arrays::Arrays;
use crate::rows::AuditRow;
use crate::sql_types::{Id, SqlUuid};

/// Audit entries, a column each: all but `master_key` and `partition`, which no act on a document
/// has.
#[derive(QueryId, Default)]
pub(super) struct AuditArrays {
    ids: Vec<SqlUuid>,
    at: Vec<NaiveDateTime>,
    actions: Vec<String>,
    actor_kinds: Vec<String>,
    actor_ids: Vec<Option<SqlUuid>>,
    actor_api_keys: Vec<Option<String>>,
    request_ids: Vec<String>,
    addresses: Vec<Option<String>>,
    document_ids: Vec<Option<SqlUuid>>,
    principal_kinds: Vec<Option<String>>,
    principal_ids: Vec<Option<SqlUuid>>,
    rights: Vec<Option<i16>>,
    user_ids: Vec<Option<SqlUuid>>,
    api_keys: Vec<Option<String>>,
    key_serials: Vec<Option<i64>>,
}

impl AuditArrays {
    /// The columns in the order of [`bind`](Self::bind).
    pub(super) const COLUMNS: &'static str = "id, at, action, actor_kind, actor_id, \
         actor_api_key, request_id, address, document_id, principal_kind, principal_id, rights, \
         user_id, api_key, key_serial";
    /// The same of a relation `r`.
    pub(super) const COLUMNS_OF_R: &'static str = "r.id, r.at, r.action, r.actor_kind, r.actor_id, \
         r.actor_api_key, r.request_id, r.address, r.document_id, r.principal_kind, \
         r.principal_id, r.rights, r.user_id, r.api_key, r.key_serial";

    pub(super) fn push(&mut self, row: &AuditRow) {
        let row = row.clone();
        self.ids.push(row.id);
        self.at.push(row.at);
        self.actions.push(row.action);
        self.actor_kinds.push(row.actor_kind);
        self.actor_ids.push(row.actor_id);
        self.actor_api_keys.push(row.actor_api_key);
        self.request_ids.push(row.request_id);
        self.addresses.push(row.address);
        self.document_ids.push(row.document_id);
        self.principal_kinds.push(row.principal_kind);
        self.principal_ids.push(row.principal_id);
        self.rights.push(row.rights);
        self.user_ids.push(row.user_id);
        self.api_keys.push(row.api_key);
        self.key_serials.push(row.key_serial);
    }

    pub(super) fn bind<'b>(&'b self, arrays: &mut Arrays<'_, 'b>) -> QueryResult<()> {
        arrays.bind::<Id, _>(&self.ids)?;
        arrays.bind::<Timestamp, _>(&self.at)?;
        arrays.bind::<Text, _>(&self.actions)?;
        arrays.bind::<Text, _>(&self.actor_kinds)?;
        arrays.bind::<Nullable<Id>, _>(&self.actor_ids)?;
        arrays.bind::<Nullable<Text>, _>(&self.actor_api_keys)?;
        arrays.bind::<Text, _>(&self.request_ids)?;
        arrays.bind::<Nullable<Text>, _>(&self.addresses)?;
        arrays.bind::<Nullable<Id>, _>(&self.document_ids)?;
        arrays.bind::<Nullable<Text>, _>(&self.principal_kinds)?;
        arrays.bind::<Nullable<Id>, _>(&self.principal_ids)?;
        arrays.bind::<Nullable<SmallInt>, _>(&self.rights)?;
        arrays.bind::<Nullable<Id>, _>(&self.user_ids)?;
        arrays.bind::<Nullable<Text>, _>(&self.api_keys)?;
        arrays.bind::<Nullable<BigInt>, _>(&self.key_serials)
    }
}
