//! Rewraps as SQLite is given them: a batch is a visit to the thread of its connection, not one a
//! statement. A write transaction is alone: rows need no locks.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Conn;
use super::queries::wraps::NewWrap;
use crate::rows::Key;
use crate::schema::{audit, documents};

/// The serials that documents are wrapped under, of those that are there.
pub(super) async fn lock(conn: &mut Conn, keys: Vec<Key>) -> QueryResult<HashMap<Key, i64>> {
    conn.spawn_blocking(move |conn| {
        let mut under = HashMap::new();
        for key in keys {
            let serial: Option<i64> = documents::table
                .find(key)
                .select(documents::key_serial)
                .get_result(conn)
                .optional()?;
            under.extend(serial.map(|serial| (key, serial)));
        }
        Ok(under)
    })
    .await
}

/// Writes wraps of documents that are there, one for each, and their records.
pub(super) async fn write(conn: &mut Conn, wraps: Vec<NewWrap>) -> QueryResult<()> {
    conn.spawn_blocking(move |conn| {
        for wrap in wraps {
            let exposed = documents::key_exposed.or(wrap.exposed.into_sql::<Bool>());
            diesel::update(documents::table.find(wrap.key))
                .set((
                    documents::key_serial.eq(wrap.serial.as_i64()),
                    documents::wrap_algorithm.eq(wrap.algorithm),
                    documents::wrapped_key.eq(&wrap.bytes),
                    documents::key_commitment.eq(&wrap.commitment),
                    documents::key_exposed.eq(exposed),
                ))
                .execute(conn)?;
            diesel::insert_into(audit::table)
                .values(&wrap.audit)
                .execute(conn)?;
        }
        Ok(())
    })
    .await
}
