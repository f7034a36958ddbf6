use std::sync::Arc;

use crypt_keeper_domain::model::Record;
use crypt_keeper_domain::ports::{Release, ReleaseOutcome};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, SmallInt, Text, Timestamp};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::arrays::Arrays;
use super::audit_arrays::AuditArrays;
use super::span::Span;
use super::{Gather, index, number};
use crate::batch::Answers;
use crate::postgres::Conn;
use crate::postgres::connect::Purpose;
use crate::rows::{AuditRow, Key, Place, sql_time};
use crate::sql_types::{Id, SqlUuid};

/// A release to be recorded.
pub(super) struct Request {
    key: Key,
    release: Release,
    audit: AuditRow,
}

impl Request {
    pub(super) fn new(place: Place, release: &Release, act: &Record) -> Self {
        Self {
            key: place.key(release.document),
            release: release.clone(),
            audit: (&act.audit).into(),
        }
    }
}

/// Records releases, if everything still allows them.
///
/// Every row that decides is locked FOR SHARE in the statement that decides, each by a subquery of
/// its own. At READ COMMITTED (PostgreSQL's documentation, 13.2.1) a row that somebody else has
/// changed since the statement began is waited for, read anew, and judged anew by the subquery's
/// `WHERE`; one that was deleted is gone. Whoever changes one of them later waits for our commit. So
/// nothing that was acknowledged before our commit was overlooked, and what comes after it is after
/// the release. A request that is refused may have locked some of its rows until then, too: those
/// up to the one that refuses it.
///
/// Documents are locked in the order of their keys, as by whoever changes several of them in one
/// transaction, and a document before its entries, as by whoever removes it: so nobody waits in a
/// circle. Rows are locked as the joins come to them: in the order in which they are written, which
/// the connection has the planner keep ([`Purpose::GatheredLookups`]).
///
/// Partitions outside of the batch's [`Span`] are left out when it begins. A list of every table
/// whose rows may be locked stays in the plan; they are not searched, nor are their indexes opened.
pub(super) struct RecordRelease;

impl Gather for RecordRelease {
    const NAME: &'static str = "releases";
    const PURPOSE: Purpose = Purpose::GatheredLookups;
    type Request = Arc<Request>;
    type Answer = ReleaseOutcome;

    fn run(conn: &mut Conn, batch: Vec<Self::Request>) -> BoxFuture<'_, Answers<ReleaseOutcome>> {
        async move {
            let recorded: Vec<i64> = Statement::new(&batch).load(conn).await?;
            let mut answers: Vec<_> = batch.iter().map(|_| Ok(ReleaseOutcome::Refused)).collect();
            for number in recorded {
                if let Some(answer) = index(number).and_then(|index| answers.get_mut(index)) {
                    *answer = Ok(ReleaseOutcome::Recorded);
                }
            }
            Ok(answers)
        }
        .boxed()
    }
}

/// One element for each request and principal, and the audit entries, one for each request.
#[derive(QueryId, Default)]
pub(super) struct Statement {
    span: Span,
    numbers: Vec<i64>,
    classes: Vec<i16>,
    ids: Vec<SqlUuid>,
    principal_kinds: Vec<&'static str>,
    principal_ids: Vec<SqlUuid>,
    needs: Vec<i16>,
    users: Vec<SqlUuid>,
    api_keys: Vec<String>,
    moments: Vec<chrono::NaiveDateTime>,
    audit: AuditArrays,
}

impl Statement {
    pub(super) fn new(batch: &[Arc<Request>]) -> Self {
        let mut statement = Self::default();
        for (at, request) in batch.iter().enumerate() {
            let (release, (class, id)) = (&request.release, request.key);
            statement.audit.push(&request.audit);
            statement.span.include(request.key);
            for principal in &release.principals {
                statement.numbers.push(number(at));
                statement.classes.push(class);
                statement.ids.push(id);
                statement.principal_kinds.push(principal.kind().as_str());
                statement.principal_ids.push(SqlUuid(principal.id()));
                statement.needs.push(release.need.mask().into());
                statement.users.push(SqlUuid(release.user.uuid()));
                statement.api_keys.push(release.api_key.as_str().to_owned());
                statement.moments.push(sql_time(release.at));
            }
        }
        statement
    }
}

impl Query for Statement {
    type SqlType = BigInt;
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH allowed AS MATERIALIZED (\
               SELECT asked.n FROM (SELECT * FROM unnest(",
        );
        let mut arrays = Arrays::new(out.reborrow());
        arrays.bind::<BigInt, _>(&self.numbers)?;
        arrays.bind::<SmallInt, _>(&self.classes)?;
        arrays.bind::<Id, _>(&self.ids)?;
        arrays.bind::<Text, _>(&self.principal_kinds)?;
        arrays.bind::<Id, _>(&self.principal_ids)?;
        arrays.bind::<SmallInt, _>(&self.needs)?;
        arrays.bind::<Id, _>(&self.users)?;
        arrays.bind::<Text, _>(&self.api_keys)?;
        arrays.bind::<Timestamp, _>(&self.moments)?;
        out.push_sql(
            ") AS a (n, class, id, kind, principal, need, user_id, api_key, at) \
                 ORDER BY class, id) AS asked \
               CROSS JOIN LATERAL (\
                 SELECT retention_class, id, key_serial, wrap_algorithm FROM documents \
                 WHERE retention_class = asked.class AND id = asked.id AND ",
        );
        self.span.bind(&mut out, "retention_class", "id")?;
        out.push_sql(" AND state IN (");
        out.push_sql(RELEASABLE_DOCUMENTS);
        out.push_sql(") AND (hold OR expires_at IS NULL OR ");
        out.push_sql(MOMENT);
        out.push_sql(
            " < expires_at) \
                 OFFSET 0 FOR SHARE) AS d \
               CROSS JOIN LATERAL (\
                 SELECT FROM entries \
                 WHERE retention_class = d.retention_class AND document_id = d.id \
                   AND principal_kind = asked.kind AND principal_id = asked.principal AND ",
        );
        self.span.bind(&mut out, "retention_class", "document_id")?;
        out.push_sql(
            " AND (rights & asked.need) = asked.need \
                   AND (expires_at IS NULL OR ",
        );
        out.push_sql(MOMENT);
        out.push_sql(
            " < expires_at) \
                 OFFSET 0 FOR SHARE) AS e \
               CROSS JOIN LATERAL (\
                 SELECT FROM key_pairs \
                 WHERE serial = d.key_serial AND algorithm = d.wrap_algorithm AND state IN (",
        );
        out.push_sql(RELEASING_PAIRS);
        // Users have any number of keys: the key's own index is the one to go by.
        out.push_sql(
            ") OFFSET 0 FOR SHARE) AS p \
               CROSS JOIN LATERAL (\
                 SELECT FROM users WHERE id = asked.user_id AND state = 'active' \
                 OFFSET 0 FOR SHARE) AS u \
               JOIN LATERAL (\
                 SELECT user_id FROM api_keys WHERE id = asked.api_key AND revoked_at IS NULL \
                   AND (expires_at IS NULL OR ",
        );
        out.push_sql(MOMENT);
        out.push_sql(
            " < expires_at) \
                 OFFSET 0 FOR SHARE) AS k ON k.user_id = asked.user_id), \
             recorded AS (INSERT INTO audit (",
        );
        out.push_sql(AuditArrays::COLUMNS);
        out.push_sql(") SELECT ");
        out.push_sql(AuditArrays::COLUMNS);
        out.push_sql(" FROM unnest(");
        self.audit.bind(&mut Arrays::new(out.reborrow()))?;
        out.push_sql(") WITH ORDINALITY AS r (");
        out.push_sql(AuditArrays::COLUMNS);
        out.push_sql(
            ", n) WHERE r.n IN (SELECT n FROM allowed)) \
             SELECT DISTINCT n FROM allowed",
        );
        Ok(())
    }
}

/// What expiry is judged at: the moment of the request, or what the server's clock shows when the row
/// is judged, if that is later.
const MOMENT: &str = "GREATEST(asked.at, clock_timestamp() AT TIME ZONE 'UTC')";
/// The states that the domain lets a document be released in; a test holds them to it.
const RELEASABLE_DOCUMENTS: &str = "'pending', 'available'";
/// The states that the domain lets a key pair unwrap for release in; a test holds them to it.
const RELEASING_PAIRS: &str = "'active', 'deactivated'";

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::{DocumentState, KeyState, UserState};

    use super::*;

    #[test]
    fn the_states_are_the_domains() {
        let documents: Vec<_> = DocumentState::ALL
            .iter()
            .filter(|state| state.is_releasable())
            .map(|state| format!("'{state}'"))
            .collect();
        assert_eq!(RELEASABLE_DOCUMENTS, documents.join(", "));
        let pairs: Vec<_> = KeyState::ALL
            .iter()
            .filter(|state| state.may_release())
            .map(|state| format!("'{state}'"))
            .collect();
        assert_eq!(RELEASING_PAIRS, pairs.join(", "));
        assert_eq!(UserState::Active.as_str(), "active");
    }
}
