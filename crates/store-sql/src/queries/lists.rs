//! Pages of documents. Here: those of walks, in the order of class and id.

use crypt_keeper_domain::model::{Document, DocumentId, DocumentState, Page, PageRequest};
use crypt_keeper_domain::ports::{DocumentFilter, StoreError};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::{Conn, Database, partitions};
use super::accounts::one_more;
use super::between;
use super::newest::{Whose, newest_first};
use crate::error::Failure;
use crate::rows::{DocumentRow, Place, WrapColumns, sql_time};
use crate::schema::{documents, key_pairs};

pub(super) async fn list(
    conn: &mut Conn,
    place: Place,
    filter: DocumentFilter,
    page: PageRequest<DocumentId>,
) -> Result<Page<Document, DocumentId>, Failure> {
    let after = page.after.map_or(place.first(), |id| place.key(id));
    let query = documents::table
        .left_join(key_pairs::table.on(key_pairs::serial.eq(documents::key_serial)))
        .filter(between!(after, place.last()))
        .order((documents::retention_class.asc(), documents::id.asc()))
        .limit(one_more(page.limit))
        .select((
            DocumentRow::as_select(),
            key_pairs::scope.nullable(),
            key_pairs::algorithm.nullable(),
        ))
        .into_boxed::<Database>();
    let query = match filter {
        DocumentFilter::OwnedBy(owner) => {
            return newest_first(conn, place, &[Whose::OwnedBy(owner)], page).await;
        }
        DocumentFilter::VisibleTo(readers) => {
            let whose: Vec<_> = readers.into_iter().map(Whose::VisibleTo).collect();
            return newest_first(conn, place, &whose, page).await;
        }
        DocumentFilter::Every => query,
        DocumentFilter::WrappedBy(serial) => {
            query.filter(documents::key_serial.eq(serial.as_i64()))
        }
        DocumentFilter::KeyExposed => query.filter(documents::key_exposed.eq(true)),
        DocumentFilter::PendingBefore(moment) => query
            .filter(documents::state.eq(DocumentState::Pending.as_str()))
            .filter(documents::created_at.lt(sql_time(moment))),
    };
    let mut rows: Vec<ListedRow> = query.load(conn).await?;
    let is_more = rows.len() > page.limit.get();
    // Behind the page, it is only counted.
    rows.truncate(page.limit.get());
    let last = rows.last().filter(|_| is_more);
    let end = last.map_or(place.last(), |(row, ..)| (row.retention_class, row.id));
    partitions::must_be_whole(conn, after, end).await?;
    Ok(readable(rows, is_more)?)
}

/// A document, and the scope and algorithm of the pair that it is wrapped under.
pub(super) type ListedRow = (DocumentRow, Option<String>, Option<String>);

/// The page up to the first row that cannot be read: what stands before it is not hidden by it. It
/// is the first of the next page, whose error names it.
pub(super) fn readable(
    rows: Vec<ListedRow>,
    mut is_more: bool,
) -> Result<Page<Document, DocumentId>, StoreError> {
    let mut items: Vec<Document> = Vec::with_capacity(rows.len());
    for (row, scope, algorithm) in rows {
        let pair = scope
            .zip(algorithm)
            .map(|(scope, algorithm)| WrapColumns { scope, algorithm });
        match row.into_document(pair) {
            Ok(document) => items.push(document),
            Err(error) if items.is_empty() => return Err(error),
            Err(_) => {
                is_more = true;
                break;
            }
        }
    }
    let next = items.last().filter(|_| is_more).map(|document| document.id);
    Ok(Page { items, next })
}
