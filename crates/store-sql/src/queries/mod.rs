//! The ports on statements that both databases understand. This folder is compiled twice, once
//! beneath each database's module, whose `Conn`, `Store` and `dialect` it takes from there. The
//! statements of every request (`insert`, `find`, `record_release`, `find_api_key`) are not here:
//! each database has its own way to gather them, in its `hot` module.

mod accounts;
mod audit_log;
mod documents;
mod holds;
mod key_registry;
mod lists;
pub(super) mod newest;
pub(super) mod partitions;
mod private_keys;
pub(super) mod schema_version;
pub(super) mod sweeps;
mod transfer;
pub(super) mod wraps;

use crypt_keeper_domain::ports::StoreError;
use diesel::QueryResult;
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;

use super::Conn;
use crate::error::Failure;
use crate::rows::AuditRow;
use crate::schema::audit;

/// The documents behind one key, up to another: comparisons of rows, which the primary key's index
/// answers. A macro, since the type has no name.
macro_rules! between {
    ($after:expr, $last:expr) => {
        between!("(documents.retention_class, documents.id)", $after, $last)
    };
    ($key:literal, $after:expr, $last:expr) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(concat!($key, " > ("))
            .bind::<diesel::sql_types::SmallInt, _>($after.0)
            .sql(", ")
            .bind::<crate::sql_types::Id, _>($after.1)
            .sql(concat!(") AND ", $key, " <= ("))
            .bind::<diesel::sql_types::SmallInt, _>($last.0)
            .sql(", ")
            .bind::<crate::sql_types::Id, _>($last.1)
            .sql(")")
    };
}
use between;

/// What becomes of the transaction of an act.
pub(super) enum Done<T> {
    /// It is committed.
    Keep(T),
    /// It is rolled back: nothing was to be done after all.
    Undo(T),
}

/// Writes the records of an act, in its transaction.
async fn record(conn: &mut Conn, rows: &[AuditRow]) -> Result<(), Failure> {
    for row in rows {
        insert_audit(conn, row).await?;
    }
    Ok(())
}

/// What an insert comes to that has left out a row which a unique index refused.
struct InsertAnswers<T> {
    /// The row is stored.
    stored: T,
    /// It is not, and its id is free: another unique index has refused it.
    refused: T,
}

/// Ends an insert that has stored `rows` rows: with its record if that is one. If the id is taken it
/// is a conflict.
async fn end_insert<T>(
    conn: &mut Conn,
    rows: usize,
    audit: AuditRow,
    answers: InsertAnswers<T>,
    is_id_taken: impl for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, QueryResult<bool>> + Send,
) -> Result<Done<T>, Failure> {
    if rows > 0 {
        record(conn, &[audit]).await?;
        return Ok(Done::Keep(answers.stored));
    }
    if is_id_taken(conn).await? {
        return Err(StoreError::Conflict.into());
    }
    Ok(Done::Undo(answers.refused))
}

async fn insert_audit(conn: &mut Conn, row: &AuditRow) -> QueryResult<usize> {
    diesel::insert_into(audit::table)
        .values(row)
        .execute(conn)
        .await
}
