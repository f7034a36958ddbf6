//! Legal holds. The copies of held documents are rows of the same tables (`rows/place.rs`).
//!
//! Against each other: the partition's row of the catalogue is shared while a hold begins, and
//! whoever empties the partition locks it before it counts the holds that are not complete. The
//! hold's row is locked while it is completed or taken off. Document and entries are locked while
//! they are copied: no grant and no revoke of a moment before is left out.

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    DocumentId, DocumentState, Hold, KeyPair, ObjectKey, Page, PageRequest, Partition,
    PartitionState, Record, WrappedKey,
};
use crypt_keeper_domain::ports::{Change, HoldOutcome, Holds, StoreError};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, SmallInt};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Database, Store, dialect};
use super::accounts::one_more;
use super::documents::missing;
use super::{Done, record};
use crate::error::Failure;
use crate::rows::{AuditRow, DocumentRow, HoldRow, Key, Place, named, row_key};
use crate::schema::{documents, entries, holds};
use crate::sql_types::{Id, SqlUuid};

/// The mark of a document that a hold keeps; a change like any other.
macro_rules! marked {
    ($held:expr) => {
        (
            documents::hold.eq($held),
            documents::version.eq(documents::version + 1),
        )
    };
}

#[async_trait]
impl Holds for Store {
    async fn begin_hold(&self, hold: &Hold, act: &Record) -> Result<HoldOutcome, StoreError> {
        let partition = hold.document.partition();
        let row = HoldRow {
            completed_at: None,
            ..HoldRow::from(hold)
        };
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| begin(conn, partition, row, audit).boxed())
            .await
    }

    async fn complete_hold(
        &self,
        id: DocumentId,
        wrapped: &WrappedKey,
        object_key: &ObjectKey,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let copy = Copy {
            wrapped: wrapped.clone(),
            object_key: object_key.clone(),
        };
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| complete(conn, id, copy, audit).boxed())
            .await
    }

    async fn end_hold(&self, id: DocumentId, act: &Record) -> Result<Change, StoreError> {
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| end(conn, id, audit).boxed()).await
    }

    async fn find_hold(&self, id: DocumentId) -> Result<Option<Hold>, StoreError> {
        self.read(move |conn| {
            async move {
                let row = holds::table
                    .find(row_key(id))
                    .select(HoldRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                Ok(row.map(Hold::try_from).transpose()?)
            }
            .boxed()
        })
        .await
    }

    async fn list_holds(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Hold, DocumentId>, StoreError> {
        let page = page.clone();
        self.read(move |conn| list(conn, page).boxed()).await
    }

    async fn incomplete_holds(&self, partition: Partition) -> Result<u64, StoreError> {
        self.read(move |conn| incomplete(conn, partition).boxed())
            .await
    }
}

async fn begin(
    conn: &mut Conn,
    partition: Partition,
    row: HoldRow,
    audit: AuditRow,
) -> Result<Done<HoldOutcome>, Failure> {
    let key = (row.retention_class, row.document_id);
    let entered = diesel::insert_into(holds::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if entered == 0 {
        return Ok(Done::Undo(HoldOutcome::AlreadyHeld));
    }
    if let Some(state) = dialect::share_partition(conn, partition).await? {
        let state: PartitionState = named(&state)?;
        if state >= PartitionState::Emptying {
            return Ok(Done::Undo(HoldOutcome::TooLate));
        }
    }
    let live = documents::table
        .find(key)
        .filter(documents::state.ne(DocumentState::Deleted.as_str()));
    let marked = diesel::update(live)
        .set(marked!(true))
        .execute(conn)
        .await?;
    if marked == 0 {
        missing(conn, key).await?;
        return Ok(Done::Undo(HoldOutcome::Missing));
    }
    record(conn, &[audit]).await?;
    Ok(Done::Keep(HoldOutcome::Begun))
}

/// What differs between a document and its copy.
struct Copy {
    wrapped: WrappedKey,
    object_key: ObjectKey,
}

async fn complete(
    conn: &mut Conn,
    id: DocumentId,
    copy: Copy,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    let (key, held) = (row_key(id), Place::Held.key(id));
    let Some(hold) = dialect::lock_hold(conn, key).await? else {
        return Ok(Done::Undo(Change::Missing));
    };
    if hold.completed_at.is_some() {
        return Ok(Done::Undo(Change::Unchanged));
    }
    if !may_have_wrapped(conn, &copy.wrapped).await? {
        return Ok(Done::Undo(Change::Stale));
    }
    let Some(document) = dialect::lock_document(conn, key).await? else {
        return Ok(Done::Undo(missing(conn, key).await?));
    };
    diesel::insert_into(documents::table)
        .values(copy.of(document, held))
        .execute(conn)
        .await?;
    copy_entries(conn, key, held).await?;
    diesel::update(holds::table.find(key))
        .set(holds::completed_at.eq(audit.at))
        .execute(conn)
        .await?;
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}

impl Copy {
    fn of(self, document: DocumentRow, (retention_class, id): Key) -> DocumentRow {
        DocumentRow {
            retention_class,
            id,
            wrap_algorithm: self.wrapped.algorithm.as_str().to_owned(),
            key_serial: self.wrapped.serial.as_i64(),
            wrapped_key: self.wrapped.bytes,
            key_commitment: self.wrapped.commitment.as_bytes().to_vec(),
            object_key: self.object_key.as_str().to_owned(),
            ..document
        }
    }
}

/// As for inserts: whoever ends the pair's active life waits for our commit, or is seen.
async fn may_have_wrapped(conn: &mut Conn, wrapped: &WrappedKey) -> Result<bool, Failure> {
    let serial = wrapped.serial.as_i64();
    let Some(row) = dialect::share_pairs(conn, &[serial]).await?.pop() else {
        return Ok(false);
    };
    let pair = KeyPair::try_from(row)?;
    Ok(pair.state.may_wrap() && pair.scope == wrapped.scope && pair.algorithm == wrapped.algorithm)
}

/// Copies the entries of a document that is locked.
async fn copy_entries(conn: &mut Conn, key: Key, held: Key) -> QueryResult<()> {
    dialect::share_entries(conn, key).await?;
    let copies = entries::table
        .filter(entries::retention_class.eq(key.0))
        .filter(entries::document_id.eq(key.1))
        .select((
            held.0.into_sql::<SmallInt>(),
            entries::document_id,
            entries::principal_kind,
            entries::principal_id,
            entries::rights,
            entries::granted_by,
            entries::granted_at,
            entries::expires_at,
        ));
    diesel::insert_into(entries::table)
        .values(copies)
        .into_columns((
            entries::retention_class,
            entries::document_id,
            entries::principal_kind,
            entries::principal_id,
            entries::rights,
            entries::granted_by,
            entries::granted_at,
            entries::expires_at,
        ))
        .execute(conn)
        .await?;
    Ok(())
}

async fn end(conn: &mut Conn, id: DocumentId, audit: AuditRow) -> Result<Done<Change>, Failure> {
    let (key, (held_class, held_id)) = (row_key(id), Place::Held.key(id));
    let ended = diesel::delete(holds::table.find(key)).execute(conn).await?;
    if ended == 0 {
        return Ok(Done::Undo(Change::Missing));
    }
    // In the order of their keys, as everybody locks documents; entries come after.
    diesel::update(documents::table.find(key))
        .set(marked!(false))
        .execute(conn)
        .await?;
    diesel::delete(documents::table.find((held_class, held_id)))
        .execute(conn)
        .await?;
    let copies = entries::table
        .filter(entries::retention_class.eq(held_class))
        .filter(entries::document_id.eq(held_id));
    diesel::delete(copies).execute(conn).await?;
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}

async fn list(
    conn: &mut Conn,
    page: PageRequest<DocumentId>,
) -> Result<Page<Hold, DocumentId>, Failure> {
    let mut query = holds::table
        .order((holds::retention_class.asc(), holds::document_id.asc()))
        .limit(one_more(page.limit))
        .select(HoldRow::as_select())
        .into_boxed::<Database>();
    if let Some(after) = page.after {
        let (class, id) = row_key(after);
        query = query.filter(
            sql::<Bool>("(retention_class, document_id) > (")
                .bind::<SmallInt, _>(class)
                .sql(", ")
                .bind::<Id, _>(id)
                .sql(")"),
        );
    }
    let rows: Vec<HoldRow> = query.load(conn).await?;
    let holds = rows.into_iter().map(Hold::try_from);
    let holds = holds.collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(holds, page.limit, |hold| hold.document))
}

/// How many holds of a partition's documents are begun and not complete.
pub(super) async fn incomplete(conn: &mut Conn, partition: Partition) -> Result<u64, Failure> {
    let mut query = holds::table
        .filter(holds::retention_class.eq(i16::from(partition.class().number())))
        .filter(holds::completed_at.is_null())
        .into_boxed::<Database>();
    if let Some((first, after)) = partition.id_range() {
        query = query
            .filter(holds::document_id.ge(SqlUuid(first)))
            .filter(holds::document_id.lt(SqlUuid(after)));
    }
    let count: i64 = query.count().get_result(conn).await?;
    Ok(count.unsigned_abs())
}
