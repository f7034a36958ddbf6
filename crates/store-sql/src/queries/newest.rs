//! Pages of documents, the newest first: those of an owner, and those that somebody has an entry of.
//!
//! Their ids are read first, class by class, each class backwards in the order of an index, and
//! merged; then the rows of the page, by their keys. So a page costs a page, however many documents
//! its reader has, and whatever the planner thinks of them: it is left no other way that would give
//! the order.
//!
//! The statements of a page need not see one moment: an id never changes, so what is there all the
//! while is seen by each of them, and what comes or goes meanwhile may be seen or not in any case.

use std::cmp::Reverse;
use std::collections::HashMap;

use crypt_keeper_domain::model::{
    Document, DocumentId, Page, PageRequest, Principal, RetentionClass, UserId,
};
use diesel::dsl::{AsSelect, Eq, IntoBoxed, LeftJoinOn, Nullable, Select, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::SmallInt;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::{Conn, Database, dialect, partitions};
use super::lists::{ListedRow, readable};
use crate::error::Failure;
use crate::rows::{DocumentRow, Key, Place};
use crate::schema::{documents, entries, key_pairs};
use crate::sql_types::{Id, SqlUuid};

/// Whose documents are listed.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Whose {
    /// Those that a user uploaded.
    OwnedBy(UserId),
    /// Those that somebody has an entry of.
    VisibleTo(Principal),
}

/// The ids between two, which are not among them.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Span {
    pub(in super::super) above: Uuid,
    pub(in super::super) below: Uuid,
}

impl Span {
    /// Neither the least nor the greatest UUID is an id.
    pub(in super::super) const WHOLE: Self = Self {
        above: Uuid::nil(),
        below: Uuid::max(),
    };
}

/// A page of the documents of any of these.
pub(super) async fn newest_first(
    conn: &mut Conn,
    place: Place,
    whose: &[Whose],
    page: PageRequest<DocumentId>,
) -> Result<Page<Document, DocumentId>, Failure> {
    let limit = page.limit.get();
    let mut keys = newest(conn, place, whose, page.after, limit + 1).await?;
    let is_more = keys.len() > limit;
    keys.truncate(limit);
    let rows = load(conn, &keys).await?;
    let last = keys.last().filter(|_| is_more);
    let last = last.and_then(|(_, id)| DocumentId::from_uuid(id.0).ok());
    partitions::must_be_whole_newest_first(conn, place, page.after, last).await?;
    let count = rows.len();
    let mut page = readable(rows, is_more)?;
    if is_more && page.items.len() == count {
        // Also if the last one has gone meanwhile.
        page.next = last.or(page.next);
    }
    Ok(page)
}

/// The keys of the newest documents behind a cursor: in the order of
/// [`DocumentId::newest_first`], for the class of a row is that of its id.
async fn newest(
    conn: &mut Conn,
    place: Place,
    whose: &[Whose],
    after: Option<DocumentId>,
    wanted: usize,
) -> QueryResult<Vec<Key>> {
    let import = place.class(RetentionClass::IMPORT);
    let classes = classes(conn, place, whose).await?;
    let is_among_import = after.is_some_and(|after| after.class() == RetentionClass::IMPORT);
    let behind = |after: Option<DocumentId>| Span {
        below: after.map_or(Span::WHOLE.below, DocumentId::uuid),
        ..Span::WHOLE
    };
    let mut found = Vec::new();
    if !is_among_import {
        let others = classes.iter().filter(|class| **class != import);
        merge(conn, whose, others, behind(after), wanted, &mut found).await?;
    }
    if found.len() < wanted {
        let (mut last, wanted) = (Vec::new(), wanted - found.len());
        let span = behind(after.filter(|_| is_among_import));
        let classes = classes.iter().filter(|class| **class == import);
        merge(conn, whose, classes, span, wanted, &mut last).await?;
        found.append(&mut last);
    }
    Ok(found)
}

/// The keys of the greatest ids of some classes.
async fn merge(
    conn: &mut Conn,
    whose: &[Whose],
    classes: impl Iterator<Item = &i16> + Send,
    mut span: Span,
    wanted: usize,
    found: &mut Vec<Key>,
) -> QueryResult<()> {
    for class in classes {
        for one in whose {
            let ids: Vec<SqlUuid> = match one {
                Whose::OwnedBy(owner) => owned(*owner, *class, span, wanted).load(conn).await?,
                Whose::VisibleTo(reader) => {
                    visible(*reader, *class, span, wanted).load(conn).await?
                }
            };
            found.extend(ids.into_iter().map(|id| (*class, id)));
            found.sort_unstable_by_key(|(class, id)| Reverse((id.0, *class)));
            // Several may have an entry of one document.
            found.dedup();
            found.truncate(wanted);
            if let Some((_, last)) = found.get(wanted - 1) {
                // What is older has no place any more.
                span.above = last.0;
            }
        }
    }
    Ok(())
}

/// The classes that there may be documents of.
async fn classes(conn: &mut Conn, place: Place, whose: &[Whose]) -> QueryResult<Vec<i16>> {
    if place == Place::Partitions
        && let Some(classes) = dialect::classes_with_tables(conn).await?
    {
        return Ok(classes);
    }
    // Where all classes lie in one table, an index knows those of an owner or reader.
    let mut classes = Vec::new();
    for one in whose {
        let mut class = place.first().0;
        while let Some(next) = class_behind(conn, *one, class, place.last().0).await? {
            classes.push(next);
            class = next;
        }
    }
    classes.sort_unstable();
    classes.dedup();
    Ok(classes)
}

/// The next class of which somebody has documents, below another.
async fn class_behind(
    conn: &mut Conn,
    whose: Whose,
    class: i16,
    end: i16,
) -> QueryResult<Option<i16>> {
    match whose {
        Whose::OwnedBy(owner) => {
            documents::table
                .filter(documents::owner.eq(SqlUuid(owner.uuid())))
                .filter(documents::retention_class.gt(literal(class)))
                .filter(documents::retention_class.lt(literal(end)))
                .order(documents::retention_class.asc())
                .select(documents::retention_class)
                .first(conn)
                .await
        }
        Whose::VisibleTo(reader) => {
            entries::table
                .filter(entries::principal_id.eq(SqlUuid(reader.id())))
                .filter(entries::principal_kind.eq(reader.kind().as_str()))
                .filter(entries::retention_class.gt(literal(class)))
                .filter(entries::retention_class.lt(literal(end)))
                .order(entries::retention_class.asc())
                .select(entries::retention_class)
                .first(conn)
                .await
        }
    }
    .optional()
}

/// A class in the text of a statement, not beside it: PostgreSQL plans with the tables of that class
/// alone. diesel keeps no such statement prepared: each is planned for its own ids, and leaves out
/// the partitions that they are not in.
fn literal(class: i16) -> SqlLiteral<SmallInt> {
    sql(&class.to_string())
}

/// The greatest ids of a class that a user uploaded.
pub(in super::super) fn owned(
    owner: UserId,
    class: i16,
    span: Span,
    wanted: usize,
) -> documents::BoxedQuery<'static, Database, Id> {
    let (above, below) = (SqlUuid(span.above), SqlUuid(span.below));
    let query = documents::table
        .filter(documents::retention_class.eq(literal(class)))
        .filter(documents::id.gt(above))
        .filter(documents::id.lt(below))
        .limit(i64::try_from(wanted).unwrap_or(i64::MAX))
        .select(documents::id)
        .into_boxed();
    dialect::of_owner(query, SqlUuid(owner.uuid()), class, (above, below))
}

/// The greatest ids of a class that somebody has an entry of.
pub(in super::super) fn visible(
    reader: Principal,
    class: i16,
    span: Span,
    wanted: usize,
) -> entries::BoxedQuery<'static, Database, Id> {
    let (above, below) = (SqlUuid(span.above), SqlUuid(span.below));
    let query = entries::table
        .filter(entries::retention_class.eq(literal(class)))
        .filter(entries::document_id.gt(above))
        .filter(entries::document_id.lt(below))
        .limit(i64::try_from(wanted).unwrap_or(i64::MAX))
        .select(entries::document_id)
        .into_boxed();
    let (id, kind) = (SqlUuid(reader.id()), reader.kind().as_str());
    dialect::of_reader(query, id, kind, class, (above, below))
}

/// The rows of these keys, in their order. Those that have gone meanwhile are left out.
async fn load(conn: &mut Conn, keys: &[Key]) -> QueryResult<Vec<ListedRow>> {
    let mut of_class: HashMap<i16, Vec<SqlUuid>> = HashMap::new();
    for (class, id) in keys {
        of_class.entry(*class).or_default().push(*id);
    }
    let mut rows: HashMap<Uuid, ListedRow> = HashMap::with_capacity(keys.len());
    for (class, ids) in of_class {
        let found: Vec<ListedRow> = by_ids(class, ids).load(conn).await?;
        rows.extend(found.into_iter().map(|row| (row.0.id.0, row)));
    }
    Ok(keys
        .iter()
        .filter_map(|(_, id)| rows.remove(&id.0))
        .collect())
}

type WithPair =
    LeftJoinOn<documents::table, key_pairs::table, Eq<key_pairs::serial, documents::key_serial>>;
type Columns = (
    AsSelect<DocumentRow, Database>,
    Nullable<key_pairs::scope>,
    Nullable<key_pairs::algorithm>,
);

/// The rows of some ids of a class.
pub(in super::super) fn by_ids(
    class: i16,
    ids: Vec<SqlUuid>,
) -> IntoBoxed<'static, Select<WithPair, Columns>, Database> {
    documents::table
        .left_join(key_pairs::table.on(key_pairs::serial.eq(documents::key_serial)))
        .select((
            DocumentRow::as_select(),
            key_pairs::scope.nullable(),
            key_pairs::algorithm.nullable(),
        ))
        .into_boxed()
        .filter(documents::retention_class.eq(literal(class)))
        .filter(documents::id.eq_any(ids))
}
