//! What SQLite has of its own for the transfer of rows. Many rows are one visit to the thread of its
//! connection, not one a row.

use std::path::Path;

use crypt_keeper_domain::ports::StoreError;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::Conn;
use super::open::Identity;
use crate::error::Failure;
use crate::rows::{ApiKeyRow, AuditRow, DocumentRow, EntryRow, HoldRow, KeyPairRow, UserRow};
use crate::schema::{api_keys, audit, documents, entries, holds, key_pairs, users};

macro_rules! insert {
    ($name:ident, $table:ident, $row:ty) => {
        /// Inserts rows that are not there.
        pub(super) async fn $name(conn: &mut Conn, rows: Vec<$row>) -> QueryResult<()> {
            conn.spawn_blocking(move |conn| {
                for row in &rows {
                    diesel::insert_into($table::table)
                        .values(row)
                        .execute(conn)?;
                }
                Ok(())
            })
            .await
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

#[derive(QueryableByName)]
struct Attached {
    #[diesel(sql_type = Text)]
    file: String,
}

/// Names the file, whatever its path.
pub(super) async fn identity(conn: &mut Conn) -> Result<String, Failure> {
    let found = conn
        .spawn_blocking(|conn| {
            // The first is the main database.
            let main: Attached = diesel::sql_query("PRAGMA database_list").get_result(conn)?;
            Ok(Identity::of(Path::new(&main.file)))
        })
        .await?;
    let identity = found.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    Ok(format!("sqlite {}:{}", identity.device, identity.inode))
}
