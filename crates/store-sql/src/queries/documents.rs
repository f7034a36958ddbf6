use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentState, Entry, Page, PageRequest, Principal, Record, Serial,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, Found, InsertOutcome, MetadataStore, Release,
    ReleaseOutcome, Rewrap, RewrapOutcome, StoreError, WalkStep, Walked, Wraps,
};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Store, dialect, hot, partitions};
use super::lists::list;
use super::{Done, record, wraps};
use crate::error::Failure;
use crate::rows::{AuditRow, EntryRow, Key, Place, sql_time, stored_size};
use crate::schema::{documents, entries};
use crate::sql_types::SqlUuid;
use crate::sql_types::operators::{bit_or, differs};

#[async_trait]
impl MetadataStore for Store {
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        act: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        hot::insert(self, document, owner_entry, act).await
    }

    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        hot::find(self, id, principals).await
    }

    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError> {
        let (class, id) = self.place.key(id);
        self.read(move |conn| {
            async move {
                let rows = entries::table
                    .filter(entries::retention_class.eq(class))
                    .filter(entries::document_id.eq(id))
                    .order((
                        entries::granted_at.asc(),
                        entries::principal_kind.asc(),
                        entries::principal_id.asc(),
                    ))
                    .select(EntryRow::as_select())
                    .load(conn)
                    .await?;
                if rows.is_empty() {
                    partitions::must_be_in_reach(conn, (class, id)).await?;
                }
                Ok(rows
                    .into_iter()
                    .map(Entry::try_from)
                    .collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        let (place, filter, page) = (self.place, filter.clone(), page.clone());
        self.read(move |conn| list(conn, place, filter, page).boxed())
            .await
    }

    async fn grant(&self, entry: &Entry, act: &Record) -> Result<Change, StoreError> {
        let row = self.place.entry(entry);
        let held = (self.place != Place::Held).then(|| Place::Held.entry(entry));
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| grant(conn, row, held, audit).boxed())
            .await
    }

    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let (key, held) = (self.place.key(id), Place::Held.key(id));
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| revoke(conn, key, held, principal, audit).boxed())
            .await
    }

    async fn record_release(
        &self,
        release: &Release,
        act: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        hot::record_release(self, release, act).await
    }

    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let (key, change) = (self.place.key(id), change.clone());
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| {
            async move {
                let changed = update(conn, key, seen_version, change).await?;
                if changed > 0 {
                    record(conn, &[audit]).await?;
                    return Ok(Done::Keep(Change::Changed));
                }
                Ok(Done::Undo(if is_there(conn, key).await? {
                    Change::Stale
                } else {
                    missing(conn, key).await?
                }))
            }
            .boxed()
        })
        .await
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError> {
        let new = |rewrap| wraps::NewWrap::new(self.place, rewrap);
        let rewraps = rewraps.iter().map(new).collect();
        self.write(move |conn| wraps::rewrap(conn, rewraps).boxed())
            .await
    }

    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError> {
        let step = wraps::Step::new(self.place, step);
        self.write(move |conn| wraps::mark_exposed(conn, serial, step).boxed())
            .await
    }

    async fn count_wrapped_by(
        &self,
        serial: Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        let step = wraps::Step::new(self.place, step);
        self.read(move |conn| wraps::count(conn, serial, step).boxed())
            .await
    }

    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError> {
        let step = wraps::Step::new(self.place, step);
        self.read(move |conn| wraps::under(conn, serial, step).boxed())
            .await
    }
}

pub(super) async fn is_there(conn: &mut Conn, key: Key) -> QueryResult<bool> {
    diesel::select(exists(documents::table.find(key)))
        .get_result(conn)
        .await
}

/// What a change of a document that is not found comes to.
pub(super) async fn missing(conn: &mut Conn, key: Key) -> Result<Change, Failure> {
    partitions::must_be_in_reach(conn, key).await?;
    Ok(Change::Missing)
}

/// Takes an entry away from a document, and from the copy that a hold keeps of it. One after the
/// other: whoever makes the copy meanwhile has locked the entry, so that the first statement waits,
/// and the second sees the copy.
async fn revoke(
    conn: &mut Conn,
    key: Key,
    held: Key,
    principal: Principal,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    let mut revoked = 0;
    for (class, document) in [key, held] {
        let kind = principal.kind().as_str();
        let entry = entries::table.find((class, document, kind, SqlUuid(principal.id())));
        revoked += diesel::delete(entry).execute(conn).await?;
    }
    if !is_there(conn, key).await? {
        return Ok(Done::Undo(missing(conn, key).await?));
    }
    if revoked == 0 {
        return Ok(Done::Undo(Change::Unchanged));
    }
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}

/// In the copy that a legal hold keeps as well, if it is there: whoever makes one waits for us, or is
/// waited for.
async fn grant(
    conn: &mut Conn,
    row: EntryRow,
    held: Option<EntryRow>,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    let key = (row.retention_class, row.document_id);
    if !dialect::keep_document(conn, key).await? {
        return Ok(Done::Undo(missing(conn, key).await?));
    }
    let mut rows = vec![row];
    if let Some(row) = held
        && dialect::keep_document(conn, (row.retention_class, row.document_id)).await?
    {
        rows.push(row);
    }
    let mut changed = 0;
    for row in rows {
        changed += add_rights(conn, row).await?;
    }
    if changed == 0 {
        return Ok(Done::Undo(Change::Unchanged));
    }
    record(conn, &[audit]).await?;
    Ok(Done::Keep(Change::Changed))
}

/// Adds rights in one statement, so that two who grant at once lose none.
async fn add_rights(conn: &mut Conn, row: EntryRow) -> QueryResult<usize> {
    let united = || bit_or(entries::rights, excluded(entries::rights));
    let upsert = diesel::insert_into(entries::table)
        .values(&row)
        .on_conflict((
            entries::retention_class,
            entries::document_id,
            entries::principal_kind,
            entries::principal_id,
        ))
        .do_update()
        .set((
            entries::rights.eq(united()),
            entries::granted_by.eq(excluded(entries::granted_by)),
            entries::granted_at.eq(excluded(entries::granted_at)),
            entries::expires_at.eq(excluded(entries::expires_at)),
        ));
    let gives_more = united().ne(entries::rights);
    let ends_otherwise = differs(entries::expires_at, excluded(entries::expires_at));
    diesel::query_dsl::methods::FilterDsl::filter(upsert, gives_more.or(ends_otherwise))
        .execute(conn)
        .await
}

async fn update(
    conn: &mut Conn,
    key: Key,
    seen_version: i64,
    change: DocumentChange,
) -> QueryResult<usize> {
    let seen = documents::table
        .find(key)
        .filter(documents::version.eq(seen_version));
    let next = documents::version.eq(documents::version + 1);
    match change {
        DocumentChange::Confirm(object) => {
            diesel::update(seen)
                .set((
                    next,
                    documents::state.eq(DocumentState::Available.as_str()),
                    documents::size.eq(stored_size(&object)),
                    documents::etag.eq(object.etag),
                    documents::version_id.eq(object.version_id),
                ))
                .execute(conn)
                .await
        }
        DocumentChange::State(state) => {
            diesel::update(seen)
                .set((next, documents::state.eq(state.as_str())))
                .execute(conn)
                .await
        }
        DocumentChange::ExpiresAt(end) => {
            diesel::update(seen)
                .set((
                    next,
                    documents::expires_at.eq(end.map(sql_time)),
                    documents::expires_early.eq(end.is_some()),
                ))
                .execute(conn)
                .await
        }
    }
}
