use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    ApiKey, AuditEntry, DocumentId, Entry, Hold, KeyPair, KeyState, Page, PageRequest, User,
};
use crypt_keeper_domain::ports::{
    DocumentFilter, DocumentWithEntries, HoldTransfer, MetadataTransfer, PutOutcome, StoreError,
};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, SmallInt};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Store, transfer};
use super::Done;
use super::documents::list;
use crate::error::Failure;
use crate::rows::{
    ApiKeyRow, AuditRow, DocumentRow, EntryRow, HoldRow, Key, KeyPairRow, Place, UserRow,
    WrapColumns,
};
use crate::schema::{api_keys, audit, documents, entries, holds, key_pairs, users};
use crate::sql_types::{Id, SqlUuid};

#[async_trait]
impl MetadataTransfer for Store {
    async fn identity(&self) -> Result<String, StoreError> {
        self.read(move |conn| transfer::identity(conn).boxed())
            .await
    }

    async fn documents_with_entries(
        &self,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, StoreError> {
        let (place, page) = (self.place, page.clone());
        self.read(move |conn| read_page(conn, place, page).boxed())
            .await
    }

    async fn put_documents(
        &self,
        documents: &[DocumentWithEntries],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let (place, documents) = (self.place, documents.to_vec());
        self.write(move |conn| put_documents(conn, place, documents).boxed())
            .await
    }

    async fn put_users(&self, users: &[User]) -> Result<Vec<PutOutcome>, StoreError> {
        let users = users.to_vec();
        self.write(move |conn| put_users(conn, users).boxed()).await
    }

    async fn put_api_keys(&self, keys: &[ApiKey]) -> Result<Vec<PutOutcome>, StoreError> {
        let keys = keys.to_vec();
        self.write(move |conn| put_api_keys(conn, keys).boxed())
            .await
    }

    async fn put_pairs(&self, pairs: &[KeyPair]) -> Result<Vec<PutOutcome>, StoreError> {
        let pairs = pairs.to_vec();
        self.write(move |conn| put_pairs(conn, pairs).boxed()).await
    }

    async fn put_audit(&self, entries: &[AuditEntry]) -> Result<Vec<PutOutcome>, StoreError> {
        let entries = entries.to_vec();
        self.write(move |conn| put_audit(conn, entries).boxed())
            .await
    }
}

#[async_trait]
impl HoldTransfer for Store {
    async fn put_holds(&self, holds: &[Hold]) -> Result<Vec<PutOutcome>, StoreError> {
        let holds = holds.to_vec();
        self.write(move |conn| put_holds(conn, holds).boxed()).await
    }
}

async fn read_page(
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

/// What is there in the place of each row; none of them twice.
fn judge<K: Eq + Hash, T: PartialEq>(
    there: &HashMap<K, T>,
    key: &K,
    row: &T,
    is_same: impl Fn(&T, &T) -> bool,
) -> Option<PutOutcome> {
    there.get(key).map(|there| {
        if is_same(there, row) {
            PutOutcome::Unchanged
        } else {
            PutOutcome::Differs
        }
    })
}

/// The transaction of a put: kept if anything was stored.
fn done(outcomes: Vec<PutOutcome>) -> Done<Vec<PutOutcome>> {
    if outcomes.contains(&PutOutcome::Stored) {
        Done::Keep(outcomes)
    } else {
        Done::Undo(outcomes)
    }
}

async fn put_documents(
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

async fn put_users(conn: &mut Conn, puts: Vec<User>) -> Result<Done<Vec<PutOutcome>>, Failure> {
    let ids: Vec<_> = puts.iter().map(|user| SqlUuid(user.id.uuid())).collect();
    let names: Vec<_> = puts.iter().map(|user| user.name.as_str()).collect();
    let rows: Vec<UserRow> = users::table
        .filter(users::id.eq_any(ids).or(users::name.eq_any(names)))
        .select(UserRow::as_select())
        .load(conn)
        .await?;
    let mut there = HashMap::new();
    let mut taken = HashSet::new();
    for row in rows {
        let user = User::try_from(row)?;
        taken.insert(user.name.clone());
        there.insert(user.id, user);
    }
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rows = Vec::new();
    for user in &puts {
        outcomes.push(match judge(&there, &user.id, user, User::eq) {
            Some(outcome) => outcome,
            None if !taken.insert(user.name.clone()) => PutOutcome::Differs,
            None => {
                rows.push(UserRow::from(user));
                PutOutcome::Stored
            }
        });
    }
    transfer::insert_users(conn, rows).await?;
    Ok(done(outcomes))
}

async fn put_api_keys(
    conn: &mut Conn,
    puts: Vec<ApiKey>,
) -> Result<Done<Vec<PutOutcome>>, Failure> {
    let ids: Vec<_> = puts.iter().map(|key| key.id.as_str().to_owned()).collect();
    let rows: Vec<ApiKeyRow> = api_keys::table
        .filter(api_keys::id.eq_any(ids))
        .select(ApiKeyRow::as_select())
        .load(conn)
        .await?;
    let mut there = HashMap::new();
    for row in rows {
        let key = ApiKey::try_from(row)?;
        there.insert(key.id, key);
    }
    let owners: Vec<_> = puts.iter().map(|key| SqlUuid(key.user.uuid())).collect();
    let owners: Vec<SqlUuid> = users::table
        .filter(users::id.eq_any(owners))
        .select(users::id)
        .load(conn)
        .await?;
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rows = Vec::new();
    for key in &puts {
        outcomes.push(match judge(&there, &key.id, key, ApiKey::eq) {
            Some(outcome) => outcome,
            None if !owners.contains(&SqlUuid(key.user.uuid())) => PutOutcome::Differs,
            None => {
                rows.push(ApiKeyRow::from(key));
                PutOutcome::Stored
            }
        });
    }
    transfer::insert_api_keys(conn, rows).await?;
    Ok(done(outcomes))
}

async fn put_pairs(conn: &mut Conn, puts: Vec<KeyPair>) -> Result<Done<Vec<PutOutcome>>, Failure> {
    // One a rotation and scope: they are few.
    let rows: Vec<KeyPairRow> = key_pairs::table
        .select(KeyPairRow::as_select())
        .load(conn)
        .await?;
    let mut there = HashMap::new();
    let mut active = HashSet::new();
    for row in rows {
        let pair = KeyPair::try_from(row)?;
        if pair.state == KeyState::Active {
            active.insert((pair.scope.clone(), pair.algorithm));
        }
        there.insert(pair.serial, pair);
    }
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rows = Vec::new();
    for pair in &puts {
        let seat = || (pair.scope.clone(), pair.algorithm);
        outcomes.push(match judge(&there, &pair.serial, pair, KeyPair::eq) {
            Some(outcome) => outcome,
            None if pair.state == KeyState::Active && !active.insert(seat()) => PutOutcome::Differs,
            None => {
                rows.push(KeyPairRow::from(pair));
                PutOutcome::Stored
            }
        });
    }
    transfer::insert_pairs(conn, rows).await?;
    Ok(done(outcomes))
}

async fn put_holds(conn: &mut Conn, puts: Vec<Hold>) -> Result<Done<Vec<PutOutcome>>, Failure> {
    let ids: Vec<_> = puts
        .iter()
        .map(|hold| SqlUuid(hold.document.uuid()))
        .collect();
    let rows: Vec<HoldRow> = holds::table
        .filter(holds::document_id.eq_any(ids))
        .select(HoldRow::as_select())
        .load(conn)
        .await?;
    let mut there = HashMap::new();
    for row in rows {
        let hold = Hold::try_from(row)?;
        there.insert(hold.document, hold);
    }
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rows = Vec::new();
    for hold in &puts {
        outcomes.push(match judge(&there, &hold.document, hold, Hold::eq) {
            Some(outcome) => outcome,
            None if hold.completed_at.is_none() => PutOutcome::Differs,
            None => {
                rows.push(HoldRow::from(hold));
                PutOutcome::Stored
            }
        });
    }
    transfer::insert_holds(conn, rows).await?;
    Ok(done(outcomes))
}

async fn put_audit(
    conn: &mut Conn,
    puts: Vec<AuditEntry>,
) -> Result<Done<Vec<PutOutcome>>, Failure> {
    let ids: Vec<_> = puts.iter().map(|entry| SqlUuid(entry.id.uuid())).collect();
    let rows: Vec<AuditRow> = audit::table
        .filter(audit::id.eq_any(ids))
        .select(AuditRow::as_select())
        .load(conn)
        .await?;
    let mut there = HashMap::new();
    for row in rows {
        let entry = AuditEntry::try_from(row)?;
        there.insert(entry.id, entry);
    }
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rows = Vec::new();
    for entry in &puts {
        let outcome = judge(&there, &entry.id, entry, AuditEntry::eq);
        outcomes.push(outcome.unwrap_or_else(|| {
            rows.push(AuditRow::from(entry));
            PutOutcome::Stored
        }));
    }
    transfer::insert_audit(conn, rows).await?;
    Ok(done(outcomes))
}
