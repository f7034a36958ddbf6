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
/// Every row that decides is locked FOR SHARE in the statement that decides. At READ COMMITTED
/// (PostgreSQL's documentation, 13.2.1) a row that somebody else has changed since the statement
/// began is waited for, read anew, and judged anew; one that was deleted is gone. Whoever changes
/// one of them later waits for our commit. So nothing that was acknowledged before our commit was
/// overlooked, and what comes after it is after the release.
///
/// Documents are locked in the order of their keys, as by whoever changes several of them in one
/// transaction, and a document before its entries, as by whoever removes it: so nobody waits in a
/// circle. Rows of one join are locked in the order in which `FROM` and `FOR SHARE` name the tables.
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
        out.push_sql("WITH asked AS MATERIALIZED (SELECT * FROM unnest(");
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
            ") AS a (n, class, id, kind, principal, need, user_id, api_key, at)), \
             allowed AS MATERIALIZED (\
               SELECT asked.n FROM asked \
               JOIN documents d ON d.retention_class = asked.class AND d.id = asked.id \
               JOIN entries e ON e.retention_class = asked.class AND e.document_id = asked.id \
                 AND e.principal_kind = asked.kind AND e.principal_id = asked.principal \
               JOIN key_pairs p ON p.serial = d.key_serial \
               JOIN users u ON u.id = asked.user_id \
               JOIN api_keys k ON k.id = asked.api_key \
               WHERE (e.rights & asked.need) = asked.need \
                 AND (e.expires_at IS NULL OR asked.at < e.expires_at) \
                 AND d.state IN (",
        );
        out.push_sql(RELEASABLE_DOCUMENTS);
        out.push_sql(
            ") AND (d.hold OR d.expires_at IS NULL OR asked.at < d.expires_at) \
                 AND p.algorithm = d.wrap_algorithm AND p.state IN (",
        );
        out.push_sql(RELEASING_PAIRS);
        out.push_sql(
            ") AND u.state = 'active' \
                 AND k.user_id = asked.user_id AND k.revoked_at IS NULL \
                 AND (k.expires_at IS NULL OR asked.at < k.expires_at) \
               ORDER BY asked.class, asked.id FOR SHARE OF d, e, p, u, k), \
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
