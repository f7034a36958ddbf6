//! What PostgreSQL has of its own for the transfer of rows. Many rows are few statements, not one a
//! row.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::error::Failure;
use crate::rows::{ApiKeyRow, AuditRow, DocumentRow, EntryRow, HoldRow, KeyPairRow, UserRow};
use crate::schema::{api_keys, audit, documents, entries, holds, key_pairs, users};

/// Rows of one statement: its parameters are counted in 16 bits, and a row has 22 columns at most.
const ROWS: usize = 1000;

macro_rules! insert {
    ($name:ident, $table:ident, $row:ty) => {
        /// Inserts rows that are not there.
        pub(super) async fn $name(conn: &mut Conn, rows: Vec<$row>) -> QueryResult<()> {
            for rows in rows.chunks(ROWS) {
                diesel::insert_into($table::table)
                    .values(rows)
                    .execute(conn)
                    .await?;
            }
            Ok(())
        }
    };
}

insert!(insert_documents, documents, DocumentRow);
insert!(insert_entries, entries, EntryRow);
insert!(insert_users, users, UserRow);
insert!(insert_api_keys, api_keys, ApiKeyRow);
insert!(insert_pairs, key_pairs, KeyPairRow);
insert!(insert_holds, holds, HoldRow);
insert!(insert_audit, audit, AuditRow);

/// Names the server by when it was started, which no two share to the microsecond and everybody may
/// ask, and what its database and schema are to it.
const IDENTITY: &str = "(SELECT 'postgres ' \
    || extract(epoch FROM pg_postmaster_start_time())::text \
    || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())::text \
    || ' ' || coalesce(current_schema()::text, ''))";

/// Names the database, by whatever address it is reached.
pub(super) async fn identity(conn: &mut Conn) -> Result<String, Failure> {
    Ok(diesel::select(sql::<Text>(IDENTITY))
        .get_result(conn)
        .await?)
}
