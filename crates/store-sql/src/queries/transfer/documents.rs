//! Documents with their access lists.

use std::collections::{HashMap, HashSet};

use crypt_keeper_domain::model::{DocumentId, Entry, Page, PageRequest};
use crypt_keeper_domain::ports::{DocumentFilter, DocumentWithEntries, PutOutcome};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, SmallInt};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::super::{Conn, partitions, transfer};
use super::super::Done;
use super::{done, judge, list};
use crate::error::Failure;
use crate::rows::{AuditRow, DocumentRow, EntryRow, Key, Place, WrapColumns};
use crate::schema::{documents, entries, key_pairs};
use crate::sql_types::{Id, SqlUuid};

pub(super) async fn read_page(
    conn: &mut Conn,
    place: Place,
    page: PageRequest<DocumentId>,
) -> Result<Page<DocumentWithEntries, DocumentId>, Failure> {
    partitions::at_one_moment(conn, move |conn| read_page_now(conn, place, page).boxed()).await
}

async fn read_page_now(
    conn: &mut Conn,
    place: Place,
    page: PageRequest<DocumentId>,
) -> Result<Page<DocumentWithEntries, DocumentId>, Failure> {
    let listed = list(conn, place, DocumentFilter::Every, page).await?;
    let mut lists = HashMap::new();
    let documents = listed.items.as_slice();
    if let (Some(first), Some(last)) = (documents.first(), documents.last()) {
        lists = entries_between(conn, place.key(first.id), place.key(last.id)).await?;
    }
    let with_entries = listed.items.into_iter().map(|document| {
        let entries = lists.remove(&place.key(document.id)).unwrap_or_default();
        DocumentWithEntries {
            document,
            entries,
            rewrapped: None,
        }
    });
    Ok(Page {
        items: with_entries.collect(),
        next: listed.next,
    })
}

/// The access lists of all documents from one to another.
async fn entries_between(
    conn: &mut Conn,
    (first_class, first): Key,
    (last_class, last): Key,
) -> Result<HashMap<Key, Vec<Entry>>, Failure> {
    // Comparisons of rows, so that they are ranges of the primary key's index.
    let rows: Vec<EntryRow> = entries::table
        .filter(
            sql::<Bool>("(entries.retention_class, entries.document_id) >= (")
                .bind::<SmallInt, _>(first_class)
                .sql(", ")
                .bind::<Id, _>(first)
                .sql(") AND (entries.retention_class, entries.document_id) <= (")
                .bind::<SmallInt, _>(last_class)
                .sql(", ")
                .bind::<Id, _>(last)
                .sql(")"),
        )
        .select(EntryRow::as_select())
        .load(conn)
        .await?;
    let mut lists: HashMap<Key, Vec<Entry>> = HashMap::new();
    for row in rows {
        let key = (row.retention_class, row.document_id);
        lists.entry(key).or_default().push(Entry::try_from(row)?);
    }
    Ok(lists)
}

pub(super) async fn put_documents(
    conn: &mut Conn,
    place: Place,
    puts: Vec<DocumentWithEntries>,
) -> Result<Done<Vec<PutOutcome>>, Failure> {
    let there = those_there(conn, place, &puts).await?;
    let mut serials: Vec<_> = puts
        .iter()
        .map(|put| put.document.wrapped_key.serial.as_i64())
        .collect();
    serials.sort_unstable();
    serials.dedup();
    let pairs: HashSet<(i64, String)> = key_pairs::table
        .filter(key_pairs::serial.eq_any(serials))
        .select((key_pairs::serial, key_pairs::algorithm))
        .load(conn)
        .await?
        .into_iter()
        .collect();
    let mut outcomes = Vec::with_capacity(puts.len());
    let (mut rows, mut lists, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for put in &puts {
        let wrapped = &put.document.wrapped_key;
        let pair = (
            wrapped.serial.as_i64(),
            wrapped.algorithm.as_str().to_owned(),
        );
        let key = place.key(put.document.id);
        let outcome = judge(&there, &key, put, DocumentWithEntries::is_same);
        outcomes.push(match outcome {
            Some(outcome) => outcome,
            // A document is whole with its pair alone.
            None if !pairs.contains(&pair) => PutOutcome::Differs,
            None => {
                rows.push(place.document(&put.document));
                lists.extend(put.entries.iter().map(|entry| place.entry(entry)));
                records.extend(put.rewrapped.as_ref().map(AuditRow::from));
                PutOutcome::Stored
            }
        });
    }
    transfer::insert_documents(conn, rows).await?;
    transfer::insert_entries(conn, lists).await?;
    transfer::insert_audit(conn, records).await?;
    Ok(done(outcomes))
}

/// Those of the documents that are there, as they are there.
async fn those_there(
    conn: &mut Conn,
    place: Place,
    puts: &[DocumentWithEntries],
) -> Result<HashMap<Key, DocumentWithEntries>, Failure> {
    let mut ids: HashMap<i16, Vec<SqlUuid>> = HashMap::new();
    for put in puts {
        let (class, id) = place.key(put.document.id);
        ids.entry(class).or_default().push(id);
    }
    let mut there = HashMap::new();
    for (class, ids) in ids {
        let rows: Vec<(DocumentRow, Option<String>, Option<String>)> = documents::table
            .left_join(key_pairs::table.on(key_pairs::serial.eq(documents::key_serial)))
            .filter(documents::retention_class.eq(class))
            .filter(documents::id.eq_any(&ids))
            .select((
                DocumentRow::as_select(),
                key_pairs::scope.nullable(),
                key_pairs::algorithm.nullable(),
            ))
            .load(conn)
            .await?;
        if rows.is_empty() {
            continue;
        }
        let mut lists: HashMap<SqlUuid, Vec<Entry>> = HashMap::new();
        let entry_rows: Vec<EntryRow> = entries::table
            .filter(entries::retention_class.eq(class))
            .filter(entries::document_id.eq_any(&ids))
            .select(EntryRow::as_select())
            .load(conn)
            .await?;
        for row in entry_rows {
            let list = lists.entry(row.document_id).or_default();
            list.push(Entry::try_from(row)?);
        }
        for (row, scope, algorithm) in rows {
            let id = row.id;
            let pair = scope
                .zip(algorithm)
                .map(|(scope, algorithm)| WrapColumns { scope, algorithm });
            let found = DocumentWithEntries {
                document: row.into_document(pair)?,
                entries: lists.remove(&id).unwrap_or_default(),
                rewrapped: None,
            };
            there.insert((class, id), found);
        }
    }
    Ok(there)
}
