use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::query_builder::QueryId;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SmallInt, Text, Timestamp};

use super::arrays::Arrays;
use crate::rows::DocumentRow;
use crate::sql_types::{Id, SqlUuid};

/// Documents, a column each.
#[derive(QueryId, Default)]
pub(super) struct DocumentArrays {
    classes: Vec<i16>,
    ids: Vec<SqlUuid>,
    states: Vec<String>,
    versions: Vec<i64>,
    owners: Vec<SqlUuid>,
    names: Vec<String>,
    content_lengths: Vec<i64>,
    content_types: Vec<String>,
    compressed: Vec<bool>,
    formats: Vec<String>,
    wrap_algorithms: Vec<String>,
    pub(super) key_serials: Vec<i64>,
    wrapped_keys: Vec<Vec<u8>>,
    key_commitments: Vec<Vec<u8>>,
    object_keys: Vec<String>,
    sizes: Vec<Option<i64>>,
    etags: Vec<Option<String>>,
    version_ids: Vec<Option<String>>,
    created_at: Vec<NaiveDateTime>,
    expires_at: Vec<Option<NaiveDateTime>>,
    holds: Vec<bool>,
    exposed: Vec<bool>,
    early: Vec<bool>,
}

impl DocumentArrays {
    /// The columns in the order of [`bind`](Self::bind).
    pub(super) const COLUMNS: &'static str = "retention_class, id, state, version, owner, name, \
         content_length, content_type, compressed, format, wrap_algorithm, key_serial, \
         wrapped_key, key_commitment, object_key, size, etag, version_id, created_at, \
         expires_at, hold, key_exposed, expires_early";

    pub(super) fn push(&mut self, row: &DocumentRow) {
        let row = row.clone();
        self.classes.push(row.retention_class);
        self.ids.push(row.id);
        self.states.push(row.state);
        self.versions.push(row.version);
        self.owners.push(row.owner);
        self.names.push(row.name);
        self.content_lengths.push(row.content_length);
        self.content_types.push(row.content_type);
        self.compressed.push(row.compressed);
        self.formats.push(row.format);
        self.wrap_algorithms.push(row.wrap_algorithm);
        self.key_serials.push(row.key_serial);
        self.wrapped_keys.push(row.wrapped_key);
        self.key_commitments.push(row.key_commitment);
        self.object_keys.push(row.object_key);
        self.sizes.push(row.size);
        self.etags.push(row.etag);
        self.version_ids.push(row.version_id);
        self.created_at.push(row.created_at);
        self.expires_at.push(row.expires_at);
        self.holds.push(row.hold);
        self.exposed.push(row.key_exposed);
        self.early.push(row.expires_early);
    }

    pub(super) fn bind<'b>(&'b self, arrays: &mut Arrays<'_, 'b>) -> QueryResult<()> {
        arrays.bind::<SmallInt, _>(&self.classes)?;
        arrays.bind::<Id, _>(&self.ids)?;
        arrays.bind::<Text, _>(&self.states)?;
        arrays.bind::<BigInt, _>(&self.versions)?;
        arrays.bind::<Id, _>(&self.owners)?;
        arrays.bind::<Text, _>(&self.names)?;
        arrays.bind::<BigInt, _>(&self.content_lengths)?;
        arrays.bind::<Text, _>(&self.content_types)?;
        arrays.bind::<Bool, _>(&self.compressed)?;
        arrays.bind::<Text, _>(&self.formats)?;
        arrays.bind::<Text, _>(&self.wrap_algorithms)?;
        arrays.bind::<BigInt, _>(&self.key_serials)?;
        arrays.bind::<Binary, _>(&self.wrapped_keys)?;
        arrays.bind::<Binary, _>(&self.key_commitments)?;
        arrays.bind::<Text, _>(&self.object_keys)?;
        arrays.bind::<Nullable<BigInt>, _>(&self.sizes)?;
        arrays.bind::<Nullable<Text>, _>(&self.etags)?;
        arrays.bind::<Nullable<Text>, _>(&self.version_ids)?;
        arrays.bind::<Timestamp, _>(&self.created_at)?;
        arrays.bind::<Nullable<Timestamp>, _>(&self.expires_at)?;
        arrays.bind::<Bool, _>(&self.holds)?;
        arrays.bind::<Bool, _>(&self.exposed)?;
        arrays.bind::<Bool, _>(&self.early)
    }
}
