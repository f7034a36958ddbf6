//! Rewraps as PostgreSQL is given them: a statement over arrays for each step of a batch.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::Conn;
use super::queries::wraps::NewWrap;
use crate::rows::{AuditRow, Key};
use crate::schema::audit;
use crate::sql_types::{Id, SqlUuid};

#[derive(QueryableByName)]
struct Under {
    #[diesel(sql_type = SmallInt)]
    retention_class: i16,
    #[diesel(sql_type = Id)]
    id: SqlUuid,
    #[diesel(sql_type = BigInt)]
    key_serial: i64,
}

/// Locks documents, in the order of their keys in which everybody locks them; the serials that they
/// are wrapped under, of those that are there.
pub(super) async fn lock(conn: &mut Conn, keys: Vec<Key>) -> QueryResult<HashMap<Key, i64>> {
    let (classes, ids): (Vec<i16>, Vec<SqlUuid>) = keys.into_iter().unzip();
    let locked: Vec<Under> = diesel::sql_query(
        "SELECT d.retention_class, d.id, d.key_serial FROM documents d \
         JOIN unnest($1, $2) AS a (class, id) ON d.retention_class = a.class AND d.id = a.id \
         ORDER BY d.retention_class, d.id FOR NO KEY UPDATE OF d",
    )
    .bind::<Array<SmallInt>, _>(classes)
    .bind::<Array<Id>, _>(ids)
    .load(conn)
    .await?;
    let under = |row: Under| ((row.retention_class, row.id), row.key_serial);
    Ok(locked.into_iter().map(under).collect())
}

/// Writes wraps of documents that are locked, one for each, and their records.
pub(super) async fn write(conn: &mut Conn, wraps: Vec<NewWrap>) -> QueryResult<()> {
    let expected = wraps.len();
    let mut columns = Columns::default();
    for wrap in wraps {
        columns.push(wrap);
    }
    let written = diesel::sql_query(
        "UPDATE documents d SET key_serial = a.serial, wrap_algorithm = a.algorithm, \
           wrapped_key = a.bytes, key_commitment = a.commitment, \
           key_exposed = d.key_exposed OR a.exposed \
         FROM unnest($1, $2, $3, $4, $5, $6, $7) \
           AS a (class, id, serial, algorithm, bytes, commitment, exposed) \
         WHERE d.retention_class = a.class AND d.id = a.id",
    )
    .bind::<Array<SmallInt>, _>(columns.classes)
    .bind::<Array<Id>, _>(columns.ids)
    .bind::<Array<BigInt>, _>(columns.serials)
    .bind::<Array<Text>, _>(columns.algorithms)
    .bind::<Array<Binary>, _>(columns.bytes)
    .bind::<Array<Binary>, _>(columns.commitments)
    .bind::<Array<Bool>, _>(columns.exposed)
    .execute(conn)
    .await?;
    if written != expected {
        // They are locked: they cannot have gone.
        return Err(diesel::result::Error::RollbackTransaction);
    }
    diesel::insert_into(audit::table)
        .values(&columns.audit)
        .execute(conn)
        .await?;
    Ok(())
}

#[derive(Default)]
struct Columns {
    classes: Vec<i16>,
    ids: Vec<SqlUuid>,
    serials: Vec<i64>,
    algorithms: Vec<&'static str>,
    bytes: Vec<Vec<u8>>,
    commitments: Vec<Vec<u8>>,
    exposed: Vec<bool>,
    audit: Vec<AuditRow>,
}

impl Columns {
    fn push(&mut self, wrap: NewWrap) {
        self.classes.push(wrap.key.0);
        self.ids.push(wrap.key.1);
        self.serials.push(wrap.serial.as_i64());
        self.algorithms.push(wrap.algorithm);
        self.bytes.push(wrap.bytes);
        self.commitments.push(wrap.commitment);
        self.exposed.push(wrap.exposed);
        self.audit.push(wrap.audit);
    }
}
