mod documents;
mod partitions;

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    ApiKey, AuditEntry, DocumentId, Hold, KeyPair, KeyState, Page, PageRequest, PartitionEntry,
    User,
};
use crypt_keeper_domain::ports::{
    DocumentWithEntries, HoldTransfer, MetadataTransfer, PutOutcome, StoreError,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Store, transfer};
use super::Done;
use super::lists::list;
use crate::error::Failure;
use crate::rows::{ApiKeyRow, AuditRow, HoldRow, KeyPairRow, UserRow};
use crate::schema::{api_keys, audit, holds, key_pairs, users};
use crate::sql_types::SqlUuid;
use documents::{put_documents, read_page};
use partitions::put_partition;

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

    async fn put_partitions(
        &self,
        partitions: &[PartitionEntry],
    ) -> Result<Vec<PutOutcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(partitions.len());
        // One a period and class: they are few.
        for put in partitions {
            outcomes.push(put_partition(self, *put).await?);
        }
        Ok(outcomes)
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
