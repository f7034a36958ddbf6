use async_trait::async_trait;
use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, MAX_LIVE_API_KEYS, Page, PageRequest, Record, RetentionClass, Timestamp,
    User, UserId, UserName, UserState,
};
use crypt_keeper_domain::ports::{Accounts, ApiKeyInsert, Change, StoreError, UserInsert};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Store, dialect, hot};
use super::{Done, InsertAnswers, end_insert, record};
use crate::error::Failure;
use crate::rows::{ApiKeyRow, AuditRow, UserRow, sql_time};
use crate::schema::{api_keys, users};
use crate::sql_types::SqlUuid;

/// The most ids of one statement: SQLite binds each as a variable.
const IDS_PER_STATEMENT: usize = 1000;

#[async_trait]
impl Accounts for Store {
    async fn insert_user(&self, user: &User, act: &Record) -> Result<UserInsert, StoreError> {
        let row = UserRow::from(user);
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| insert_user(conn, row, audit).boxed())
            .await
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let name = name.as_str().to_owned();
        self.read(move |conn| {
            async move {
                let row = users::table
                    .filter(users::name.eq(name))
                    .select(UserRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                Ok(row.map(User::try_from).transpose()?)
            }
            .boxed()
        })
        .await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let ids: Vec<_> = ids.iter().map(|id| SqlUuid(id.uuid())).collect();
        self.read(move |conn| {
            async move {
                let mut found = Vec::with_capacity(ids.len());
                for ids in ids.chunks(IDS_PER_STATEMENT) {
                    let rows = users::table
                        .filter(users::id.eq_any(ids))
                        .select(UserRow::as_select())
                        .load(conn)
                        .await?;
                    for row in rows {
                        found.push(User::try_from(row)?);
                    }
                }
                Ok(found)
            }
            .boxed()
        })
        .await
    }

    async fn list_users(
        &self,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, StoreError> {
        let limit = page.limit;
        // No name is empty, so every name comes after it.
        let after = page.after.as_ref().map_or("", UserName::as_str).to_owned();
        self.read(move |conn| {
            async move {
                let rows = users::table
                    .filter(users::name.gt(after))
                    .order(users::name.asc())
                    .limit(one_more(limit))
                    .select(UserRow::as_select())
                    .load(conn)
                    .await?;
                let users = rows
                    .into_iter()
                    .map(User::try_from)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Page::cut(users, limit, |user| user.name.clone()))
            }
            .boxed()
        })
        .await
    }

    async fn set_user_state(
        &self,
        id: UserId,
        state: UserState,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let id = SqlUuid(id.uuid());
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| {
            async move {
                let changed = diesel::update(users::table.find(id))
                    .filter(users::state.ne(state.as_str()))
                    .set(users::state.eq(state.as_str()))
                    .execute(conn)
                    .await?;
                changed_user(conn, id, changed, audit).await
            }
            .boxed()
        })
        .await
    }

    async fn set_user_retention(
        &self,
        id: UserId,
        retention: Option<RetentionClass>,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let id = SqlUuid(id.uuid());
        let class = retention.map(|class| i16::from(class.number()));
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| {
            async move {
                let of_the_id = diesel::update(users::table.find(id));
                let changed = match class {
                    Some(class) => {
                        let is_other = users::retention_class
                            .is_null()
                            .or(users::retention_class.ne(class));
                        of_the_id
                            .filter(is_other)
                            .set(users::retention_class.eq(class))
                            .execute(conn)
                            .await?
                    }
                    None => {
                        of_the_id
                            .filter(users::retention_class.is_not_null())
                            .set(users::retention_class.eq(None::<i16>))
                            .execute(conn)
                            .await?
                    }
                };
                changed_user(conn, id, changed, audit).await
            }
            .boxed()
        })
        .await
    }

    async fn insert_api_key(&self, key: &ApiKey, act: &Record) -> Result<ApiKeyInsert, StoreError> {
        let row = ApiKeyRow::from(key);
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| insert_api_key(conn, row, audit).boxed())
            .await
    }

    async fn find_api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, User)>, StoreError> {
        hot::find_api_key(self, id).await
    }

    async fn list_api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let user = SqlUuid(user.uuid());
        self.read(move |conn| {
            async move {
                let rows = api_keys::table
                    .filter(api_keys::user_id.eq(user))
                    .order((api_keys::created_at.asc(), api_keys::id.asc()))
                    .select(ApiKeyRow::as_select())
                    .load(conn)
                    .await?;
                Ok(rows
                    .into_iter()
                    .map(ApiKey::try_from)
                    .collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        at: Timestamp,
        act: &Record,
    ) -> Result<Change, StoreError> {
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| {
            async move {
                let key = api_keys::table.find(id.as_str());
                let changed = diesel::update(key)
                    .filter(api_keys::revoked_at.is_null())
                    .set(api_keys::revoked_at.eq(sql_time(at)))
                    .execute(conn)
                    .await?;
                if changed > 0 {
                    record(conn, &[audit]).await?;
                    return Ok(Done::Keep(Change::Changed));
                }
                let there: bool = diesel::select(exists(key)).get_result(conn).await?;
                Ok(Done::Undo(if there {
                    Change::Unchanged
                } else {
                    Change::Missing
                }))
            }
            .boxed()
        })
        .await
    }
}

/// How many rows to ask for: one more than the page holds shows whether there is another page.
pub(super) fn one_more(limit: crypt_keeper_domain::model::PageLimit) -> i64 {
    i64::try_from(limit.get()).unwrap_or(i64::MAX - 1) + 1
}

/// What became of a change of a user, of whom so many rows were changed.
async fn changed_user(
    conn: &mut Conn,
    id: SqlUuid,
    changed: usize,
    audit: AuditRow,
) -> Result<Done<Change>, Failure> {
    if changed > 0 {
        record(conn, &[audit]).await?;
        return Ok(Done::Keep(Change::Changed));
    }
    let there: bool = diesel::select(exists(users::table.find(id)))
        .get_result(conn)
        .await?;
    Ok(Done::Undo(if there {
        Change::Unchanged
    } else {
        Change::Missing
    }))
}

async fn insert_user(
    conn: &mut Conn,
    row: UserRow,
    audit: AuditRow,
) -> Result<Done<UserInsert>, Failure> {
    let rows = diesel::insert_into(users::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let of_the_id = users::table.find(row.id);
    let answers = InsertAnswers {
        stored: UserInsert::Inserted,
        refused: UserInsert::NameTaken,
    };
    end_insert(conn, rows, audit, answers, |conn| {
        diesel::select(exists(of_the_id)).get_result(conn).boxed()
    })
    .await
}

async fn insert_api_key(
    conn: &mut Conn,
    row: ApiKeyRow,
    audit: AuditRow,
) -> Result<Done<ApiKeyInsert>, Failure> {
    let taken: bool = diesel::select(exists(api_keys::table.find(row.id.as_str())))
        .get_result(conn)
        .await?;
    if taken {
        return Err(StoreError::Conflict.into());
    }
    // Whoever makes keys for the same user waits here, so the count below stays true.
    if !dialect::lock_user(conn, row.user_id).await? {
        return Ok(Done::Undo(ApiKeyInsert::NoSuchUser));
    }
    let live: i64 = api_keys::table
        .filter(api_keys::user_id.eq(row.user_id))
        .filter(api_keys::revoked_at.is_null())
        .filter(
            api_keys::expires_at
                .is_null()
                .or(api_keys::expires_at.gt(row.created_at)),
        )
        .count()
        .get_result(conn)
        .await?;
    if usize::try_from(live).is_ok_and(|live| live >= MAX_LIVE_API_KEYS) {
        return Ok(Done::Undo(ApiKeyInsert::TooMany));
    }
    diesel::insert_into(api_keys::table)
        .values(&row)
        .execute(conn)
        .await?;
    record(conn, &[audit]).await?;
    Ok(Done::Keep(ApiKeyInsert::Inserted))
}
