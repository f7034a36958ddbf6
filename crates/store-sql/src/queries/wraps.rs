//! Which key pair a document's key is wrapped under: rewrapping, and walks over the documents of a
//! pair.

use std::collections::HashMap;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, DocumentState, KeyPair, KeyState, Scope, Serial,
};
use crypt_keeper_domain::ports::{Rewrap, RewrapOutcome, StoreError, WalkStep, Walked};
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::{Bool, SmallInt};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::super::{Conn, dialect};
use super::{Done, record};
use crate::error::Failure;
use crate::rows::{AuditRow, row_key};
use crate::schema::{audit, documents};
use crate::sql_types::{Id, SqlUuid};

type Key = (i16, SqlUuid);

/// Before every document: classes are numbers from 0 to 255.
const FIRST: Key = (-1, SqlUuid(Uuid::nil()));
/// Behind every document.
const LAST: Key = (256, SqlUuid(Uuid::nil()));

/// The documents behind one key, up to another: comparisons of rows, which the primary key's index
/// answers. A macro, since the type has no name.
macro_rules! between {
    ($after:expr, $last:expr) => {
        sql::<Bool>("(documents.retention_class, documents.id) > (")
            .bind::<SmallInt, _>($after.0)
            .sql(", ")
            .bind::<Id, _>($after.1)
            .sql(") AND (documents.retention_class, documents.id) <= (")
            .bind::<SmallInt, _>($last.0)
            .sql(", ")
            .bind::<Id, _>($last.1)
            .sql(")")
    };
}

/// A rewrap as the rows hold it.
pub(super) struct NewWrap {
    key: Key,
    seen_serial: Serial,
    serial: Serial,
    scope: Scope,
    algorithm: &'static str,
    bytes: Vec<u8>,
    commitment: Vec<u8>,
    audit: AuditRow,
}

impl From<&Rewrap> for NewWrap {
    fn from(rewrap: &Rewrap) -> Self {
        let wrapped = &rewrap.wrapped;
        Self {
            key: row_key(rewrap.document),
            seen_serial: rewrap.seen_serial,
            serial: wrapped.serial,
            scope: wrapped.scope.clone(),
            algorithm: wrapped.algorithm.as_str(),
            bytes: wrapped.bytes.clone(),
            commitment: wrapped.commitment.as_bytes().to_vec(),
            audit: (&rewrap.record.audit).into(),
        }
    }
}

/// The pairs' rows are shared first, as by inserts: whoever changes a pair waits for our commit, or
/// has committed and is seen. Documents follow in the order of their keys, so that two who rewrap
/// at once do not wait in a circle.
pub(super) async fn rewrap(
    conn: &mut Conn,
    rewraps: Vec<NewWrap>,
) -> Result<Done<Vec<RewrapOutcome>>, Failure> {
    let mut serials: Vec<_> = rewraps
        .iter()
        .flat_map(|new| [new.seen_serial.as_i64(), new.serial.as_i64()])
        .collect();
    serials.sort_unstable();
    serials.dedup();
    let mut pairs = HashMap::new();
    for row in dialect::share_pairs(conn, &serials).await? {
        let pair = KeyPair::try_from(row)?;
        pairs.insert(pair.serial, pair);
    }

    let mut order: Vec<usize> = (0..rewraps.len()).collect();
    order.sort_unstable_by_key(|at| (rewraps[*at].key.0, rewraps[*at].key.1.0));
    let mut outcomes = vec![RewrapOutcome::Missing; rewraps.len()];
    for at in order {
        outcomes[at] = rewrap_one(conn, &rewraps[at], &pairs).await?;
    }
    Ok(Done::Keep(outcomes))
}

async fn rewrap_one(
    conn: &mut Conn,
    new: &NewWrap,
    pairs: &HashMap<Serial, KeyPair>,
) -> Result<RewrapOutcome, Failure> {
    let left = pairs.get(&new.seen_serial);
    let taken = pairs.get(&new.serial);
    let exposed = left.is_some_and(|pair| pair.state == KeyState::Compromised);
    let allowed = left.is_some_and(|pair| pair.scope == new.scope)
        && taken.is_some_and(|pair| {
            pair.state.may_wrap()
                && pair.scope == new.scope
                && pair.algorithm.as_str() == new.algorithm
        });
    if allowed {
        let seen = documents::table
            .find(new.key)
            .filter(documents::key_serial.eq(new.seen_serial.as_i64()));
        let rewrapped = diesel::update(seen)
            .set((
                documents::key_serial.eq(new.serial.as_i64()),
                documents::wrap_algorithm.eq(new.algorithm),
                documents::wrapped_key.eq(&new.bytes),
                documents::key_commitment.eq(&new.commitment),
                documents::key_exposed.eq(documents::key_exposed.or(exposed.into_sql::<Bool>())),
            ))
            .execute(conn)
            .await?;
        if rewrapped > 0 {
            record(conn, std::slice::from_ref(&new.audit)).await?;
            return Ok(RewrapOutcome::Rewrapped);
        }
    }
    let serial: Option<i64> = documents::table
        .find(new.key)
        .select(documents::key_serial)
        .first(conn)
        .await
        .optional()?;
    Ok(match serial {
        None => RewrapOutcome::Missing,
        Some(serial) if serial == new.seen_serial.as_i64() && !allowed => {
            RewrapOutcome::KeyPairNotActive
        }
        Some(_) => RewrapOutcome::Stale,
    })
}

pub(super) async fn mark_exposed(
    conn: &mut Conn,
    serial: Serial,
    step: WalkStep,
) -> Result<Done<Walked>, Failure> {
    let last = last_of(conn, step).await?;
    let number = serial.as_i64();
    let rewrapped = AuditAction::DocumentRewrapped.as_str();
    let has_left = exists(
        audit::table
            .filter(audit::document_id.eq(documents::id.nullable()))
            .filter(audit::action.eq(rewrapped))
            .filter(audit::key_serial.eq(number)),
    );
    let marked = diesel::update(documents::table)
        .filter(between!(after_of(step), last.unwrap_or(LAST)))
        .filter(documents::key_exposed.eq(false))
        .filter(documents::key_serial.eq(number).or(has_left))
        .set(documents::key_exposed.eq(true))
        .execute(conn)
        .await?;
    Ok(Done::Keep(Walked {
        count: u64::try_from(marked).unwrap_or(u64::MAX),
        next: last.map(document_id).transpose()?,
    }))
}

pub(super) async fn count(
    conn: &mut Conn,
    serial: Serial,
    step: WalkStep,
) -> Result<Walked, Failure> {
    let last = last_of(conn, step).await?;
    let count: i64 = documents::table
        .filter(between!(after_of(step), last.unwrap_or(LAST)))
        .filter(documents::key_serial.eq(serial.as_i64()))
        .filter(documents::state.ne(DocumentState::Deleted.as_str()))
        .count()
        .get_result(conn)
        .await?;
    Ok(Walked {
        count: count.unsigned_abs(),
        next: last.map(document_id).transpose()?,
    })
}

/// The last document that a step looks at, by the primary key's index alone; `None` if there are
/// fewer than it may look at.
async fn last_of(conn: &mut Conn, step: WalkStep) -> QueryResult<Option<Key>> {
    documents::table
        .filter(between!(after_of(step), LAST))
        .order((documents::retention_class.asc(), documents::id.asc()))
        .select((documents::retention_class, documents::id))
        .offset(i64::from(step.examine.get()) - 1)
        .first(conn)
        .await
        .optional()
}

fn after_of(step: WalkStep) -> Key {
    step.after.map_or(FIRST, row_key)
}

fn document_id((_, id): Key) -> Result<DocumentId, StoreError> {
    DocumentId::from_uuid(id.0).map_err(StoreError::corrupt)
}
