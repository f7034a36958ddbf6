use crypt_keeper_domain::model::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{Conn, Database, dialect};
use crate::error::OpenError;
use crate::migrate::{Migrations, SchemaStatus};
use crate::schema::__diesel_schema_migrations;

/// How the tables compare with what this program needs.
pub(in super::super) async fn schema_status(
    conn: &mut Conn,
    migrations: Migrations,
) -> Result<SchemaStatus, OpenError> {
    let applied = if dialect::has_migrations_table(conn).await? {
        __diesel_schema_migrations::table
            .select(__diesel_schema_migrations::version)
            .load(conn)
            .await?
    } else {
        Vec::new()
    };
    migrations.status::<Database>(&applied)
}

/// How many milliseconds the database's clock is ahead of `now`; negative if it is behind.
pub(in super::super) async fn clock_skew(conn: &mut Conn, now: Timestamp) -> QueryResult<i64> {
    let there = dialect::now(conn).await?;
    Ok((there.as_micros() - now.as_micros()) / 1000)
}
