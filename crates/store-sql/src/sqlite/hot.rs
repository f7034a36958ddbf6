//! What every request asks: reads on a connection of their own, writes that commit together.
//!
//! No `first` here, whose `LIMIT ?` is worse than useless where a key names one row: SQLite plans by
//! the limit's value, and so compiles the statement anew each time it is bound.

use std::sync::Arc;

use crypt_keeper_domain::access::{self, Decision};
use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, Document, DocumentId, Entry, KeyPair, Principal, Record, Timestamp, User,
    UserState,
};
use crypt_keeper_domain::ports::{Found, InsertOutcome, Release, ReleaseOutcome, StoreError};
use diesel::connection::SimpleConnection as _;
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Store;
use super::dialect::NOW_MILLIS;
use super::file::Lane;
use crate::batch::{Answers, Engine};
use crate::error::Failure;
use crate::rows::{
    ApiKeyRow, AuditRow, DocumentRow, EntryRow, Key, KeyPairRow, UserRow, WrapColumns, named,
};
use crate::schema::{api_keys, audit, documents, entries, key_pairs, users};
use crate::sql_types::SqlUuid;

type KeyAndUser = Option<(ApiKey, User)>;

pub(super) async fn find_api_key(store: &Store, id: ApiKeyId) -> Result<KeyAndUser, StoreError> {
    match store.reads.ask(Read::ApiKey(id)).await? {
        ReadAnswer::ApiKey(found) => Ok(found.map(|found| *found)),
        ReadAnswer::Document(_) => Err(misanswered()),
    }
}

pub(super) async fn find(
    store: &Store,
    id: DocumentId,
    principals: &[Principal],
) -> Result<Option<Found>, StoreError> {
    match store
        .reads
        .ask(Read::Document(store.place.key(id), principals.into()))
        .await?
    {
        ReadAnswer::Document(found) => Ok(found.map(|found| *found)),
        ReadAnswer::ApiKey(_) => Err(misanswered()),
    }
}

pub(super) async fn insert(
    store: &Store,
    document: &Document,
    owner_entry: &Entry,
    act: &Record,
) -> Result<InsertOutcome, StoreError> {
    let document_row = store.place.document(document);
    let mut entry = EntryRow::from(owner_entry);
    (entry.retention_class, entry.document_id) = (document_row.retention_class, document_row.id);
    let request = Write::Insert(Arc::new(Insert {
        id: document.id,
        document: document_row,
        scope: document.wrapped_key.scope.to_string(),
        entry,
        audit: (&act.audit).into(),
    }));
    match store.writes.ask(request).await? {
        WriteAnswer::Insert(outcome) => Ok(outcome),
        WriteAnswer::Release(_) => Err(misanswered()),
    }
}

pub(super) async fn record_release(
    store: &Store,
    release: &Release,
    act: &Record,
) -> Result<ReleaseOutcome, StoreError> {
    let request = Write::Release(Arc::new(Releasing {
        key: store.place.key(release.document),
        release: release.clone(),
        audit: (&act.audit).into(),
    }));
    match store.writes.ask(request).await? {
        WriteAnswer::Release(outcome) => Ok(outcome),
        WriteAnswer::Insert(_) => Err(misanswered()),
    }
}

fn misanswered() -> StoreError {
    StoreError::Backend("a batch answered another question".into())
}

/// A read of one request.
#[derive(Clone)]
pub(super) enum Read {
    ApiKey(ApiKeyId),
    Document(Key, Arc<[Principal]>),
}

pub(super) enum ReadAnswer {
    ApiKey(Option<Box<(ApiKey, User)>>),
    Document(Option<Box<Found>>),
}

/// Gathers reads: one trip to a blocking thread for all that wait.
pub(super) struct Reads {
    lane: Lane,
}

impl Reads {
    pub(super) fn new(lane: Lane) -> Self {
        Self { lane }
    }
}

impl Engine for Reads {
    type Session = ();
    type Request = Read;
    type Answer = ReadAnswer;

    fn name(&self) -> &'static str {
        "sqlite reads"
    }

    fn open(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn is_broken(&self, (): &mut ()) -> bool {
        false
    }

    fn run<'a>(&'a self, (): &'a mut (), batch: Vec<Read>) -> BoxFuture<'a, Answers<ReadAnswer>> {
        async move {
            let mut lane = self.lane.lock().await?;
            let answers = lane.conn()?.spawn_blocking(move |conn| {
                let answer = |read| answer_read(conn, read).map_err(Failure::into_store);
                Ok(batch.iter().map(answer).collect())
            });
            Ok(answers.await?)
        }
        .boxed()
    }
}

fn answer_read(conn: &mut SqliteConnection, read: &Read) -> Result<ReadAnswer, Failure> {
    Ok(match read {
        Read::ApiKey(id) => ReadAnswer::ApiKey(load_api_key(conn, *id)?.map(Box::new)),
        Read::Document(key, principals) => {
            ReadAnswer::Document(load_found(conn, *key, principals)?.map(Box::new))
        }
    })
}

fn load_api_key(conn: &mut SqliteConnection, id: ApiKeyId) -> Result<KeyAndUser, Failure> {
    let rows: Option<(ApiKeyRow, UserRow)> = api_keys::table
        .inner_join(users::table.on(users::id.eq(api_keys::user_id)))
        .filter(api_keys::id.eq(id.as_str()))
        .select((ApiKeyRow::as_select(), UserRow::as_select()))
        .get_result(conn)
        .optional()?;
    Ok(match rows {
        Some((key, user)) => Some((key.try_into()?, user.try_into()?)),
        None => None,
    })
}

fn load_found(
    conn: &mut SqliteConnection,
    (class, id): Key,
    principals: &[Principal],
) -> Result<Option<Found>, Failure> {
    let row: Option<(DocumentRow, Option<KeyPairRow>)> = documents::table
        .left_join(key_pairs::table.on(key_pairs::serial.eq(documents::key_serial)))
        .filter(documents::retention_class.eq(class))
        .filter(documents::id.eq(id))
        .select((DocumentRow::as_select(), Option::<KeyPairRow>::as_select()))
        .get_result(conn)
        .optional()?;
    let Some((document, pair)) = row else {
        return Ok(None);
    };
    let state = pair.as_ref().map(|pair| pair.state.clone());
    let pair = pair.map(|pair| WrapColumns {
        scope: pair.scope,
        algorithm: pair.algorithm,
    });
    let document = document.into_document(pair)?;
    let mut found = Vec::with_capacity(principals.len());
    for (at, principal) in principals.iter().enumerate() {
        // Named twice, an entry would be found twice.
        if principals[..at].contains(principal) {
            continue;
        }
        let row = entries::table
            .find((
                class,
                id,
                principal.kind().as_str(),
                SqlUuid(principal.id()),
            ))
            .select(EntryRow::as_select())
            .get_result(conn)
            .optional()?;
        if let Some(row) = row {
            found.push(Entry::try_from(row)?);
        }
    }
    Ok(Some(Found {
        document,
        entries: found,
        key_state: named(&state.unwrap_or_default())?,
    }))
}

/// A document to be stored.
pub(super) struct Insert {
    id: DocumentId,
    document: DocumentRow,
    scope: String,
    entry: EntryRow,
    audit: AuditRow,
}

/// A release to be recorded.
pub(super) struct Releasing {
    key: Key,
    release: Release,
    audit: AuditRow,
}

/// A write of one request.
#[derive(Clone)]
pub(super) enum Write {
    Insert(Arc<Insert>),
    Release(Arc<Releasing>),
}

pub(super) enum WriteAnswer {
    Insert(InsertOutcome),
    Release(ReleaseOutcome),
}

/// Gathers writes: one commit, which waits for the disk once, for all that wait.
pub(super) struct Writes {
    lane: Lane,
}

impl Writes {
    pub(super) fn new(lane: Lane) -> Self {
        Self { lane }
    }
}

impl Engine for Writes {
    type Session = ();
    type Request = Write;
    type Answer = WriteAnswer;

    fn name(&self) -> &'static str {
        "sqlite writes"
    }

    fn open(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn is_broken(&self, (): &mut ()) -> bool {
        false
    }

    fn run<'a>(&'a self, (): &'a mut (), batch: Vec<Write>) -> BoxFuture<'a, Answers<WriteAnswer>> {
        async move {
            let mut lane = self.lane.lock().await?;
            // The inner result is the batch's, the outer one the thread's.
            lane.conn()?
                .spawn_blocking(move |conn| Ok(commit(conn, &batch)))
                .await?
        }
        .boxed()
    }
}

/// Runs all writes in one transaction, each in a savepoint: one that fails leaves nothing behind,
/// and the others stay.
fn commit(conn: &mut SqliteConnection, batch: &[Write]) -> Answers<WriteAnswer> {
    conn.batch_execute("BEGIN IMMEDIATE")?;
    let outcome = answer_writes(conn, batch).and_then(|answers| {
        conn.batch_execute("COMMIT")?;
        Ok(answers)
    });
    if outcome.is_err() {
        // Fails if SQLite has rolled back by itself, e.g. because the disk is full: no matter.
        let _ = conn.batch_execute("ROLLBACK");
    }
    outcome
}

fn answer_writes(conn: &mut SqliteConnection, batch: &[Write]) -> Answers<WriteAnswer> {
    let millis: i64 = diesel::select(sql::<BigInt>(NOW_MILLIS)).get_result(conn)?;
    let now = Timestamp::from_millis(millis.unsigned_abs());
    let mut answers = Vec::with_capacity(batch.len());
    for write in batch {
        conn.batch_execute("SAVEPOINT request")?;
        let answer = match write {
            Write::Insert(insert) => store_document(conn, insert, now).map(WriteAnswer::Insert),
            Write::Release(release) => store_release(conn, release, now).map(WriteAnswer::Release),
        };
        answers.push(match answer {
            Ok(answer) => Ok(answer),
            // A full disk makes SQLite roll back the whole transaction, savepoints and all.
            Err(failure) if conn.batch_execute("ROLLBACK TO request").is_err() => {
                return Err(failure);
            }
            Err(failure) => Err(failure.into_store()),
        });
        conn.batch_execute("RELEASE request")?;
    }
    Ok(answers)
}

fn store_document(
    conn: &mut SqliteConnection,
    insert: &Insert,
    now: Timestamp,
) -> Result<InsertOutcome, Failure> {
    let document = &insert.document;
    let key = (document.retention_class, document.id);
    let taken: bool = diesel::select(exists(documents::table.find(key))).get_result(conn)?;
    if taken {
        return Err(StoreError::Conflict.into());
    }
    if !insert.id.may_be_inserted_at(now) {
        return Ok(InsertOutcome::OutsideWindow);
    }
    let pair = key_pairs::table
        .find(document.key_serial)
        .select(KeyPairRow::as_select())
        .get_result(conn)
        .optional()?;
    let pair =
        pair.filter(|pair| pair.scope == insert.scope && pair.algorithm == document.wrap_algorithm);
    let may_wrap = match pair {
        Some(pair) => KeyPair::try_from(pair)?.state.may_wrap(),
        None => false,
    };
    if !may_wrap {
        return Ok(InsertOutcome::KeyPairNotActive);
    }
    diesel::insert_into(documents::table)
        .values(document)
        .execute(conn)?;
    diesel::insert_into(entries::table)
        .values(&insert.entry)
        .execute(conn)?;
    diesel::insert_into(audit::table)
        .values(&insert.audit)
        .execute(conn)?;
    Ok(InsertOutcome::Inserted)
}

/// Whoever revokes waits until this transaction has ended, or has ended before it began.
fn store_release(
    conn: &mut SqliteConnection,
    Releasing {
        key,
        release,
        audit: audit_row,
    }: &Releasing,
    now: Timestamp,
) -> Result<ReleaseOutcome, Failure> {
    let found = load_found(conn, *key, &release.principals)?;
    let caller = load_api_key(conn, release.api_key)?;
    let (Some(found), Some((key, user))) = (found, caller) else {
        return Ok(ReleaseOutcome::Refused);
    };
    let at = release.at.max(now);
    let decision = access::decide(&found.entries, &release.principals, release.need, at);
    let allowed = matches!(decision, Decision::Allow(_))
        && user.id == release.user
        && user.state == UserState::Active
        && key.is_live(at)
        && found.document.state.is_releasable()
        && !found.document.is_expired(at)
        && found.key_state.may_release();
    if !allowed {
        return Ok(ReleaseOutcome::Refused);
    }
    diesel::insert_into(audit::table)
        .values(audit_row)
        .execute(conn)?;
    Ok(ReleaseOutcome::Recorded)
}
