use async_trait::async_trait;
use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{DocumentId, Page, PageRequest, Record, Timestamp};
use crypt_keeper_domain::ports::{Change, ExpiredDocument, StoreError, Sweeps};
use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Database, Store, dialect, partitions};
use super::accounts::one_more;
use super::documents::{is_there, missing};
use super::{Done, record};
use crate::error::Failure;
use crate::rows::{AuditRow, Key, Place, row_key, sql_time, timestamp};
use crate::schema::{documents, entries};
use crate::sql_types::{Id, SqlUuid};

#[async_trait]
impl Sweeps for Store {
    async fn expired_early(
        &self,
        at: Timestamp,
        page: &PageRequest<ExpiredDocument>,
    ) -> Result<Page<ExpiredDocument, ExpiredDocument>, StoreError> {
        let page = page.clone();
        self.read(move |conn| expired(conn, at, page).boxed()).await
    }

    async fn remove_document(
        &self,
        id: DocumentId,
        seen_version: i64,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let key = row_key(id);
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| remove(conn, key, seen_version, audit).boxed())
            .await
    }
}

type Row = (Option<NaiveDateTime>, SqlUuid, i64);
type Columns = (
    sql_types::Nullable<sql_types::Timestamp>,
    Id,
    sql_types::BigInt,
);

/// By the moment of their expiry, then by id: the order of an index that has no others. The
/// condition is the index's own, word for word.
pub(in super::super) fn due(
    at: Timestamp,
    page: &PageRequest<ExpiredDocument>,
) -> documents::BoxedQuery<'static, Database, Columns> {
    let mut query = documents::table
        .filter(documents::expires_early)
        .filter(not(documents::hold))
        .filter(documents::retention_class.lt(Place::Partitions.last().0))
        .filter(documents::expires_at.le(sql_time(at)))
        .order((documents::expires_at.asc(), documents::id.asc()))
        .limit(one_more(page.limit))
        .select((documents::expires_at, documents::id, documents::version))
        .into_boxed::<Database>();
    if let Some(after) = page.after {
        query = query.filter(
            sql::<sql_types::Bool>("(documents.expires_at, documents.id) > (")
                .bind::<sql_types::Timestamp, _>(sql_time(after.expired_at))
                .sql(", ")
                .bind::<Id, _>(SqlUuid(after.id.uuid()))
                .sql(")"),
        );
    }
    query
}

async fn expired(
    conn: &mut Conn,
    at: Timestamp,
    page: PageRequest<ExpiredDocument>,
) -> Result<Page<ExpiredDocument, ExpiredDocument>, Failure> {
    let at = at.min(dialect::now(conn).await?);
    let rows: Vec<Row> = due(at, &page).load(conn).await?;
    // Of all partitions: in the order of their moments, they are anywhere.
    let all = Place::Partitions;
    partitions::must_be_whole(conn, all.first(), all.last()).await?;
    let mut expired = Vec::with_capacity(rows.len());
    for (expired_at, id, version) in rows {
        // Null is not before any moment.
        let Some(expired_at) = expired_at else {
            continue;
        };
        expired.push(ExpiredDocument {
            expired_at: timestamp(expired_at),
            id: DocumentId::from_uuid(id.0).map_err(StoreError::corrupt)?,
            version,
        });
    }
    Ok(Page::cut(expired, page.limit, |document| *document))
}

/// The document first: whoever grants keeps it where it is, so that no entry comes behind.
async fn remove(
    conn: &mut Conn,
    key: Key,
    seen_version: i64,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    let seen = documents::table
        .find(key)
        .filter(documents::version.eq(seen_version))
        .filter(not(documents::hold));
    if diesel::delete(seen).execute(conn).await? == 0 {
        return Ok(Done::Undo(if is_there(conn, key).await? {
            Change::Stale
        } else {
            missing(conn, key).await?
        }));
    }
    let of_document = entries::table
        .filter(entries::retention_class.eq(key.0))
        .filter(entries::document_id.eq(key.1));
    diesel::delete(of_document).execute(conn).await?;
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}
