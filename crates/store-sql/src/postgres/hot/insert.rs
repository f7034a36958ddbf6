use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use crypt_keeper_domain::model::{Document, Entry, Partition, PrincipalKind, Record, Rights};
use crypt_keeper_domain::ports::{InsertOutcome, StoreError};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt, Text, Timestamp};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::arrays::Arrays;
use super::audit_arrays::AuditArrays;
use super::document_arrays::DocumentArrays;
use super::span::Span;
use super::{Gather, index};
use crate::batch::Answers;
use crate::error::is_without_partition;
use crate::postgres::Conn;
use crate::postgres::connect::Purpose;
use crate::postgres::partitions::lost;
use crate::rows::{AuditRow, DocumentRow, EntryRow, Place, sql_time};
use crate::sql_types::{Id, SqlUuid};

/// A document to be stored.
pub(super) struct Request {
    document: DocumentRow,
    partition: Partition,
    /// The scope that its key pair must have.
    scope: String,
    /// The moment in its id; absent for ids that are exempt from the window.
    made_at: Option<NaiveDateTime>,
    entry: EntryRow,
    audit: AuditRow,
}

impl Request {
    pub(super) fn new(
        place: Place,
        document: &Document,
        owner_entry: &Entry,
        act: &Record,
    ) -> Self {
        Self {
            document: place.document(document),
            partition: document.id.partition(),
            scope: document.wrapped_key.scope.to_string(),
            made_at: document.id.created_at().map(sql_time),
            entry: place.entry(owner_entry),
            audit: (&act.audit).into(),
        }
    }
}

impl Request {
    /// Whether the entry is what an owner gets, and nothing else.
    fn is_owners_own(&self) -> bool {
        let (document, entry) = (&self.document, &self.entry);
        entry.principal_kind == PrincipalKind::User.as_str()
            && entry.principal_id == document.owner
            && entry.rights == i16::from(Rights::OWNER.mask())
            && entry.granted_by == document.owner
            && entry.granted_at == document.created_at
            && entry.expires_at.is_none()
    }
}

/// Stores documents with their owners' entries and records.
///
/// The row of the key pair is locked FOR SHARE and must be active once the lock is held: whoever
/// retires the pair waits for our commit, or has committed and is seen.
pub(super) struct Insert;

impl Gather for Insert {
    const NAME: &'static str = "inserts";
    const PURPOSE: Purpose = Purpose::GatheredInserts;
    type Request = Arc<Request>;
    type Answer = InsertOutcome;

    fn run(conn: &mut Conn, batch: Vec<Arc<Request>>) -> BoxFuture<'_, Answers<InsertOutcome>> {
        async move {
            Ok(store(conn, batch, |conn, batch| {
                Statement::new(batch).load(conn).boxed()
            })
            .await?)
        }
        .boxed()
    }
}

/// The same for a database role that may neither lock key pairs nor enter owners by itself: it has
/// a function for each (migration `ingest_functions`), with the rights of the tables' owner.
pub(super) struct IngestInsert;

impl Gather for IngestInsert {
    const NAME: &'static str = "inserts";
    const PURPOSE: Purpose = Purpose::GatheredInserts;
    type Request = Arc<Request>;
    type Answer = InsertOutcome;

    fn run(conn: &mut Conn, batch: Vec<Arc<Request>>) -> BoxFuture<'_, Answers<InsertOutcome>> {
        async move {
            // The function enters what the document's row says: it must be what was asked.
            if let Some(request) = batch.iter().find(|request| !request.is_owners_own()) {
                let id = request.document.id.0;
                let words = format!("the entry of document {id} is not its owner's");
                return Err(StoreError::Backend(words.into()).into());
            }
            Ok(store(conn, batch, |conn, batch| {
                IngestStatement(Statement::new(batch)).load(conn).boxed()
            })
            .await?)
        }
        .boxed()
    }
}

/// Runs a statement.
type Run = for<'c> fn(&'c mut Conn, &[Arc<Request>]) -> BoxFuture<'c, QueryResult<Vec<Verdict>>>;

/// Runs a statement for a batch. If a partition has no table, its documents are refused, and those
/// of the others are stored.
async fn store(
    conn: &mut Conn,
    batch: Vec<Arc<Request>>,
    run: Run,
) -> QueryResult<Vec<Result<InsertOutcome, StoreError>>> {
    match run(conn, &batch).await {
        Ok(rows) => return Ok(answers(batch.len(), rows)),
        Err(error) if is_without_partition(&error) => {}
        Err(error) => return Err(error),
    }
    let mut stored = answers(batch.len(), Vec::new());
    let mut groups: HashMap<Partition, Vec<usize>> = HashMap::new();
    for (at, request) in batch.iter().enumerate() {
        groups.entry(request.partition).or_default().push(at);
    }
    for (partition, group) in groups {
        let requests: Vec<_> = group.iter().map(|at| Arc::clone(&batch[*at])).collect();
        let answered = match run(conn, &requests).await {
            Ok(rows) => answers(group.len(), rows),
            Err(error) if is_without_partition(&error) => {
                group.iter().map(|_| Err(lost(partition))).collect()
            }
            Err(error) => return Err(error),
        };
        for (at, answer) in group.into_iter().zip(answered) {
            stored[at] = answer;
        }
    }
    Ok(stored)
}

fn answers(asked: usize, rows: Vec<Verdict>) -> Vec<Result<InsertOutcome, StoreError>> {
    let unanswered = || Err(StoreError::Backend("an insert was not answered".into()));
    let mut answers: Vec<_> = std::iter::repeat_with(unanswered).take(asked).collect();
    for verdict in rows {
        let answer = index(verdict.0).and_then(|index| answers.get_mut(index));
        if let Some(answer) = answer {
            *answer = judge(verdict);
        }
    }
    answers
}

/// Number, stored, taken, within the window, pair active.
type Verdict = (i64, bool, bool, bool, bool);

fn judge(
    (_, stored, taken, in_window, pair_is_active): Verdict,
) -> Result<InsertOutcome, StoreError> {
    if stored {
        Ok(InsertOutcome::Inserted)
    } else if taken {
        Err(StoreError::Conflict)
    } else if !in_window {
        Ok(InsertOutcome::OutsideWindow)
    } else if !pair_is_active {
        Ok(InsertOutcome::KeyPairNotActive)
    } else {
        // Taken while the statement ran, or by another request of the batch.
        Err(StoreError::Conflict)
    }
}

#[derive(QueryId, Default)]
pub(super) struct Statement {
    span: Span,
    documents: DocumentArrays,
    scopes: Vec<String>,
    made_at: Vec<Option<NaiveDateTime>>,
    principal_kinds: Vec<String>,
    principal_ids: Vec<SqlUuid>,
    rights: Vec<i16>,
    granted_by: Vec<SqlUuid>,
    granted_at: Vec<NaiveDateTime>,
    entries_expire_at: Vec<Option<NaiveDateTime>>,
    audit: AuditArrays,
}

impl Statement {
    pub(super) fn new(batch: &[Arc<Request>]) -> Self {
        let mut statement = Self::default();
        for request in batch {
            statement.push(request);
        }
        statement
    }

    fn push(&mut self, request: &Request) {
        let document = &request.document;
        self.span.include((document.retention_class, document.id));
        self.documents.push(document);
        self.scopes.push(request.scope.clone());
        self.made_at.push(request.made_at);
        let entry = request.entry.clone();
        self.principal_kinds.push(entry.principal_kind);
        self.principal_ids.push(entry.principal_id);
        self.rights.push(entry.rights);
        self.granted_by.push(entry.granted_by);
        self.granted_at.push(entry.granted_at);
        self.entries_expire_at.push(entry.expires_at);
        self.audit.push(&request.audit);
    }

    fn bind<'b>(&'b self, arrays: &mut Arrays<'_, 'b>) -> QueryResult<()> {
        self.documents.bind(arrays)?;
        arrays.bind::<Text, _>(&self.scopes)?;
        arrays.bind::<Nullable<Timestamp>, _>(&self.made_at)?;
        arrays.bind::<Text, _>(&self.principal_kinds)?;
        arrays.bind::<Id, _>(&self.principal_ids)?;
        arrays.bind::<SmallInt, _>(&self.rights)?;
        arrays.bind::<Id, _>(&self.granted_by)?;
        arrays.bind::<Timestamp, _>(&self.granted_at)?;
        arrays.bind::<Nullable<Timestamp>, _>(&self.entries_expire_at)
    }
}

/// What the statement asks besides the document: the scope, the moment in the id, the entry.
const FURTHER_COLUMNS: &str = "scope, made_at, principal_kind, principal_id, rights, granted_by, \
     granted_at, entry_expires_at";

impl Query for Statement {
    type SqlType = (BigInt, Bool, Bool, Bool, Bool);
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.walk(&BY_ITSELF, out)
    }
}

/// [`Statement`] by way of the functions.
#[derive(QueryId)]
pub(super) struct IngestStatement(pub(super) Statement);

impl Query for IngestStatement {
    type SqlType = <Statement as Query>::SqlType;
}

impl QueryFragment<Pg> for IngestStatement {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk(&BY_FUNCTIONS, out)
    }
}

/// How key pairs are locked and owners entered.
struct Means {
    /// Before and after the serials: active pairs, locked in the order of their serials, as whoever
    /// changes several pairs locks them.
    pairs: [&'static str; 2],
    /// The entries of the documents that were stored.
    owned: &'static str,
    /// What makes `owned` be executed where it does not execute itself.
    then: &'static str,
}

const BY_ITSELF: Means = Means {
    pairs: [
        "SELECT serial, scope, algorithm FROM key_pairs WHERE serial = ANY (",
        ") AND state = 'active' ORDER BY serial FOR SHARE",
    ],
    owned: "INSERT INTO entries (retention_class, document_id, principal_kind, principal_id, \
              rights, granted_by, granted_at, expires_at) \
            SELECT retention_class, id, principal_kind, principal_id, rights, granted_by, \
              granted_at, entry_expires_at \
            FROM chosen JOIN stored USING (retention_class, id)",
    then: "",
};

/// Volatile functions see what the statement that calls them has done so far: gathering the ids
/// makes that all of `stored`. The function fails, and all with it, if it enters fewer.
const BY_FUNCTIONS: Means = Means {
    pairs: [
        "SELECT serial, scope, algorithm FROM ingest_lock_key_pairs(",
        ")",
    ],
    owned: "SELECT o.* FROM (SELECT array_agg(retention_class) AS classes, array_agg(id) AS ids \
              FROM stored) s, ingest_enter_owners(s.classes, s.ids) o",
    then: " LEFT JOIN owned ON owned.entered_class = stored.retention_class \
             AND owned.entered_id = stored.id \
           WHERE stored.id IS NULL OR owned.entered_id IS NOT NULL",
};

impl Statement {
    fn walk<'b>(&'b self, means: &Means, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH asked AS MATERIALIZED (SELECT * FROM unnest(");
        self.bind(&mut Arrays::new(out.reborrow()))?;
        out.push_sql(") WITH ORDINALITY AS a (");
        out.push_sql(DocumentArrays::COLUMNS);
        out.push_sql(", ");
        out.push_sql(FURTHER_COLUMNS);
        let [before_serials, after_serials] = means.pairs;
        out.push_sql(", n)), pairs AS MATERIALIZED (");
        out.push_sql(before_serials);
        out.push_bind_param::<Array<BigInt>, _>(&self.documents.key_serials)?;
        out.push_sql(after_serials);
        out.push_sql(
            "), \
             clock AS MATERIALIZED (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now), \
             judged AS MATERIALIZED (\
               SELECT asked.*, pairs.serial IS NOT NULL AS pair_is_active, \
                 asked.made_at IS NULL OR asked.made_at BETWEEN ",
        );
        out.push_sql(WINDOW);
        out.push_sql(
            " AS in_window FROM asked CROSS JOIN clock \
               LEFT JOIN pairs ON pairs.serial = asked.key_serial \
                 AND pairs.scope = asked.scope AND pairs.algorithm = asked.wrap_algorithm), \
             chosen AS MATERIALIZED (\
               SELECT DISTINCT ON (retention_class, id) * FROM judged \
               WHERE pair_is_active AND in_window ORDER BY retention_class, id, n), \
             stored AS (INSERT INTO documents (",
        );
        out.push_sql(DocumentArrays::COLUMNS);
        out.push_sql(") SELECT ");
        out.push_sql(DocumentArrays::COLUMNS);
        out.push_sql(
            " FROM chosen ON CONFLICT (retention_class, id) DO NOTHING \
               RETURNING retention_class, id), \
             owned AS (",
        );
        out.push_sql(means.owned);
        out.push_sql("), recorded AS (INSERT INTO audit (");
        out.push_sql(AuditArrays::COLUMNS);
        out.push_sql(") SELECT ");
        out.push_sql(AuditArrays::COLUMNS_OF_R);
        out.push_sql(" FROM unnest(");
        self.audit.bind(&mut Arrays::new(out.reborrow()))?;
        out.push_sql(") WITH ORDINALITY AS r (");
        out.push_sql(AuditArrays::COLUMNS);
        out.push_sql(
            ", n) JOIN chosen ON chosen.n = r.n \
               JOIN stored ON stored.retention_class = chosen.retention_class \
                 AND stored.id = chosen.id) \
             SELECT judged.n, stored.id IS NOT NULL, \
               CASE WHEN stored.id IS NULL THEN EXISTS (SELECT FROM documents d \
                 WHERE d.retention_class = judged.retention_class AND d.id = judged.id AND ",
        );
        self.span.bind(&mut out, "d.retention_class", "d.id")?;
        out.push_sql(
            " OFFSET 0) ELSE false END, \
               judged.in_window, judged.pair_is_active \
             FROM judged LEFT JOIN chosen ON chosen.n = judged.n \
               LEFT JOIN stored ON stored.retention_class = chosen.retention_class \
                 AND stored.id = chosen.id",
        );
        out.push_sql(means.then);
        Ok(())
    }
}

/// From when to when an id may have been made; a test holds it to the domain's.
const WINDOW: &str = "clock.now - interval '300 seconds' AND clock.now + interval '60 seconds'";

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::{DocumentId, KeyState};

    use super::*;

    #[test]
    fn the_window_and_the_state_are_the_domains() {
        let window = format!(
            "clock.now - interval '{} seconds' AND clock.now + interval '{} seconds'",
            DocumentId::MAX_BEHIND.as_secs(),
            DocumentId::MAX_AHEAD.as_secs()
        );
        assert_eq!(WINDOW, window);
        let wrapping: Vec<_> = KeyState::ALL
            .iter()
            .filter(|state| state.may_wrap())
            .map(|state| state.as_str())
            .collect();
        assert_eq!(wrapping, ["active"]);
    }
}
