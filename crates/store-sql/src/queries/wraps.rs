//! Which key pair a document's key is wrapped under: rewrapping, and walks over the documents of a
//! pair.

use std::collections::HashMap;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, DocumentState, KeyPair, KeyState, Scope, Serial,
};
use crypt_keeper_domain::ports::{Rewrap, RewrapOutcome, StoreError, WalkStep, Walked, Wraps};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, dialect, partitions, rewraps};
use super::{Done, between};
use crate::error::Failure;
use crate::rows::{AuditRow, Key, KeyPairRow, Place, WrapRow};
use crate::schema::{audit, documents, key_pairs};
use crate::sql_types::SqlUuid;

/// Those of them that are to be marked: wrapped under the pair, now or once.
macro_rules! to_mark {
    ($after:expr, $last:expr, $serial:expr) => {
        between!($after, $last)
            .and(documents::key_exposed.eq(false))
            .and(
                documents::key_serial.eq($serial).or(exists(
                    audit::table
                        .filter(audit::document_id.eq(documents::id.nullable()))
                        .filter(audit::action.eq(AuditAction::DocumentRewrapped.as_str()))
                        .filter(audit::key_serial.eq($serial)),
                )),
            )
    };
}

/// A rewrap as the rows hold it.
pub(in super::super) struct NewWrap {
    pub(in super::super) key: Key,
    seen_serial: Serial,
    pub(in super::super) serial: Serial,
    scope: Scope,
    pub(in super::super) algorithm: &'static str,
    pub(in super::super) bytes: Vec<u8>,
    pub(in super::super) commitment: Vec<u8>,
    /// Whether the pair that it leaves is compromised.
    pub(in super::super) exposed: bool,
    pub(in super::super) audit: AuditRow,
}

impl NewWrap {
    /// Of a document in a place.
    pub(super) fn new(place: Place, rewrap: &Rewrap) -> Self {
        let wrapped = &rewrap.wrapped;
        Self {
            key: place.key(rewrap.document),
            seen_serial: rewrap.seen_serial,
            serial: wrapped.serial,
            scope: wrapped.scope.clone(),
            algorithm: wrapped.algorithm.as_str(),
            bytes: wrapped.bytes.clone(),
            commitment: wrapped.commitment.as_bytes().to_vec(),
            exposed: false,
            audit: (&rewrap.record.audit).into(),
        }
    }
}

/// A step of a walk in the order of the rows' keys.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Behind which key it begins.
    after: Key,
    /// Up to which key it may go.
    end: Key,
    /// How many documents it looks at, at most.
    examine: u32,
}

impl Step {
    /// A step through a place.
    pub(super) fn new(place: Place, step: &WalkStep) -> Self {
        Self {
            after: step.after.map_or(place.first(), |id| place.key(id)),
            end: place.last(),
            examine: step.examine.get(),
        }
    }
}

/// The pairs' rows are shared first, as by inserts: whoever changes a pair waits for our commit, or
/// has committed and is seen. Documents follow in the order of their keys, so that two who rewrap
/// at once do not wait in a circle. What is locked can be judged, and written in one go.
pub(super) async fn rewrap(
    conn: &mut Conn,
    rewraps: Vec<NewWrap>,
) -> Result<Done<Vec<RewrapOutcome>>, Failure> {
    if rewraps.is_empty() {
        return Ok(Done::Undo(Vec::new()));
    }
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

    let mut keys: Vec<Key> = rewraps.iter().map(|new| new.key).collect();
    keys.sort_unstable_by_key(|key| (key.0, key.1.0));
    keys.dedup();
    let mut under = rewraps::lock(conn, keys).await?;
    let mut outcomes = Vec::with_capacity(rewraps.len());
    let mut written = Vec::with_capacity(rewraps.len());
    let mut missing = Vec::new();
    for mut new in rewraps {
        let left = pairs.get(&new.seen_serial);
        let outcome = judge(
            &new,
            under.get(&new.key).copied(),
            left,
            pairs.get(&new.serial),
        );
        if outcome == RewrapOutcome::Rewrapped {
            new.exposed = left.is_some_and(|pair| pair.state == KeyState::Compromised);
            // Another one of the same document has come too late.
            under.insert(new.key, new.serial.as_i64());
            written.push(new);
        } else if outcome == RewrapOutcome::Missing {
            missing.push(new.key);
        }
        outcomes.push(outcome);
    }
    partitions::must_all_be_in_reach(conn, &missing).await?;
    if written.is_empty() {
        return Ok(Done::Undo(outcomes));
    }
    rewraps::write(conn, written).await?;
    Ok(Done::Keep(outcomes))
}

/// `under` is the serial that the document is wrapped under, `left` and `taken` are the pair that
/// was seen and the new one.
fn judge(
    new: &NewWrap,
    under: Option<i64>,
    left: Option<&KeyPair>,
    taken: Option<&KeyPair>,
) -> RewrapOutcome {
    let is_of_scope = left.is_some_and(|pair| pair.scope == new.scope);
    let may_wrap = taken.is_some_and(|pair| {
        pair.state.may_wrap() && pair.scope == new.scope && pair.algorithm.as_str() == new.algorithm
    });
    match under {
        None => RewrapOutcome::Missing,
        Some(serial) if serial != new.seen_serial.as_i64() => RewrapOutcome::Stale,
        Some(_) if is_of_scope && may_wrap => RewrapOutcome::Rewrapped,
        Some(_) => RewrapOutcome::KeyPairNotActive,
    }
}

/// The documents are locked in the order of their keys, before one statement marks them in whatever
/// order: as by releases and rewraps, so that nobody waits in a circle.
pub(super) async fn mark_exposed(
    conn: &mut Conn,
    serial: Serial,
    step: Step,
) -> Result<Done<Walked>, Failure> {
    partitions::keep_attached(conn).await?;
    let last = last_of(conn, step).await?;
    let (after, end) = (step.after, last.unwrap_or(step.end));
    // Before, for a table that is attached meanwhile; and after, for one that begins to leave.
    partitions::must_be_whole(conn, after, end).await?;
    let number = serial.as_i64();
    let ids: Vec<SqlUuid> = documents::table
        .filter(to_mark!(after, end, number))
        .select(documents::id)
        .load(conn)
        .await?;
    dialect::lock_documents(conn, after, end, &ids).await?;
    let marked = diesel::update(documents::table)
        .filter(to_mark!(after, end, number))
        .set(documents::key_exposed.eq(true))
        .execute(conn)
        .await?;
    partitions::must_be_whole(conn, after, end).await?;
    Ok(Done::Keep(Walked {
        count: u64::try_from(marked).unwrap_or(u64::MAX),
        next: last.map(document_id).transpose()?,
    }))
}

pub(super) async fn count(conn: &mut Conn, serial: Serial, step: Step) -> Result<Walked, Failure> {
    partitions::at_one_moment(conn, move |conn| count_now(conn, serial, step).boxed()).await
}

async fn count_now(conn: &mut Conn, serial: Serial, step: Step) -> Result<Walked, Failure> {
    let last = last_of(conn, step).await?;
    let end = last.unwrap_or(step.end);
    partitions::must_be_whole(conn, step.after, end).await?;
    let count: i64 = documents::table
        .filter(between!(step.after, end))
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

pub(super) async fn under(conn: &mut Conn, serial: Serial, step: Step) -> Result<Wraps, Failure> {
    partitions::at_one_moment(conn, move |conn| under_now(conn, serial, step).boxed()).await
}

async fn under_now(conn: &mut Conn, serial: Serial, step: Step) -> Result<Wraps, Failure> {
    let pair = key_pairs::table
        .find(serial.as_i64())
        .select(KeyPairRow::as_select())
        .first(conn)
        .await
        .optional()?;
    let pair = pair.map(KeyPair::try_from).transpose()?;
    let last = last_of(conn, step).await?;
    let end = last.unwrap_or(step.end);
    partitions::must_be_whole(conn, step.after, end).await?;
    let rows: Vec<WrapRow> = documents::table
        .filter(between!(step.after, end))
        .filter(documents::key_serial.eq(serial.as_i64()))
        .filter(documents::state.ne(DocumentState::Deleted.as_str()))
        .order((documents::retention_class.asc(), documents::id.asc()))
        .select(WrapRow::as_select())
        .load(conn)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        // A row that cannot be named cannot be answered for.
        let id = DocumentId::from_uuid(row.id.0).map_err(StoreError::corrupt)?;
        found.push((id, row.into_wrap(pair.as_ref())));
    }
    Ok(Wraps {
        found,
        next: last.map(document_id).transpose()?,
    })
}

/// The last document that a step looks at, by the primary key's index alone; `None` if there are
/// fewer than it may look at.
async fn last_of(conn: &mut Conn, step: Step) -> QueryResult<Option<Key>> {
    documents::table
        .filter(between!(step.after, step.end))
        .order((documents::retention_class.asc(), documents::id.asc()))
        .select((documents::retention_class, documents::id))
        .offset(i64::from(step.examine) - 1)
        .first(conn)
        .await
        .optional()
}

fn document_id((_, id): Key) -> Result<DocumentId, StoreError> {
    DocumentId::from_uuid(id.0).map_err(StoreError::corrupt)
}
