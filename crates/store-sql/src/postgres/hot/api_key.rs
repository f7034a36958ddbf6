use crypt_keeper_domain::model::{ApiKey, ApiKeyId, User};
use crypt_keeper_domain::ports::StoreError;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::arrays::Arrays;
use super::{Gather, index};
use crate::batch::Answers;
use crate::postgres::Conn;
use crate::postgres::connect::Purpose;
use crate::rows::{ApiKeyRow, UserRow};
use crate::schema::{api_keys, users};

/// API keys and their users, by id.
pub(super) struct FindApiKey;

impl Gather for FindApiKey {
    const NAME: &'static str = "API keys";
    const PURPOSE: Purpose = Purpose::GatheredLookups;
    type Request = ApiKeyId;
    type Answer = Option<(ApiKey, User)>;

    fn run(conn: &mut Conn, batch: Vec<ApiKeyId>) -> BoxFuture<'_, Answers<Self::Answer>> {
        async move {
            let rows: Vec<(i64, ApiKeyRow, UserRow)> = Statement::new(&batch).load(conn).await?;
            let mut answers: Vec<_> = batch.iter().map(|_| Ok(None)).collect();
            for (number, key, user) in rows {
                if let Some(answer) = index(number).and_then(|index| answers.get_mut(index)) {
                    *answer = both(key, user);
                }
            }
            Ok(answers)
        }
        .boxed()
    }
}

fn both(key: ApiKeyRow, user: UserRow) -> Result<Option<(ApiKey, User)>, StoreError> {
    Ok(Some((key.try_into()?, user.try_into()?)))
}

#[derive(QueryId)]
pub(super) struct Statement {
    ids: Vec<String>,
}

impl Statement {
    pub(super) fn new(batch: &[ApiKeyId]) -> Self {
        Self {
            ids: batch.iter().map(|id| id.as_str().to_owned()).collect(),
        }
    }
}

impl Query for Statement {
    type SqlType = (BigInt, api_keys::SqlType, users::SqlType);
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT asked.n, \
               k.id, k.user_id, k.digest, k.created_at, k.expires_at, k.revoked_at, \
               u.id, u.name, u.state, u.created_at, u.retention_class \
             FROM unnest(",
        );
        Arrays::new(out.reborrow()).bind::<Text, _>(&self.ids)?;
        out.push_sql(
            ") WITH ORDINALITY AS asked (id, n) \
             JOIN api_keys k ON k.id = asked.id \
             JOIN users u ON u.id = k.user_id",
        );
        Ok(())
    }
}
